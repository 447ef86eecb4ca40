"""What keys, buttons and the command palette can ask of the panel: one method each."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.picks import State
from napari_cryoai.ui.micrographs.session import Session
from napari_cryoai.ui.picking.tools import Tool

if TYPE_CHECKING:
    from napari_cryoai.ui.picking.panel import PickParticles


class Actions:
    """The user's actions on a panel; `table` gives them by the names used in `keys.KEYS`."""

    def __init__(self, panel: PickParticles):
        self.panel = panel
        self.session = panel.session
        self._queue: list[int] = []

    def table(self) -> dict[str, Callable[[], Any]]:
        """All actions by name."""
        tools = {tool.value: self._taker(tool) for tool in Tool}
        names = (
            "next", "previous", "done", "reviewed", "junk", "uncertain", "keep", "reject",
            "undo", "redo", "learn", "review", "heat", "before",
            "filter", "hide", "grey", "hold_pan",
        )  # fmt: skip
        return tools | {name: getattr(self, name) for name in names}

    # Micrographs --------------------------------------------------------------------------------

    def next(self) -> None:
        self._step(1)

    def previous(self) -> None:
        self._step(-1)

    def done(self) -> None:
        self.session.set_flag("reviewed", True)
        if not self.session.step(1, only_unreviewed=True) and not self._first_unreviewed():
            self.panel.say("All micrographs are reviewed. Export when you are ready.")

    def reviewed(self) -> None:
        self._toggle("reviewed")

    def junk(self) -> None:
        self._toggle("junk")

    def _step(self, by: int) -> None:
        if not self.session.step(by):
            self.panel.status("This is the last micrograph" if by > 0 else "This is the first one")

    def _first_unreviewed(self) -> bool:
        done = self.session.document.reviewed | self.session.document.junk
        left = [name for name in self.session.micrographs if name not in done]
        if left:
            self.session.go_to(left[0])
        return bool(left)

    def _toggle(self, flag: Any) -> None:
        name = self.session.current
        if name is not None:
            self.session.set_flag(flag, name not in getattr(self.session.document, flag))

    # Picks --------------------------------------------------------------------------------------

    def undo(self) -> None:
        entry = self.session.undo()
        self.panel.status(f"Undone: {entry.label}" if entry else "Nothing to undo")

    def redo(self) -> None:
        entry = self.session.redo()
        self.panel.status(f"Redone: {entry.label}" if entry else "Nothing to redo")

    def keep(self) -> None:
        self._judge(State.KEPT)

    def reject(self) -> None:
        self._judge(State.REJECTED)

    def uncertain(self) -> None:
        """Select the shown pick closest to the threshold that was not visited yet, and go there."""
        ids = uncertain_first(self.session)
        visited = set(self._queue)
        fresh = [int(i) for i in ids if int(i) not in visited]
        if not fresh:
            self._queue.clear()
            self.panel.status("No more uncertain picks on this micrograph: starting over")
            return
        self._queue.append(fresh[0])
        self.panel.layers.select(np.array(fresh[:1]))
        self.panel.tools.take(Tool.SELECT)
        self.panel.sight.look_at(fresh[0])

    def forget_visited(self) -> None:
        """Begin the round of uncertain picks anew, as on another micrograph."""
        self._queue.clear()

    def _judge(self, state: State) -> None:
        ids = self.panel.layers.selected_ids()
        if not len(ids):
            self.panel.status("Select picks first (S), or use the eraser (E) or the lasso (L)")
            return
        reviewing = bool(self._queue) and len(ids) == 1 and ids[0] == self._queue[-1]
        if reviewing and state == State.KEPT:
            self.session.confirm(ids)
        else:
            self.session.set_state(ids, state)
        if reviewing:
            self.uncertain()

    # Learning -----------------------------------------------------------------------------------

    def learn(self) -> None:
        self.panel.learn.start()

    def review(self) -> None:
        """Open the strip of doubtful picks."""
        if not self.panel.learn_run.ready:
            self.panel.status("Pick with the transformer first, then review")
            return
        self.panel.open_review()

    def heat(self) -> None:
        box = self.panel.learn.heat
        box.setChecked(not box.isChecked())

    def before(self) -> None:
        switch = self.panel.learn
        if not switch.before.isEnabled():
            self.panel.status("There is no before: the picker has not learned anything yet")
            return
        (switch.after if switch.before.isChecked() else switch.before).setChecked(True)

    # View ---------------------------------------------------------------------------------------

    def filter(self) -> None:
        self.panel.filtered.setChecked(not self.panel.filtered.isChecked())

    def hide(self) -> None:
        points = self.panel.layers.points
        if points is not None:
            points.visible = not points.visible

    def grey(self) -> None:
        box = self.panel.filters.show_hidden
        box.setChecked(not box.isChecked())

    def hold_pan(self) -> Generator[None, None, None]:
        yield from self.panel.tools.hold_pan()

    def _taker(self, tool: Tool) -> Callable[[], None]:
        def take() -> None:
            self.panel.tools.take(tool)

        return take


def uncertain_first(session: Session) -> NDArray[np.int64]:
    """Ids of the current micrograph's shown picks that have a score, the most doubtful first."""
    picks = session.document.picks
    rows = picks.rows_of(session.current or "")
    rows = rows[session.shown()[rows] & np.isfinite(picks.score[rows])]
    return picks.id[rows[np.argsort(picks.score[rows], kind="stable")]]
