"""What the current model is coloured by, what its colours mean, and what else is drawn of it."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QLabel,
    QSlider,
    QWidget,
)

from napari_cryoai.ui.kit.layout import column, form, row
from napari_cryoai.ui.kit.parts import drop_down
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
        self.by = drop_down("Colour the model by", self, 12)
        self.side_chains = drop_down("Side chains", self, 12)
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
        maps = row(self.see_through, (self.opacity, 1))
        column(
            form(("Colour by", self.by)),
            self.bar,
            self.keys,
            form(("Side chains", self.side_chains)),
            maps,
            of=self,
            spacing=5,
        )

    def _on_side_chains(self, index: int) -> None:
        if self.session.current is not None:
            self.session.show(self.session.current, side_chains=list(SIDE_CHAINS)[index])

    def _on_glass(self, *_: object) -> None:
        self.opacity.setEnabled(self.see_through.isChecked())
        self.glass.opacity = self.opacity.value() / 100 if self.see_through.isChecked() else 1.0
        self.glass.apply()


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
