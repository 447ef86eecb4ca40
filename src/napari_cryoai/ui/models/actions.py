"""What keys and the command palette can ask of the Build model panel: one method each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_cryoai.ui.kit.keys import Key
from napari_cryoai.ui.maps.session import map_panel_of

if TYPE_CHECKING:
    from napari_cryoai.ui.models.panel import ModelPanel

MODEL_KEYS = (
    Key(("]",), "Next residue", "next_residue", "Residues"),
    Key(("[",), "Previous residue", "previous_residue", "Residues"),
    Key(("O",), "The next doubtful residue, the worst first", "next_doubt", "Residues"),
    Key(("Z",), "Look at the selected residues", "look", "Residues"),
    Key(("Control+Z",), "Undo an edit", "undo", "Edits"),
    Key(("Control+Shift+Z",), "Redo it", "redo", "Edits"),
    Key(("Shift+Q",), "Colour it by the next property", "colour", "Model"),
    Key(("Shift+S",), "Side chains around the selected residue, or not", "side_chains", "Model"),
)
"""Of the Build model panel; but for undo, none of them is a key of another panel."""


class ModelActions:
    """The user's actions; `table` gives them by the names used in `MODEL_KEYS`."""

    def __init__(self, panel: ModelPanel):
        self.panel = panel

    def table(self) -> dict[str, Callable[[], Any]]:
        """All actions by name."""
        names = (
            "next_residue", "previous_residue", "next_doubt", "look", "colour", "side_chains",
            "delete", "undo", "redo", "build", "save", "close",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def next_residue(self) -> None:
        self.panel.session.step(1)

    def previous_residue(self) -> None:
        self.panel.session.step(-1)

    def next_doubt(self) -> None:
        """Down the table, which begins with the worst."""
        table, session = self.panel.table, self.panel.session
        order = table.rows.order
        if not len(order):
            return
        here = [at for at, row in enumerate(order) if row in session.selected]
        at = min(here[-1] + 1, len(order) - 1) if here else 0
        session.select([int(order[at])], fly=True)

    def look(self) -> None:
        if len(self.panel.session.selected):
            self.panel.session.select(self.panel.session.selected, fly=True)

    def colour(self) -> None:
        self.panel.colours.next()

    def side_chains(self) -> None:
        session = self.panel.session
        if session.current is not None:
            around = session.current.side_chains == "around"
            session.show(session.current, side_chains="selected" if around else "around")

    def delete(self) -> None:
        if len(self.panel.session.selected):
            self.panel.edit.delete()

    def undo(self) -> None:
        if self._is_ours("undo"):
            label = self.panel.edit.undo()
            self.panel.viewer.status = f"Undone: {label}" if label else "Nothing to undo"

    def redo(self) -> None:
        if self._is_ours("redo"):
            label = self.panel.edit.redo()
            self.panel.viewer.status = f"Redone: {label}" if label else "Nothing to redo"

    def build(self) -> None:
        """Turn to the section; start if there is a map."""
        self.panel.show_section("Build")
        self.panel.build.run()

    def save(self) -> None:
        self.panel.ask_save()

    def _is_ours(self, action: str) -> bool:
        """Whether it is for this panel; else the Map panel in front does it, which has that key."""
        other = map_panel_of(self.panel.viewer)
        if other is None or self.panel.isVisible():
            return True
        other.actions_.table()[action]()
        return False

    def close(self) -> None:
        self.panel.list.close_current()
