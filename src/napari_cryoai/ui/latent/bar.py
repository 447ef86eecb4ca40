"""Above the scatter plot: its two axes, its colour, and the mouse tools."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QWidget

from napari_cryoai.ui.kit.keys import Actions
from napari_cryoai.ui.kit.layout import row
from napari_cryoai.ui.kit.parts import drop_down
from napari_cryoai.ui.kit.tool_bar import ToolBar, tool_button
from napari_cryoai.ui.latent.scatter import LatentScatter
from napari_cryoai.ui.latent.session import PLAIN, LatentSession
from napari_cryoai.ui.latent.tools import LatentTool

TIPS = {
    LatentTool.CURSOR: ("Fly", "Drag through the latent space: the map follows"),
    LatentTool.LASSO: ("Lasso", "Draw around particles. Shift adds, Alt takes away"),
    LatentTool.BRUSH: ("Brush", "Paint over particles. Shift adds, Alt takes away"),
    LatentTool.PATH: ("Path", "Click the anchors of a path"),
    LatentTool.PAN: ("Move", "Drag the plot; the wheel zooms with every tool"),
}


class AxesBar(QWidget):
    """Which columns are shown."""

    def __init__(self, session: LatentSession, parent: QWidget | None = None):
        super().__init__(parent)
        self.session = session
        self.x, self.y, self.colour = (
            self._box(name, letters)
            for name, letters in (("Horizontal axis", 3), ("Vertical axis", 3), ("Colour", 7))
        )
        row("x", (self.x, 3), "y", (self.y, 3), "colour", (self.colour, 5), of=self, spacing=4)
        for box in (self.x, self.y):
            box.currentTextChanged.connect(self._on_axes)
        self.colour.currentTextChanged.connect(self._on_colour)
        session.opened.connect(self.refresh)
        session.columns_changed.connect(self.refresh)
        session.plane_changed.connect(self.refresh)
        session.tint_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """As the session has it."""
        there = self.session.source is not None
        self.setEnabled(there)
        if not there:
            return
        names, plane = self.session.columns.names, self.session.plane
        _fill(self.x, names, plane.x.name)
        _fill(self.y, names, plane.y.name)
        _fill(self.colour, [PLAIN, *names], self.session.coloured_by)

    def next_colour(self, step: int = 1) -> None:
        """Colour by the next column."""
        if self.colour.count():
            self.colour.setCurrentIndex((self.colour.currentIndex() + step) % self.colour.count())

    def _on_axes(self, _name: str) -> None:
        self.session.show(self.x.currentText(), self.y.currentText())

    def _on_colour(self, name: str) -> None:
        self.session.colour_by(name)

    def _box(self, name: str, letters: int) -> QComboBox:
        box = drop_down(name, self, letters)
        box.setToolTip(name)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumWidth(56)
        return box


class ToolRow(ToolBar):
    """The tools, the landscape's switch, undo and redo; below, the size of the brush.

    Signals
    -------
    taken()
        Another tool is in hand.
    landscape_switched(on)
        The free energy is to be shown, or not.
    """

    taken = Signal()
    landscape_switched = Signal(bool)

    def __init__(self, scatter: LatentScatter, actions: Actions, parent: QWidget | None = None):
        self.home = tool_button("home", "Show all", scatter.go_home, "All particles  [Home]")
        self.landscape = tool_button(
            "landscape", "Free energy", lambda: None,
            "Contours of the free energy, 1 to 5 kT" + actions.shortcut_of("landscape"), stays=True,
        )  # fmt: skip
        super().__init__(actions, TIPS, parent, others=(self.landscape, self.home))
        self.scatter = scatter
        self.landscape.toggled.connect(self.landscape_switched.emit)
        self.brush_size.setRange(4, 90)
        self.brush_size.setValue(round(scatter.brush_px))
        self.brush_size.valueChanged.connect(self._on_brush)
        self.take(LatentTool.CURSOR)
        self.name_steps(None, None)

    def take(self, tool: LatentTool) -> None:
        """Take up a tool."""
        self.show_tool(tool)
        self.scatter.take(tool)
        self.taken.emit()

    def _on_brush(self, pixels: int) -> None:
        self.scatter.brush_px = float(pixels)
        self.scatter.update()


def _fill(box: QComboBox, names: list[str], current: str) -> None:
    with QSignalBlocker(box):
        if [box.itemText(i) for i in range(box.count())] != names:
            box.clear()
            box.addItems(names)
        box.setCurrentText(current)
