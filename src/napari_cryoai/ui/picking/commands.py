"""What the Pick particles panel can be asked to do, by keys, by buttons and from the palette."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QCheckBox

from napari_cryoai.core.picks import State
from napari_cryoai.ui.kit.commands import Command, Commands
from napari_cryoai.ui.kit.step_history import redone, undone
from napari_cryoai.ui.micrographs.panels import panel_of
from napari_cryoai.ui.micrographs.session import Session
from napari_cryoai.ui.picking.tools import Tool

if TYPE_CHECKING:
    from napari_cryoai.ui.picking.panel import PickParticles

# Micrographs --------------------------------------------------------------------------------------


def _step(panel: PickParticles, by: int) -> None:
    if not panel.session.step(by):
        panel.status("This is the last micrograph" if by > 0 else "This is the first one")


def _done(panel: PickParticles) -> None:
    session = panel.session
    session.set_flag("reviewed", True)
    if not session.step(1, only_unreviewed=True) and not _first_unreviewed(session):
        panel.say("All micrographs are reviewed. Export when you are ready.")


def _first_unreviewed(session: Session) -> bool:
    done = session.document.reviewed | session.document.junk
    left = [name for name in session.micrographs if name not in done]
    if left:
        session.go_to(left[0])
    return bool(left)


def _turn_flag(panel: PickParticles, flag: Any) -> None:
    name = panel.session.current
    if name is not None:
        panel.session.set_flag(flag, name not in getattr(panel.session.document, flag))


# Picks --------------------------------------------------------------------------------------------


def _uncertain(panel: PickParticles) -> None:
    """Select the shown pick closest to the threshold that was not visited yet, and go there."""
    fresh = [int(i) for i in uncertain_first(panel.session) if int(i) not in panel.visited]
    if not fresh:
        panel.visited.clear()
        panel.status("No more uncertain picks on this micrograph: starting over")
        return
    panel.visited.append(fresh[0])
    panel.layers.select(np.array(fresh[:1]))
    panel.tools.take(Tool.SELECT)
    panel.sight.look_at(fresh[0])


def uncertain_first(session: Session) -> NDArray[np.int64]:
    """Ids of the current micrograph's shown picks that have a score, the most doubtful first."""
    picks = session.document.picks
    rows = picks.rows_of(session.current or "")
    rows = rows[session.shown()[rows] & np.isfinite(picks.score[rows])]
    return picks.id[rows[np.argsort(picks.score[rows], kind="stable")]]


def _judge(panel: PickParticles, state: State) -> None:
    ids = panel.layers.selected_ids()
    if not len(ids):
        panel.status("Select picks first (S), or use the eraser (E) or the lasso (L)")
        return
    reviewing = bool(panel.visited) and len(ids) == 1 and ids[0] == panel.visited[-1]
    if reviewing and state == State.KEPT:
        panel.session.confirm(ids)
    else:
        panel.session.set_state(ids, state)
    if reviewing:
        _uncertain(panel)


def _undo(panel: PickParticles) -> None:
    entry = panel.session.undo()
    panel.status(undone(entry.label if entry else None))


def _redo(panel: PickParticles) -> None:
    entry = panel.session.redo()
    panel.status(redone(entry.label if entry else None))


# Learning -----------------------------------------------------------------------------------------


def _review(panel: PickParticles) -> None:
    """Open the strip of doubtful picks."""
    if panel.learn_run.ready:
        panel.open_review()
    else:
        panel.status("Pick with the transformer first, then review")


def _before(panel: PickParticles) -> None:
    switch = panel.learn
    if not switch.before.isEnabled():
        panel.status("There is no before: the picker has not learned anything yet")
        return
    (switch.after if switch.before.isChecked() else switch.before).setChecked(True)


def _cancel(panel: PickParticles) -> None:
    panel.pick.picking.cancel()
    panel.learn_run.cancel()


# Tools and view -----------------------------------------------------------------------------------


def _take(tool: Tool) -> Callable[[PickParticles], None]:
    return lambda panel: panel.tools.take(tool)


def _hold_pan(panel: PickParticles) -> Generator[None, None, None]:
    yield from panel.tools.hold_pan()


def _hide(panel: PickParticles) -> None:
    points = panel.layers.points
    if points is not None:
        points.visible = not points.visible


def _turn(box: QCheckBox) -> None:
    box.setChecked(not box.isChecked())


