"""Slices through the current map."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QLabel, QSlider, QWidget

from napari_cryoai.ui.kit.layout import column, row
from napari_cryoai.ui.kit.parts import hint
from napari_cryoai.ui.maps.session import AXES, MapSession, OpenMap

_WAYS = {"None": None, "Across Z": "z", "Across Y": "y", "Across X": "x", "All three": "all"}


class SlicePanel(QWidget):
    """Shows one slice or three, moves them, and cuts the surface open there."""

    def __init__(self, session: MapSession, parent: QWidget | None = None):
        super().__init__(parent)
        self.session = session
        self.way = QComboBox(self)
        self.way.addItems(list(_WAYS))
        self.way.setAccessibleName("Slices")
        self.cut = QCheckBox("Cut the surface open here", self)
        self.cut.setToolTip("Leave out what lies on the near side of the slice")
        self.sliders = {axis: QSlider(Qt.Orientation.Horizontal, self) for axis in AXES}
        self.places = {axis: QLabel(self) for axis in AXES}
        self.rows = {axis: self._row(axis) for axis in AXES}
        self.in_2d = hint("In 2D view, napari's own slider moves the slice.", self)
        way = row("Slice", (self.way, 1))
        column(way, *self.rows.values(), self.cut, self.in_2d, of=self, spacing=5)
        self.way.currentTextChanged.connect(self._choose)
        self.cut.toggled.connect(self._cut)
        session.current_changed.connect(self.refresh)
        session.shown_differently.connect(self._on_shown)
        session.replaced.connect(self._on_shown)
        self.refresh()

    def refresh(self) -> None:
        """Show what the session says of the current map."""
        opened = self.session.current
        self.setEnabled(opened is not None)
        axes = opened.slice_axes if opened is not None else ()
        with QSignalBlocker(self.way), QSignalBlocker(self.cut):
            wanted = opened.slice_axis if opened is not None else None
            self.way.setCurrentText(next(w for w, axis in _WAYS.items() if axis == wanted))
            self.cut.setChecked(opened is not None and opened.cut)
        for axis, line in self.rows.items():
            line.setVisible(axis in axes)
            if opened is not None:
                self._place(opened, axis)
        self.cut.setVisible(len(axes) == 1)
        self.in_2d.setVisible(bool(axes))

    def _place(self, opened: OpenMap, axis: str) -> None:
        at, index = AXES.index(axis), opened.slice_index[axis]
        slider = self.sliders[axis]
        with QSignalBlocker(slider):
            slider.setRange(0, opened.density.shape[at] - 1)
            slider.setValue(index)
        place_A = opened.density.origin_A[at] + index * opened.density.pixel_size_A
        self.places[axis].setText(f"{place_A:.1f} Å")

    def _row(self, axis: str) -> QWidget:
        slider, place = self.sliders[axis], self.places[axis]
        slider.setAccessibleName(f"Place of the slice along {axis}")
        slider.valueChanged.connect(lambda index, a=axis: self._move(a, index))
        place.setMinimumWidth(64)
        place.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        box = QWidget(self)
        row(axis.upper(), (slider, 1), place, of=box)
        return box

    def _choose(self, way: str) -> None:
        if self.session.current is not None:
            self.session.show(self.session.current, slice_axis=_WAYS[way])

    def _move(self, axis: str, index: int) -> None:
        if self.session.current is not None:
            self.session.move_slice(self.session.current, axis, int(index))

    def _cut(self, on: bool) -> None:
        if self.session.current is not None:
            self.session.show(self.session.current, cut=bool(on))

    def _on_shown(self, opened: OpenMap) -> None:
        if opened is self.session.current:
            self.refresh()
