"""The one table of keyboard shortcuts: bound from here, and shown from here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_cryoai.ui.kit import theme


@dataclass(frozen=True)
class Key:
    """A shortcut: what napari calls its keys, what it does, and the name of its action."""

    keys: tuple[str, ...]
    what: str
    action: str
    group: str


KEYS = (
    Key(("N",), "Next micrograph", "next", "Micrographs"),
    Key(("P",), "Previous micrograph", "previous", "Micrographs"),
    Key(("R",), "Mark reviewed, go to the next one to review", "done", "Micrographs"),
    Key(("Shift+R",), "Mark reviewed, or not", "reviewed", "Micrographs"),
    Key(("J",), "Mark as junk, or not (none of its picks is exported)", "junk", "Micrographs"),
    Key(("U",), "Next uncertain pick (score closest to the threshold)", "uncertain", "Picks"),
    Key(("K",), "Keep the selected picks", "keep", "Picks"),
    Key(("X", "Delete", "Backspace"), "Reject the selected picks", "reject", "Picks"),
    Key(("Control+Z",), "Undo", "undo", "Picks"),
    Key(("Control+Shift+Z",), "Redo", "redo", "Picks"),
    Key(("Shift+L",), "Learn from my corrections", "learn", "Learning"),
    Key(("V",), "Review doubtful picks, one key each", "review", "Learning"),
    Key(("T",), "Show where the picker expects particles, or not", "heat", "Learning"),
    Key(("C",), "Before learning, or after", "before", "Learning"),
    Key(("M",), "Move the image", "pan", "Tools"),
    Key(("A",), "Add picks with a click", "add", "Tools"),
    Key(("S",), "Select and move picks", "select", "Tools"),
    Key(("E",), "Eraser: reject by dragging over", "erase", "Tools"),
    Key(("L",), "Lasso: reject inside (Shift: restore)", "lasso", "Tools"),
    Key(("B",), "Brush: exclude a region (Shift: include)", "brush", "Tools"),
    Key(("Space",), "Move the image while held", "hold_pan", "Tools"),
    Key(("F",), "Filtered image, or as recorded", "filter", "View"),
    Key(("H",), "Hide the circles, or show them", "hide", "View"),
    Key(("G",), "Show rejected picks in grey, or not", "grey", "View"),
)
MAP_KEYS = (
    Key(("D",), "The one map or the other (raw or denoised)", "flip", "Compare"),
    Key(("W",), "Wipe one over the other, or not", "swipe", "Compare"),
    Key(("Y",), "Side by side, or not", "beside", "Compare"),
    Key(("I",), "Compare slices, or surfaces", "slices", "Compare"),
    Key((".",), "Level up", "level_up", "Surface"),
    Key((",",), "Level down", "level_down", "Surface"),
    Key(("Q",), "Colour it by the next property", "colour", "Surface"),
    Key(("Control+Z",), "Undo an edit of a map", "undo", "Edits"),
    Key(("Control+Shift+Z",), "Redo it", "redo", "Edits"),
)
"""Of the Map panel; but for undo, none of them is a key of the Pick particles panel."""
HELP = ("?", "F1")

Actions = Mapping[str, Callable[[], Any]]


class Bindings:
    """The shortcuts on a viewer and on our layers, over napari's own, until `clear`."""

    def __init__(self, actions: Actions, table: tuple[Key, ...] = KEYS):
        self._actions = actions
        self._table = table
        self._bound: list[tuple[Any, dict[Any, Any]]] = []

    def bind(self, owner: Any) -> None:
        """Bind the whole table to a viewer or a layer."""
        before: dict[Any, Any] = {}
        for key in self._table:
            call = _caller(self._actions[key.action])
            for press in key.keys:
                before[press] = owner.bind_key(press, None), call
                owner.bind_key(press, call)
        if self._table is KEYS:  # napari's digit that deletes points
            before["1"] = owner.bind_key("1", None), _nothing
            owner.bind_key("1", _nothing)
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


def _caller(action: Callable[[], Any]) -> Callable[[Any], Any]:
    if action.__name__ == "hold_pan":

        def held(_owner: Any) -> Any:
            yield from action()

        return held

    def pressed(_owner: Any) -> None:
        action()

    return pressed


def _nothing(_owner: Any) -> None:
    """A digit must not take anything away."""


def shortcut_of(action: str, table: tuple[Key, ...] = KEYS) -> str:
    """How a tooltip names the key of an action: " (N)"."""
    found = next((key for key in table if key.action == action), None)
    return f"  [{found.keys[0].replace('Control', 'Ctrl')}]" if found else ""


class CheatSheet(QDialog):
    """All shortcuts of a table on one page."""

    def __init__(self, parent: QWidget | None = None, table: tuple[Key, ...] = KEYS):
        super().__init__(parent)
        self._table = table
        self.setWindowTitle("Cryo-AI: keyboard shortcuts")
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(5)
        groups = list(dict.fromkeys(key.group for key in table))
        middle = (len(groups) + 1) // 2
        halves = (groups[:middle], groups[middle:])
        for column, groups in enumerate(halves):
            row = 0
            for group in groups:
                row = self._fill(grid, group, row, column * 3)
        close = QPushButton("Close", self)
        close.clicked.connect(self.accept)
        layout = QVBoxLayout(self)
        layout.addLayout(grid)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)

    def _fill(self, grid: QGridLayout, group: str, row: int, column: int) -> int:
        title = QLabel(f"<b>{group}</b>", self)
        grid.addWidget(title, row, column, 1, 2)
        for key in (key for key in self._table if key.group == group):
            row += 1
            caps = "  ".join(_cap(k) for k in key.keys)
            grid.addWidget(QLabel(caps, self), row, column, Qt.AlignmentFlag.AlignRight)
            grid.addWidget(QLabel(key.what, self), row, column + 1)
        return row + 2


def _cap(key: str) -> str:
    shade = theme.colour("foreground").name()
    text = key.replace("Control", "Ctrl").replace("+", " + ")
    return f'<span style="background:{shade}; font-weight:600">&nbsp;{text}&nbsp;</span>'