def _commands() -> Commands[PickParticles]:
    return Commands("Pick particles", panel_of, {
        "Micrographs": (
            Command("next", "N", "Next micrograph", lambda p: _step(p, 1)),
            Command("previous", "P", "Previous micrograph", lambda p: _step(p, -1)),
            Command("done", "R", "Mark reviewed, go to the next one to review", _done),
            Command("reviewed", "Shift+R", "Mark reviewed, or not",
                    lambda p: _turn_flag(p, "reviewed")),
            Command("junk", "J", "Mark as junk, or not (none of its picks is exported)",
                    lambda p: _turn_flag(p, "junk")),
        ),
        "Picks": (
            Command("uncertain", "U", "Next uncertain pick (score closest to the threshold)",
                    _uncertain),
            Command("keep", "K", "Keep the selected picks", lambda p: _judge(p, State.KEPT)),
            Command("reject", "X Delete Backspace", "Reject the selected picks",
                    lambda p: _judge(p, State.REJECTED)),
            Command("undo", "Control+Z", "Undo", _undo),
            Command("redo", "Control+Shift+Z", "Redo", _redo),
        ),
        "Learning": (
            Command("learn", "Shift+L", "Learn from my corrections", lambda p: p.learn.start()),
            Command("review", "V", "Review doubtful picks, one key each", _review),
            Command("heat", "T", "Show where the picker expects particles, or not",
                    lambda p: _turn(p.learn.heat)),
            Command("before", "C", "Before learning, or after", _before),
        ),
        "Tools": (
            Command("pan", "M", "Move the image", _take(Tool.PAN)),
            Command("add", "A", "Add picks with a click", _take(Tool.ADD)),
            Command("select", "S", "Select and move picks", _take(Tool.SELECT)),
            Command("erase", "E", "Eraser: reject by dragging over", _take(Tool.ERASE)),
            Command("lasso", "L", "Lasso: reject inside (Shift: restore)", _take(Tool.LASSO)),
            Command("brush", "B", "Brush: exclude a region (Shift: include)", _take(Tool.BRUSH)),
            Command("hold_pan", "Space", "Move the image while held", _hold_pan),
        ),
        "View": (
            Command("filter", "F", "Filtered image, or as recorded", lambda p: _turn(p.filtered)),
            Command("hide", "H", "Hide the circles, or show them", _hide),
            Command("grey", "G", "Show rejected picks in grey, or not",
                    lambda p: _turn(p.filters.show_hidden)),
        ),
        "": (
            Command("nothing", "1", "Not what napari does: delete the selected points",
                    lambda _: None),
            Command("open", "", "Open a folder of micrographs", lambda p: p.bar.ask_folder()),
            Command("sample", "", "Open simulated micrographs", lambda p: p.open_sample()),
            Command("pick", "", "Pick on all micrographs", lambda p: p.pick.run()),
            Command("pick_here", "", "Pick on the one on screen", lambda p: p.pick.run_here()),
            Command("cancel", "", "Cancel the running job", _cancel),
            Command("improve", "", "Train the whole picker on the corrected micrographs",
                    lambda p: p.learn.start(improve=True)),
            Command("save", "", "Save the learned picker", lambda p: p.learn.save_if_any()),
            Command("import", "", "Import picks of another program", lambda p: p.ask_import()),
            Command("export", "", "Export the shown picks", lambda p: p.export.ask()),
            Command("reference", "", "Compare with reference picks", lambda p: p.ask_reference()),
            Command("copy", "", "Copy Pick as a command line", lambda p: p.pick.copy.copy()),
            Command("keys", "", "Show all shortcuts", lambda p: p.actions_.show_keys()),
        ),
    })  # fmt: skip


COMMANDS = _commands()

panel = COMMANDS.panel
open_folder = COMMANDS.palette("open")
open_sample = COMMANDS.palette("sample")
pick_all = COMMANDS.palette("pick")
pick_here = COMMANDS.palette("pick_here")
cancel = COMMANDS.palette("cancel")
improve = COMMANDS.palette("improve")
save_picker = COMMANDS.palette("save")
import_picks = COMMANDS.palette("import")
export_picks = COMMANDS.palette("export")
load_reference = COMMANDS.palette("reference")
copy_command = COMMANDS.palette("copy")
show_keys = COMMANDS.palette("keys")
undo = COMMANDS.palette("undo")
redo = COMMANDS.palette("redo")
next_micrograph = COMMANDS.palette("next")
previous_micrograph = COMMANDS.palette("previous")
done = COMMANDS.palette("done")
junk = COMMANDS.palette("junk")
uncertain = COMMANDS.palette("uncertain")
learn = COMMANDS.palette("learn")
review = COMMANDS.palette("review")
toggle_heat = COMMANDS.palette("heat")
before_and_after = COMMANDS.palette("before")
lasso = COMMANDS.palette("lasso")
brush = COMMANDS.palette("brush")
eraser = COMMANDS.palette("erase")
toggle_filter = COMMANDS.palette("filter")
toggle_rejected = COMMANDS.palette("grey")
