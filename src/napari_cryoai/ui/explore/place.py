"""The place of the cursor: its coordinates, what the data know there, and the level of its map."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QLabel,
    QSlider,
    QWidget,
)

from napari_cryoai.ui.explore.live import LiveMap
from napari_cryoai.ui.kit.layout import column, row
from napari_cryoai.ui.kit.parts import button, hint
from napari_cryoai.ui.latent.plane import Rest
from napari_cryoai.ui.latent.session import LatentSession
from napari_cryoai.ui.maps.level_histogram import LevelHistogram

RESTS: dict[Rest, str] = {
    "nearby": "follow particles nearby",
    "hold": "stay as they are",
    "particle": "of the nearest particle",
}
_TICKS = 400


class PlacePanel(QWidget):
    """Sliders for every dimension, the level of the surface, and where to take the map.

    Parameters
    ----------
    keep
        Gives the map at the cursor to the Map panel.
    save
        Asks for a file and writes it.
    """

    def __init__(
        self,
        session: LatentSession,
        live: LiveMap,
        keep: Callable[[], object],
        save: Callable[[], object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session = session
        self.live = live
        self.sliders: list[QSlider] = []
        self._values: list[QLabel] = []
        self._spans = np.zeros((0, 2))
        self.rest = QComboBox(self)
        self.rest.addItems(list(RESTS.values()))
        self.rest.setToolTip("What the coordinates that are no axes do while the cursor moves")
        self.rest.currentIndexChanged.connect(self._on_rest)
        self.level = LevelHistogram(self)
        self.level.moved.connect(self._on_level)
        self.level.released.connect(lambda: self.live.go(self.session.z, fine=True))
        self.grid = QGridLayout()
        self.grid.setHorizontalSpacing(8)
        self.grid.setVerticalSpacing(2)
        self.grid.setColumnStretch(1, 1)
        self.copy = button(
            "Copy z", self.copy_place, tip="Coordinates, for `cryoai heterogeneity decode --z`"
        )
        tip = "Copy it to the Map panel, to compare"
        column(
            hint("Level of the surface", self),
            self.level,
            row(
                button("Keep this map", keep, icon="map", tip=tip),
                button("Save map…", save, icon="save", tip="As .mrc"),
                self.copy,
            ),
            row("Other coordinates", (self.rest, 1)),
            self.grid,
            of=self,
            spacing=6,
        )
        session.opened.connect(self.refresh)
        session.place_changed.connect(self._on_place)

    def refresh(self) -> None:
        """Another latent space."""
        for widget in (*self.sliders, *self._values, *self._labels()):
            widget.deleteLater()
        self.sliders, self._values = [], []
        if self.session.source is None:
            return
        self._spans = spans_of(self.session.model.table.mean)
        for i in range(self.session.model.z_dim):
            self._add_row(i)
        self._on_place(True)

    def show_map(self) -> None:
        """There is another map at the cursor."""
        self.level.set_map(self.live.opened)

    def copy_place(self) -> None:
        """Put the coordinates into the clipboard."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(",".join(f"{v:.6g}" for v in self.session.z))
        self.copy.setText("Copied")

    def _labels(self) -> list[QWidget]:
        items = (self.grid.itemAtPosition(i, 0) for i in range(len(self.sliders)))
        return [item.widget() for item in items if item is not None]

    def _add_row(self, i: int) -> None:
        slider = QSlider(Qt.Orientation.Horizontal, self)
        slider.setRange(0, _TICKS)
        slider.setAccessibleName(f"Coordinate z{i + 1}")
        slider.valueChanged.connect(partial(self._on_slider, i))
        slider.sliderReleased.connect(lambda: self.session.place_changed.emit(True))
        value, label = QLabel(self), QLabel(f"z{i + 1}", self)
        value.setMinimumWidth(52)
        value.setAlignment(Qt.AlignmentFlag.AlignRight)
        label.setBuddy(slider)
        self.sliders.append(slider)
        self._values.append(value)
        for at, widget in enumerate((label, slider, value)):
            self.grid.addWidget(widget, i, at)

    def _on_slider(self, i: int, tick: int) -> None:
        low, high = self._spans[i]
        z = self.session.z.copy()
        z[i] = low + tick / _TICKS * (high - low)
        self.session.move_to(z, final=not self.sliders[i].isSliderDown())

    def _on_place(self, _final: bool) -> None:
        z = self.session.z
        if len(z) != len(self.sliders):
            return
        self.copy.setText("Copy z")
        for i, (slider, value) in enumerate(zip(self.sliders, self._values, strict=True)):
            value.setText(f"{z[i]:.3g}")
            if slider.isSliderDown() or slider.hasFocus():
                continue
            low, high = self._spans[i]
            with QSignalBlocker(slider):
                slider.setValue(round((z[i] - low) / (high - low) * _TICKS))

    def _on_rest(self, at: int) -> None:
        self.session.rest = list(RESTS)[at]

    def _on_level(self, level: float) -> None:
        opened = self.live.opened
        if opened is not None:
            opened.level = level
            self.level.refresh()
            self.live.go(self.session.z, fine=False)


def spans_of(mean: NDArray[np.float32]) -> NDArray[np.float64]:
    """`(d, 2)` ends of the sliders: where nearly all particles are, and a little beyond."""
    some = mean[:: max(1, len(mean) // 50_000)].astype(float)
    low, high = np.quantile(some, (0.002, 0.998), axis=0)
    wide = np.maximum(high - low, 1e-6)
    return np.stack([low - 0.15 * wide, high + 0.15 * wide], 1)
