"""The controls of a comparison: which maps, which layout, linked levels."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QPushButton,
    QSlider,
    QWidget,
)

from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.layout import column, grid, row
from napari_cryoai.ui.kit.parts import button, drop_down, hint
from napari_cryoai.ui.maps.commands import COMMANDS
from napari_cryoai.ui.maps.compare import Comparison, Layout
from napari_cryoai.ui.maps.session import AXES, MapSession, OpenMap
from napari_cryoai.ui.maps.surface_panel import SAY_MS

_LAYOUTS: tuple[tuple[Layout, str, str], ...] = (
    ("flip", "Flip", "One map at a time; the key shows the other one"),
    ("swipe", "Swipe", "One map on each side of a divider"),
    ("beside", "Side by side", "Both maps, turned together"),
)
_STEPS = 1000
_AXES = {"Across Z": "z", "Across Y": "y", "Across X": "x"}


class ComparePanel(QWidget):
    """Sets what a `Comparison` shows."""

    def __init__(self, session: MapSession, comparison: Comparison, parent: QWidget | None = None):
        super().__init__(parent)
        self.session = session
        self.comparison = comparison
        self.first, self.second = self._box("First map"), self._box("Second map")
        self.swap = button("⇄", self._swap, tip="Swap the two")
        self.swap.setMaximumWidth(34)
        self.buttons: dict[Layout, QPushButton] = {
            layout: self._layout_button(layout, text, tip) for layout, text, tip in _LAYOUTS
        }
        self.what = QComboBox(self)
        self.what.addItems(["Surfaces", *(f"Slices {way.lower()}" for way in _AXES)])
        self.what.setAccessibleName("What is compared")
        self.strip = QWidget(self)
        self.linked = QCheckBox("Linked levels", self)
        self.linked.setToolTip(
            "Moving one level moves the other, so that both surfaces enclose as much:\n"
            "they then differ by shape alone. Sigmas of different maps do not compare."
        )
        self.place = QSlider(Qt.Orientation.Horizontal, self)
        self.place.setRange(0, _STEPS)
        self.place.setAccessibleName("Place of the divider")
        self.levels = hint("", self)
        self.lonely = hint("Open two maps to compare them, or denoise two half maps.", self)
        self._later = QTimer(self, interval=SAY_MS, singleShot=True)
        self._later.timeout.connect(self._say_levels)
        self._build()
        self._connect()
        self.refresh()

    def refresh(self) -> None:
        """Show what the comparison says."""
        comparison, maps = self.comparison, self.session.maps
        for box, chosen in ((self.first, comparison.first), (self.second, comparison.second)):
            with QSignalBlocker(box):
                if [box.itemData(i) for i in range(box.count())] != maps:
                    box.clear()
                    for opened in maps:
                        box.addItem(opened.name, opened)
                box.setCurrentIndex(maps.index(chosen) if chosen in maps else -1)
        with QSignalBlocker(self.linked), QSignalBlocker(self.place), QSignalBlocker(self.what):
            self.linked.setChecked(comparison.linked)
            self.place.setValue(round(comparison.fraction * _STEPS))
            self.what.setCurrentIndex(self._what_index())
        for layout, one in self.buttons.items():
            one.setChecked(comparison.layout == layout)
            one.setEnabled(comparison.ready)
        for widget in (self.what, self.linked, self.swap):
            widget.setEnabled(comparison.ready)
        self.strip.setVisible(len(maps) > 1)
        self.place.setVisible(comparison.layout == "swipe")
        self.lonely.setVisible(len(maps) < 2)
        self._say_levels()

    # --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        maps = grid(("Before", self.first), ("After", self.second), stretch=(1,), spacing=4)
        maps.addWidget(self.swap, 0, 2, 2, 1)
        # The strip stands where the panel puts it.
        row(*((one, 1) for one in self.buttons.values()), of=self.strip, spacing=4)
        how = row((self.what, 1), self.linked)
        column(self.lonely, maps, self.place, how, self.levels, of=self, spacing=6)

    def _connect(self) -> None:
        self.comparison.changed.connect(self.refresh)
        self.session.level_changed.connect(self._on_level)
        self.session.added.connect(self.refresh)
        self.session.removed.connect(self.refresh)
        for box in (self.first, self.second):
            box.activated.connect(self._choose)
        self.linked.toggled.connect(self.comparison.link)
        self.place.valueChanged.connect(self._move)
        self.what.activated.connect(self._choose_what)

    def _box(self, name: str) -> QComboBox:
        box = drop_down(name, self, 10)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        return box

    def _layout_button(self, layout: Layout, text: str, tip: str) -> QPushButton:
        one = button(text, lambda: self._take(layout), tip=tip + COMMANDS.shortcut_of(layout))
        one.setCheckable(True)
        one.setAccessibleName(text)

        def dress() -> None:
            shade = theme.colour("current").name()
            one.setStyleSheet(
                f"QPushButton:checked {{ background: {shade}; font-weight: 600; }}"
                " QPushButton { padding: 4px 4px; }"
            )

        theme.themed(one, dress)
        return one

    def _take(self, layout: Layout) -> None:
        self.comparison.toggle(layout)
        self.refresh()

    def _what_index(self) -> int:
        if not self.comparison.in_slices:
            return 0
        across = AXES[self.comparison.viewer.dims.order[-3]]
        return 1 + tuple(_AXES.values()).index(across)

    def _choose(self, _index: int) -> None:
        self.comparison.choose(self.first.currentData(), self.second.currentData())

    def _swap(self) -> None:
        self.comparison.choose(self.comparison.second, self.comparison.first)

    def _choose_what(self, index: int) -> None:
        axis = tuple(_AXES.values())[index - 1] if index else "z"
        self.comparison.show_slices(index > 0, axis)

    def _move(self, value: int) -> None:
        self.comparison.move_divider(value / _STEPS)

    def _on_level(self, opened: OpenMap, final: bool) -> None:
        if opened in (self.comparison.first, self.comparison.second):
            if final:
                self._say_levels()
            elif not self._later.isActive():
                self._later.start()

    def _say_levels(self) -> None:
        pair = (self.comparison.first, self.comparison.second)
        self.levels.setVisible(self.comparison.ready)
        self.levels.setText("\n".join(_level_of(o) for o in pair if o is not None))


def _level_of(opened: OpenMap) -> str:
    volume = opened.contour.volume_A3(opened.level) / 1000
    sigmas = f"{opened.level_sigma:.2f} \N{GREEK SMALL LETTER SIGMA}"
    return f"{opened.name}: level {opened.level:.3g} ({sigmas}), {volume:,.3g} nm³"
