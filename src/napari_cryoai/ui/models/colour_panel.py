"""What the current model is coloured by, what its colours mean, and what else is drawn of it."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_cryoai.ui.maps.colour_panel import ColourBar
from napari_cryoai.ui.models.layers import Glass
from napari_cryoai.ui.models.session import ModelSession, Shown

SIDE_CHAINS: dict[Shown, str] = {
    "selected": "Of selected residues",
    "around": "Around selected residues",
    "all": "All",
    "none": "None",
}
_MOST_KEYS = 12


class ModelColours(QWidget):
    """Chooses colours and side chains of the current model, and how clear maps are."""

    def __init__(self, session: ModelSession, glass: Glass, parent: QWidget | None = None):
        super().__init__(parent)
        self.session = session
        self.glass = glass
        self.by = _box("Colour the model by", self)
        self.side_chains = _box("Side chains", self)
        self.side_chains.addItems(SIDE_CHAINS.values())
        self.bar = ColourBar(self)
        self.keys = QLabel(self)
        self.keys.setWordWrap(True)
        self.keys.setTextFormat(Qt.TextFormat.RichText)
        self.see_through = QCheckBox("See-through maps", self)
        self.see_through.setToolTip("Let models be seen inside the surfaces of maps")
        self.see_through.setChecked(True)
        self.opacity = QSlider(Qt.Orientation.Horizontal, self)
        self.opacity.setRange(5, 90)
        self.opacity.setValue(round(glass.opacity * 100))
        self.opacity.setAccessibleName("Opacity of maps")
        self.opacity.setToolTip("How much of the maps is seen")
        self._lay_out()
        self.by.activated.connect(lambda i: self.choose(self.by.itemText(i)))
        self.side_chains.activated.connect(self._on_side_chains)
        self.see_through.toggled.connect(self._on_glass)
        self.opacity.valueChanged.connect(self._on_glass)
        for signal in (session.current_changed, session.shown_differently, session.replaced):
            signal.connect(self.refresh)
        self.refresh()

    def choose(self, name: str) -> None:
        """Colour the current model by something."""
        if self.session.current is not None:
            self.session.show(self.session.current, coloured_by=name)

    def next(self) -> None:
        """Go through what is known of the model."""
        opened = self.session.current
        if opened is not None:
            names = opened.properties
            self.choose(names[(names.index(opened.coloured_by) + 1) % len(names)])

    def refresh(self, *_: object) -> None:
        """Show what the session says of the current model."""
        opened = self.session.current
        self.setEnabled(opened is not None)
        if opened is None:
            return
        with QSignalBlocker(self.by), QSignalBlocker(self.side_chains):
            self.by.clear()
            self.by.addItems(opened.properties)
            self.by.setCurrentText(opened.coloured_by)
            self.side_chains.setCurrentText(SIDE_CHAINS[opened.side_chains])
        colours = opened.colours
        self.bar.set_colouring(colours.scale)
        self.keys.setVisible(bool(colours.keys))
        self.keys.setText(_keys(colours.keys))

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("Colour by", self.by)
        maps = QHBoxLayout()
        maps.addWidget(self.see_through)
        maps.addWidget(self.opacity, 1)
        below = QFormLayout()
        below.setContentsMargins(0, 0, 0, 0)
        below.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        below.addRow("Side chains", self.side_chains)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        column.addLayout(form)
        column.addWidget(self.bar)
        column.addWidget(self.keys)
        column.addLayout(below)
        column.addLayout(maps)

    def _on_side_chains(self, index: int) -> None:
        if self.session.current is not None:
            self.session.show(self.session.current, side_chains=list(SIDE_CHAINS)[index])

    def _on_glass(self, *_: object) -> None:
        self.opacity.setEnabled(self.see_through.isChecked())
        self.glass.opacity = self.opacity.value() / 100 if self.see_through.isChecked() else 1.0
        self.glass.apply()


def _box(name: str, parent: QWidget) -> QComboBox:
    box = QComboBox(parent)
    box.setAccessibleName(name)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setMinimumContentsLength(12)
    return box


def _keys(keys: tuple[tuple[str, str], ...]) -> str:
    """Words beside squares of their colour."""
    shown = [
        f'<span style="color:{colour}; font-size:large">■</span>&nbsp;{word}'.replace(" ", "&nbsp;")
        .replace("&nbsp;style", " style")
        .replace(";&nbsp;font", "; font")
        for word, colour in keys[:_MOST_KEYS]
    ]
    more = [f"and {len(keys) - _MOST_KEYS} more"] if len(keys) > _MOST_KEYS else []
    return "&nbsp;&nbsp; ".join([*shown, *more])
