"""The keys of a panel's commands: bound while the panel is there, and shown on a page."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from inspect import isgeneratorfunction
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QDialog, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.commands import Command, Commands

HELP = ("?", "F1")


class Actions:
    """The commands of a panel that is there; its keys, over napari's own, until `clear`.

    Parameters
    ----------
    but
        Commands whose keys another panel has.
    in_focus
        Whether all keys hold only while the panel has the focus, so that napari's own stay
        elsewhere; else those of `commands` hold where they are bound to.
    """

    def __init__(
        self,
        panel: QWidget,
        commands: Commands[Any],
        but: Collection[str] = (),
        *,
        in_focus: bool = False,
    ):
        self._panel = panel
        self._commands = commands
        self.shortcut_of = commands.shortcut_of
        self._keyed = [c for c in commands if c.name and c.name not in but]
        self._bound: list[tuple[Any, dict[Any, Any]]] = []
        for key in HELP:
            shortcut(self._panel, key, self.show_keys, in_focus=in_focus)
        for command in self._keyed if in_focus else ():
            for key in command.keys.split():
                shortcut(self._panel, key, partial(command.do, panel))

    def do(self, name: str) -> None:
        """Do what a command does."""
        self._commands[name].do(self._panel)

    def table(self) -> dict[str, Callable[[], object]]:
        """All of them by name."""
        return {c.name: partial(c.do, self._panel) for c in self._commands if c.name}

    def show_keys(self) -> None:
        """Show the cheat sheet."""
        CheatSheet(self._commands, self._panel).exec()

    def bind(self, owner: Any) -> None:
        """Bind all keys to a viewer or a layer."""
        before: dict[Any, Any] = {}
        for command in self._keyed:
            call = _caller(command.do, self._panel)
            for key in command.keys.split():
                before[key] = owner.bind_key(key, None), call
                owner.bind_key(key, call)
        self._bound.append((owner, before))

    def clear(self) -> None:
        """Give the owners back the keys that are still ours: another panel may have its own."""
        for owner, before in self._bound:
            for press, (earlier, ours) in before.items():
                now = owner.bind_key(press, None)
                keep = earlier if now is ours else now
                if keep is not None:
                    owner.bind_key(press, keep)
        self._bound.clear()


def _caller(do: Callable[[Any], Any], panel: Any) -> Callable[[Any], Any]:
    """As napari calls a key; of what lasts while the key is held, it wants a generator."""

    def held(_owner: Any) -> Any:
        yield from do(panel)

    def pressed(_owner: Any) -> None:
        do(panel)

    return held if isgeneratorfunction(do) else pressed


def shortcut(
    panel: QWidget, keys: str, act: Callable[[], object], *, in_focus: bool = True
) -> None:
    """A shortcut for as long as a panel, or something in it, has the focus; or for its window."""
    made = QShortcut(QKeySequence(keys.replace("Control", "Ctrl")), panel)
    if in_focus:
        made.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    made.activated.connect(act)


class CheatSheet(QDialog):
    """All shortcuts of a panel on one page."""

    def __init__(self, commands: Commands[Any], parent: QWidget | None = None):
        super().__init__(parent)
        self.setWindowTitle("Cryo-AI: keyboard shortcuts")
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(5)
        groups = [(title, group) for title, group in commands.groups.items() if title]
        middle = (len(groups) + 1) // 2
        for column, half in enumerate((groups[:middle], groups[middle:])):
            row = 0
            for title, group in half:
                row = self._fill(grid, title, group, row, column * 3)
        close = QPushButton("Close", self)
        close.clicked.connect(self.accept)
        layout = QVBoxLayout(self)
        layout.addLayout(grid)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)

    def _fill(
        self, grid: QGridLayout, title: str, group: tuple[Command[Any], ...], row: int, column: int
    ) -> int:
        grid.addWidget(QLabel(f"<b>{title}</b>", self), row, column, 1, 2)
        for command in group:
            row += 1
            caps = "  ".join(_cap(key) for key in command.keys.split())
            grid.addWidget(QLabel(caps, self), row, column, Qt.AlignmentFlag.AlignRight)
            grid.addWidget(QLabel(command.what, self), row, column + 1)
        return row + 2


def _cap(key: str) -> str:
    shade = theme.colour("foreground").name()
    text = key.replace("Control", "Ctrl").replace("+", " + ")
    return f'<span style="background:{shade}; font-weight:600">&nbsp;{text}&nbsp;</span>'
