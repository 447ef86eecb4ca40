"""The surface of the current map: its level, in two units, its colour, and its detail."""

from __future__ import annotations

import math
from functools import partial

from qtpy.QtCore import QSignalBlocker, QTimer
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QColorDialog,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from napari_cryoai.core.isosurface import Mesh
from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.layout import column, grid
from napari_cryoai.ui.kit.parts import button, hint
from napari_cryoai.ui.maps.level_histogram import LevelHistogram
from napari_cryoai.ui.maps.session import COLOURS, MapSession, OpenMap

SAY_MS = 60
"""How long figures may lag behind a level that moves."""


class SurfacePanel(QWidget):
    """Moves the level of the map that the session is turned to."""

    def __init__(self, session: MapSession, parent: QWidget | None = None):
        super().__init__(parent)
        self.session = session
        self.histogram = LevelHistogram(self)
        self.level = _spin_box("Level in map units", self)
        self.sigma = _spin_box("Level in sigma", self)
        self.sigma.setSuffix(" \N{GREEK SMALL LETTER SIGMA}")
        self.sigma.setDecimals(2)
        self.sigma.setSingleStep(0.1)
        self.suggested = button(
            "Suggest", self._suggest, tip="Back to the level that was chosen when it was opened"
        )
        self.encloses = QLabel(self)
        self.encloses.setWordWrap(True)
        self.swatches = ColourRow(self)
        self.thinned = hint("", self)
        self.all_detail = button(
            "Draw every voxel", self._want_detail, tip="Finer, but slower to turn"
        )
        # A window with a canvas is put together anew for every widget that changes.
        self._later = QTimer(self, interval=SAY_MS, singleShot=True)
        self._later.timeout.connect(self._say_level)
        self._build()
        self._connect()
        self.refresh()

    def _build(self) -> None:
        fields = grid(
            ("Level", self.level, self.sigma, self.suggested),
            ("Colour", (self.swatches, 3)),
            stretch=(1, 2),
            spacing=6,
        )
        below = (self.encloses, self.thinned, self.all_detail)
        self._column = column(self.histogram, fields, *below, of=self, spacing=5)

    def add_below_colour(self, widget: QWidget) -> None:
        """Put what else colours the surface below its own colour."""
        self._column.insertWidget(2, widget)

    def _connect(self) -> None:
        self.histogram.moved.connect(self._drag)
        self.histogram.released.connect(self._release)
        self.level.valueChanged.connect(self._type_level)
        self.sigma.valueChanged.connect(self._type_sigma)
        self.swatches.chosen = self._colour
        self.session.current_changed.connect(self.refresh)
        self.session.level_changed.connect(self._on_level)
        self.session.shown_differently.connect(self._on_shown)
        self.session.replaced.connect(self._on_replaced)

    def refresh(self) -> None:
        """Another map."""
        opened = self.session.current
        self.setEnabled(opened is not None)
        self.histogram.set_map(opened)
        self.say_detail(None)
        if opened is None:
            return
        low, high = opened.contour.edges[0], opened.contour.edges[-1]
        low_sigma, high_sigma = opened.to_sigma(low), opened.to_sigma(high)
        digits = max(0, 3 - math.floor(math.log10(max(high - low, 1e-12))))
        with QSignalBlocker(self.level), QSignalBlocker(self.sigma):
            self.level.setDecimals(digits)
            self.level.setSingleStep((opened.contour.span[1] - opened.contour.span[0]) / 100)
            self.level.setRange(low, high)
            self.sigma.setRange(low_sigma, high_sigma)
        self._on_level(opened)
        self.swatches.mark(opened.colour)

    def say_detail(self, mesh: Mesh | None) -> None:
        """Tell the user if the surface drawn is not made of every voxel, or empty."""
        thinned = mesh is not None and mesh.step > 1
        if mesh is not None and mesh.is_empty:
            self.thinned.setText("Nothing lies above this level.")
        elif mesh is not None and thinned:
            ordinal = {2: "second", 3: "third"}.get(mesh.step, f"{mesh.step}th")
            self.thinned.setText(
                f"Drawn from every {ordinal} voxel, so that it turns smoothly. "
                "A higher level makes it finer."
            )
        self.thinned.setVisible(mesh is not None and (thinned or mesh.is_empty))
        self.all_detail.setVisible(thinned)

    # What the user does -------------------------------------------------------------------------

    def _drag(self, level: float) -> None:
        if self.session.current is not None:
            self.session.set_level(self.session.current, level, final=False)

    def _release(self) -> None:
        opened = self.session.current
        if opened is not None:
            self.session.set_level(opened, opened.level)

    def _type_level(self, level: float) -> None:
        if self.session.current is not None:
            self.session.set_level(self.session.current, float(level))

    def _type_sigma(self, sigmas: float) -> None:
        opened = self.session.current
        if opened is not None:
            self.session.set_level(opened, opened.from_sigma(float(sigmas)))

    def _suggest(self) -> None:
        opened = self.session.current
        if opened is not None:
            self.session.set_level(opened, opened.contour.suggested)

    def _want_detail(self) -> None:
        if self.session.current is not None:
            self.session.show(self.session.current, full_detail=True)

    def _colour(self, colour: str) -> None:
        if self.session.current is not None:
            self.session.show(self.session.current, colour=colour)

    # What happened ------------------------------------------------------------------------------

    def _on_level(self, opened: OpenMap, final: bool = True) -> None:
        if opened is not self.session.current:
            return
        if final:
            self._say_level()
        elif not self._later.isActive():
            self._later.start()

    def _say_level(self) -> None:
        opened = self.session.current
        if opened is None:
            return
        self.histogram.refresh()
        for box, value in ((self.level, opened.level), (self.sigma, opened.level_sigma)):
            if not box.hasFocus() or abs(box.value() - value) > box.singleStep() / 100:
                with QSignalBlocker(box):
                    box.setValue(value)
        volume, mass = (
            opened.contour.volume_A3(opened.level),
            opened.contour.protein_kDa(opened.level),
        )
        self.encloses.setText(f"Encloses {_nm3(volume)}: as much as {_mass(mass)} of protein")

    def _on_replaced(self, opened: OpenMap) -> None:
        if opened is self.session.current:
            self.refresh()

    def _on_shown(self, opened: OpenMap) -> None:
        if opened is self.session.current:
            self.swatches.mark(opened.colour)
            self.histogram.refresh()


