"""Buttons for the mouse tools, undo and redo."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_cryoai.ui.kit import icons, theme
from napari_cryoai.ui.kit.keys import shortcut_of
from napari_cryoai.ui.picking.tools import Tool, Tools

TIPS = {
    Tool.PAN: ("Move", "Move and zoom the image"),
    Tool.ADD: ("Add", "Click on a particle to add a pick"),
    Tool.SELECT: ("Select", "Click or drag a box to select; drag a selected pick to move it"),
    Tool.ERASE: ("Erase", "Drag over picks to reject them"),
    Tool.LASSO: ("Lasso", "Draw around picks to reject them; hold Shift to restore them"),
    Tool.BRUSH: ("Brush", "Paint over carbon or ice to leave out picks; Shift takes paint away"),
}


class ToolBar(QWidget):
    """One row of tools; beside the brush, its size."""

    def __init__(
        self,
        tools: Tools,
        undo: Callable[[], object],
        redo: Callable[[], object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.tools = tools
        self.buttons: dict[Tool, QToolButton] = {}
        self.undo = self._button("undo", "Undo", undo)
        self.redo = self._button("redo", "Redo", redo)
        row = QHBoxLayout()
        row.setSpacing(1)
        group = QButtonGroup(self)
        for tool, (title, tip) in TIPS.items():
            button = self._tool(tool, title, tip)
            group.addButton(button)
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self.undo)
        row.addWidget(self.redo)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self._brush_row())
        self.buttons[Tool.PAN].setChecked(True)
        tools.changed.connect(self._on_tool)
        self._on_tool(tools.tool)

    def name_steps(self, undo: str | None, redo: str | None) -> None:
        """Say in the tooltips what would be undone and redone."""
        for button, action, label in ((self.undo, "Undo", undo), (self.redo, "Redo", redo)):
            button.setEnabled(label is not None)
            words = f"{action}: {label}" if label else f"Nothing to {action.lower()}"
            button.setToolTip(words + shortcut_of(action.lower()))

    def _tool(self, tool: Tool, title: str, tip: str) -> QToolButton:
        button = self._button(tool.value, title, lambda: self.tools.take(tool))
        button.setText(title)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setCheckable(True)
        button.setToolTip(tip + shortcut_of(tool.value))
        theme.themed(button, lambda: self._dress(button, tool))
        self.buttons[tool] = button
        return button

    def _dress(self, button: QToolButton, tool: Tool) -> None:
        button.setIcon(icons.icon(tool.value, theme.colour("text")))
        shade = theme.colour("current").name()
        button.setStyleSheet(f"QToolButton:checked {{ background: {shade}; border-radius: 4px; }}")

    def _button(self, icon: str, title: str, action: Callable[[], object]) -> QToolButton:
        button = QToolButton(self)
        theme.themed(button, lambda: button.setIcon(icons.icon(icon, theme.colour("text"))))
        button.setIconSize(QSize(20, 20))
        button.setAutoRaise(True)
        button.setAccessibleName(title)
        button.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        button.clicked.connect(lambda _=False: action())
        return button

    def _brush_row(self) -> QWidget:
        self.brush_size = QSlider(Qt.Orientation.Horizontal, self)
        self.brush_size.setRange(10, 400)
        self.brush_size.setValue(50)
        self.brush_size.setAccessibleName("Brush size")
        self.brush_size.valueChanged.connect(self._on_brush)
        self._brush_label = QLabel(self)
        self._brush = QWidget(self)
        row = QHBoxLayout(self._brush)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Brush size", self))
        row.addWidget(self.brush_size, 1)
        row.addWidget(self._brush_label)
        return self._brush

    def _on_brush(self, percent: int) -> None:
        self.tools.brush_px = self.tools.layers.circle_px() * percent / 100
        self._brush_label.setText(f"{percent / 50:.1f} x")
        if self.tools.tool is Tool.BRUSH:
            self.tools.take(Tool.BRUSH)

    def _on_tool(self, tool: Tool) -> None:
        self.buttons[tool].setChecked(True)
        self._brush.setVisible(tool is Tool.BRUSH)
        self._brush_label.setText(f"{self.brush_size.value() / 50:.1f} x")
