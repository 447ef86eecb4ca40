"""What the Build model panel can be asked to do, by keys and from the palette."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryoai.ui.kit.commands import Command, Commands
from napari_cryoai.ui.kit.step_history import redone, undone
from napari_cryoai.ui.maps.session import map_panel_of
from napari_cryoai.ui.models.session import model_panel_of

if TYPE_CHECKING:
    from napari_cryoai.ui.models.panel import ModelPanel


def _next_doubt(panel: ModelPanel) -> None:
    """Down the table, which begins with the worst."""
    order, session = panel.table.rows.order, panel.session
    if len(order):
        here = [at for at, row in enumerate(order) if row in session.selected]
        at = min(here[-1] + 1, len(order) - 1) if here else 0
        session.select([int(order[at])], fly=True)


def _look(panel: ModelPanel) -> None:
    if len(panel.session.selected):
        panel.session.select(panel.session.selected, fly=True)


def _side_chains(panel: ModelPanel) -> None:
    session = panel.session
    if session.current is not None:
        around = session.current.side_chains == "around"
        session.show(session.current, side_chains="selected" if around else "around")


def _delete(panel: ModelPanel) -> None:
    if len(panel.session.selected):
        panel.edit.delete()


def _undo(panel: ModelPanel) -> None:
    if _is_ours(panel, "undo"):
        panel.viewer.status = undone(panel.edit.undo())


def _redo(panel: ModelPanel) -> None:
    if _is_ours(panel, "redo"):
        panel.viewer.status = redone(panel.edit.redo())


def _is_ours(panel: ModelPanel, name: str) -> bool:
    """Whether it is for this panel; else the Map panel in front does it, which has that key."""
    other = map_panel_of(panel.viewer)
    if other is None or panel.isVisible():
        return True
    other.actions_.do(name)
    return False


def _build(panel: ModelPanel) -> None:
    """Turn to the section; start if there is a map."""
    panel.show_section("Build")
    panel.build.run()


def _commands() -> Commands[ModelPanel]:
    return Commands("Build model", model_panel_of, {
        "Residues": (
            Command("next_residue", "]", "Next residue", lambda p: p.session.step(1)),
            Command("previous_residue", "[", "Previous residue", lambda p: p.session.step(-1)),
            Command("next_doubt", "O", "The next doubtful residue, the worst first", _next_doubt),
            Command("look", "Z", "Look at the selected residues", _look),
        ),
        "Edits": (
            Command("undo", "Control+Z", "Undo an edit", _undo),
            Command("redo", "Control+Shift+Z", "Redo it", _redo),
        ),
        "Model": (
            Command("colour", "Shift+Q", "Colour it by the next property",
                    lambda p: p.colours.next()),
            Command("side_chains", "Shift+S", "Side chains around the selected residue, or not",
                    _side_chains),
        ),
        "": (
            Command("open", "", "Open atomic models", lambda p: p.ask_open()),
            Command("save", "", "Save the model", lambda p: p.ask_save()),
            Command("close", "", "Close the model", lambda p: p.list.close_current()),
            Command("delete", "", "Delete the selected residues", _delete),
            Command("build", "", "Build into the map", _build),
        ),
    })  # fmt: skip


COMMANDS = _commands()
"""But for undo, none of the keys is one of another panel."""

open_model = COMMANDS.palette("open")
save_model = COMMANDS.palette("save")
close_model = COMMANDS.palette("close")
next_doubtful_residue = COMMANDS.palette("next_doubt")
next_residue = COMMANDS.palette("next_residue")
previous_residue = COMMANDS.palette("previous_residue")
colour_model = COMMANDS.palette("colour")
side_chains = COMMANDS.palette("side_chains")
undo_model_edit = COMMANDS.palette("undo")
redo_model_edit = COMMANDS.palette("redo")
delete_residues = COMMANDS.palette("delete")
build_into_map = COMMANDS.palette("build")