class ColourRow(QWidget):
    """A few colours that go together, and any other."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.chosen = lambda _colour: None
        self._marked = COLOURS[0]
        self.swatches: dict[str, QToolButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for i, colour in enumerate(COLOURS):
            swatch = QToolButton(self)
            swatch.setFixedSize(22, 22)
            swatch.setAccessibleName(f"Colour {i + 1}")
            swatch.clicked.connect(lambda _=False, c=colour: self.chosen(c))
            self.swatches[colour] = swatch
            row.addWidget(swatch)
        self.other = QToolButton(self)
        self.other.setText("…")
        self.other.setToolTip("Any other colour")
        self.other.setFixedSize(26, 22)
        self.other.clicked.connect(self._ask)
        row.addWidget(self.other)
        row.addStretch(1)
        theme.themed(self, partial(self.mark, self._marked))

    def mark(self, colour: str) -> None:
        """Frame the colour in use."""
        self._marked = colour
        frame = theme.colour("text").name()
        for name, swatch in self.swatches.items():
            edge = f"2px solid {frame}" if name == colour else "2px solid transparent"
            swatch.setStyleSheet(
                f"QToolButton {{ background: {name}; border: {edge}; border-radius: 4px; }}"
            )
        self.dress = partial(self.mark, colour)

    def _ask(self) -> None:
        chosen = QColorDialog.getColor(QColor(self._marked), self, "Colour of the map")
        if chosen.isValid():
            self.chosen(chosen.name())


def _spin_box(name: str, parent: QWidget) -> QDoubleSpinBox:
    box = QDoubleSpinBox(parent)
    box.setKeyboardTracking(False)
    box.setAccessibleName(name)
    box.setToolTip(name)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)  # arrow keys and wheel do it
    box.setMinimumWidth(60)
    return box


def _nm3(volume_A3: float) -> str:
    volume = volume_A3 / 1000
    return f"{volume:,.0f} nm³" if volume >= 10 else f"{volume:.2g} nm³"


def _mass(kDa: float) -> str:
    if kDa >= 1000:
        return f"{kDa / 1000:,.3g} MDa"
    return f"{kDa:,.0f} kDa" if kDa >= 10 else f"{kDa:.2g} kDa"
