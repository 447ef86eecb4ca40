"""Buttons for mouse tools, of which one is in hand, for undo and redo, and the size of a brush."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QButtonGroup, QSlider, QToolButton, QWidget

from napari_cryoai.ui.kit import icons, theme
from napari_cryoai.ui.kit.keys import Actions
from napari_cryoai.ui.kit.layout import Part, column, row


class ToolBar(QWidget):
    """One row of tools, undo and redo; below, the size of the brush while that is in hand.

    Parameters
    ----------
    actions
        The commands of the panel: one by the value of each tool, `undo` and `redo`.
    tips
        What each tool is called, and what it is for.
    others
        Buttons between the tools and undo.
    beside_size
        What stands beside the size of the brush.
    """

    def __init__(
        self,
        actions: Actions,
        tips: Mapping[Any, tuple[str, str]],
        parent: QWidget | None = None,
        *,
        others: tuple[QToolButton, ...] = (),
        beside_size: tuple[Part, ...] = (),
    ):
        super().__init__(parent)
        self._actions = actions
        self.buttons = {tool: self._tool(tool, *words) for tool, words in tips.items()}
        self._group = QButtonGroup(self)
        for button in self.buttons.values():
            self._group.addButton(button)
        self.undo = tool_button("undo", "Undo", partial(actions.do, "undo"))
        self.redo = tool_button("redo", "Redo", partial(actions.do, "redo"))
        self.brush_size = QSlider(Qt.Orientation.Horizontal, self)
        self.brush_size.setAccessibleName("Brush size")
        self._brush = QWidget(self)
        row("Brush size", (self.brush_size, 1), *beside_size, of=self._brush)
        tools = row(*self.buttons.values(), 1, *others, self.undo, self.redo, spacing=1)
        column(tools, self._brush, of=self, spacing=2)

    def show_tool(self, tool: Enum) -> None:
        """A tool is in hand."""
        self.buttons[tool].setChecked(True)
        self._brush.setVisible(tool.value == "brush")

    def name_steps(self, undo: str | None, redo: str | None) -> None:
        """Say in the tooltips what would be undone and redone."""
        for button, name, label in ((self.undo, "undo", undo), (self.redo, "redo", redo)):
            button.setEnabled(label is not None)
            words = f"{name.capitalize()}: {label}" if label else f"Nothing to {name}"
            button.setToolTip(words + self._actions.shortcut_of(name))

    def _tool(self, tool: Enum, title: str, tip: str) -> QToolButton:
        name = str(tool.value)
        tip += self._actions.shortcut_of(name)
        button = tool_button(name, title, partial(self._actions.do, name), tip, stays=True)
        button.setText(title)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        return button


def tool_button(
    icon: str, title: str, act: Callable[[], object], tip: str = "", *, stays: bool = False
) -> QToolButton:
    """A button with an icon; one that `stays` down shows that it is."""
    button = QToolButton()
    button.setIconSize(QSize(20, 20))
    button.setAutoRaise(True)
    button.setCheckable(stays)
    button.setAccessibleName(title)
    button.setToolTip(tip)
    button.clicked.connect(lambda _=False: act())

    def dress() -> None:
        button.setIcon(icons.icon(icon, theme.colour("text")))
        if stays:
            shade = theme.colour("current").name()
            button.setStyleSheet(
                f"QToolButton:checked {{ background: {shade}; border-radius: 4px; }}"
            )

    theme.themed(button, dress)
    return button
