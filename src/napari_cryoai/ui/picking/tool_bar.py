"""Buttons for the mouse tools, undo and redo."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

from napari_cryoai.ui.kit import tool_bar
from napari_cryoai.ui.kit.keys import Actions
from napari_cryoai.ui.picking.tools import Tool, Tools

TIPS = {
    Tool.PAN: ("Move", "Move and zoom the image"),
    Tool.ADD: ("Add", "Click on a particle to add a pick"),
    Tool.SELECT: ("Select", "Click or drag a box to select; drag a selected pick to move it"),
    Tool.ERASE: ("Erase", "Drag over picks to reject them"),
    Tool.LASSO: ("Lasso", "Draw around picks to reject them; hold Shift to restore them"),
    Tool.BRUSH: ("Brush", "Paint over carbon or ice to leave out picks; Shift takes paint away"),
}


class ToolBar(tool_bar.ToolBar):
    """One row of tools; below, the size of the brush in particles."""

    def __init__(self, tools: Tools, actions: Actions, parent: QWidget | None = None):
        self._times = QLabel()
        super().__init__(actions, TIPS, parent, beside_size=(self._times,))
        self.tools = tools
        for button in (*self.buttons.values(), self.undo, self.redo):
            button.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.brush_size.setRange(10, 400)
        self.brush_size.setValue(50)
        self.brush_size.valueChanged.connect(self._on_brush)
        self._say_size()
        tools.changed.connect(self.show_tool)
        self.show_tool(tools.tool)

    def _on_brush(self, percent: int) -> None:
        self.tools.brush_px = self.tools.layers.circle_px() * percent / 100
        self._say_size()
        if self.tools.tool is Tool.BRUSH:
            self.tools.take(Tool.BRUSH)

    def _say_size(self) -> None:
        self._times.setText(f"{self.brush_size.value() / 50:.1f} x")
