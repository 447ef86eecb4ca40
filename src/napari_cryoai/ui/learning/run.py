"""Learning in a session: what is known, what runs, and how its results become one step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_cryoai.core import edits
from napari_cryoai.core.history import Entry, History
from napari_cryoai.core.picks import PickTable, Source
from napari_cryoai.jobs.progress import Progress
from napari_cryoai.picking.pick import MicrographPicks
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.jobs import JobRunner
from napari_cryoai.ui.kit.parts import counted
from napari_cryoai.ui.kit.settings import learned_path
from napari_cryoai.ui.learning.corrections import Tally, as_left, corrections_by_name, tally
from napari_cryoai.ui.learning.job import HALF, Learned, Task, f1_to, learn
from napari_cryoai.ui.learning.steps import Point, State, curve_from_notes, touched_since
from napari_cryoai.ui.learning.store import Known, Pickers, Views
from napari_cryoai.ui.micrographs.arrivals import respecting, users_own
from napari_cryoai.ui.micrographs.session import PickedBy, Session


class LearnRun:
    """Learns from the corrections in a session.

    The picks of all micrographs that a run replaces are one step of the history; rows that the
    user made, rejected or otherwise touched are never replaced.

    Attributes
    ----------
    reference
        Asked for reference picks to compare with.
    waits
        Asked whether something else is changing the picks.

    Signals
    -------
    changed()
        Another picker is in use, or the curve has grown.
    taught(learned)
        A run has a new picker; picks follow.
    replaced(name)
        A micrograph has its new picks.
    kept(path)
        The learned picker is in this file; None when there is none.
    """

    changed = Signal()
    taught = Signal(object)
    replaced = Signal(str)
    kept = Signal(object)

    def __init__(self, session: Session, background: Background):
        self.session = session
        self.background = background
        self.runner = JobRunner()
        self.views = Views()
        self.pickers = Pickers()
        self.curve: tuple[Point, ...] = ()
        self.reference: Callable[[], PickTable | None] = lambda: None
        self.waits: Callable[[], bool] = lambda: False
        self._of: PickedBy | None = None
        self._label = ""
        self._count = 0
        self._begun = False
        self._threshold = 0.0
        self._waiting: set[str] = set()
        self._steps: dict[str, tuple[State, State]] = {}
        self._history: History | None = None
        self._saving = Lock()
        self.runner.progressed.connect(self._on_progress)
        self.runner.done.connect(self._on_done)
        self.runner.ended.connect(self._on_end)
        self.runner.ended.connect(self._forget_unused)
        session.opened.connect(self._on_opened)
        session.pixel_size_changed.connect(self.views.clear)
        session.picks_changed.connect(self._on_picks)

    # What there is ------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether the shown set was picked by something that can learn."""
        return self.session.calibrated and self.session.diameter_A is not None

    @property
    def waiting(self) -> frozenset[str]:
        """Micrographs that the run has yet to pick again."""
        return frozenset(self._waiting)

    def tally(self) -> Tally:
        """How much there is to learn from."""
        return tally(self.session)

    def reason_against(self) -> str | None:
        """Why there is nothing to learn."""
        if not self.ready:
            return "Pick with the transformer first: the other detectors cannot learn."
        if not self.tally().corrections:
            return "Correct a few picks first: add missed particles, reject false ones."
        return None

    @property
    def file(self) -> Path | None:
        """Where the learned picker of this set is kept, if it can be kept."""
        journal = self.session.journal
        return None if journal is None else learned_path(journal.path)

    # What the user does -------------------------------------------------------------------------

    def start(self, *, improve: bool = False) -> bool:
        """Learn; False if there is nothing to learn, or a run or the picker is at work."""
        if self.runner.running or self.waits() or self.reason_against() is not None:
            return False
        self.session.commit_filters()
        task = self._task(improve)
        verb = "Improve with" if improve else "Learn from"
        when = time.strftime("%H:%M:%S")
        self._label = f"{verb} {counted(task.count, 'correction')} ({when})"
        self._begun, self._count, self._waiting = False, task.count, set(task.follow)
        self.runner.start(partial(learn, task), "Getting ready…")
        return True

    def cancel(self) -> None:
        """Stop; micrographs that were not reached keep the picks they have."""
        self.runner.cancel()

    def save_as(self, path: Path, then: Callable[[], object]) -> None:
        """Write the newest picker where the user wants it; `then` in the main thread."""
        pickers, facts = self.pickers, self._facts()

        def work() -> None:
            from napari_cryoai.picking.learned import save_picker

            now = pickers.latest().now
            assert now is not None  # noqa: S101 - `latest` fills it in
            save_picker(path, now.picker, facts)

        self.background.submit(work, lambda _none: then())

    def prepare(self) -> None:
        """Let the picker look at the micrograph on screen beforehand, so that learning is quick."""
        name, diameter_A = self.session.current, self.session.diameter_A
        if not self.ready or name is None or diameter_A is None or self.runner.running:
            return
        if self._picked_as_now(name) and corrections_by_name(self.session).get(name, 0):
            look = partial(self._look, self.session.micrographs[name], diameter_A)
            self.background.submit(look, lambda _none: None, lambda _error: None)

    def _picked_as_now(self, name: str) -> bool:
        """Whether the picks were found with the diameter that is set, which may be half typed."""
        picks = self.session.document.picks.of(name)
        found = picks.diameter_px[picks.source == Source.AUTO]
        now = self.session.diameter_px(name)
        return bool(len(found)) and now is not None and bool(np.isclose(np.median(found), now))

    def _look(self, micrograph: Any, diameter_A: float) -> None:
        """In a thread; what goes wrong here is said when the user learns."""
        root = self.pickers.latest().root
        assert root is not None  # noqa: S101 - `latest` fills it in
        self.views.see(micrograph, root, diameter_A)

    # A run --------------------------------------------------------------------------------------

    def _task(self, improve: bool) -> Task:
        session = self.session
        by_name = corrections_by_name(session)
        junk = session.document.junk
        follow = [n for n in session.micrographs if n in session.picked and n not in junk]
        if session.current in follow:
            follow.insert(0, follow.pop(follow.index(session.current)))
        assert session.diameter_A is not None  # noqa: S101 - `ready` has seen to it
        return Task(
            self.pickers,
            self.views,
            {name: as_left(session, name) for name in by_name},
            sum(by_name.values()),
            {name: session.micrographs[name] for name in {*follow, *by_name}},
            follow,
            session.diameter_A,
            improve,
            session.export_table(),
            self.reference(),
            session.filters.hide_junk,
        )

    def _on_progress(self, progress: Progress) -> None:
        if isinstance(progress.preview, Learned):
            self._adopt(progress.preview)
        elif isinstance(progress.preview, MicrographPicks):
            self._receive(progress.preview)

    def _adopt(self, learned: Learned) -> None:
        """There is a new picker; its picks come next."""
        if learned.better:
            before = State(self.pickers.standing, self.curve)
            start = Point(0, learned.f1_before, learned.reference_before)
            curve = (*(self.curve or (start,)), Point(self._count, learned.f1_after))
            after = State(learned.standing, curve)
            self._steps[self._label] = (before, after)
            self._use(after)
        self.taught.emit(learned)

    def _receive(self, found: MicrographPicks) -> None:
        """Put new picks in the place of the old ones of a micrograph."""
        session = self.session
        self._waiting.discard(found.name)
        if found.name not in session.micrographs:
            return
        session.junk_masks[found.name] = found.junk_mask
        parts = self._replacing(found)
        if not self._begun:
            parts += self._suggesting(found.threshold)
            self._begun = True
            session.do(edits.Group(parts), self._label)
        else:
            if session.filters.threshold == self._threshold:  # else the user has moved it herself
                parts += self._suggesting(found.threshold)
            if parts and not session.history.extend(self._label, edits.Group(parts)):
                self.cancel()  # the user has taken the step back meanwhile
                return
        self.replaced.emit(found.name)

    def _suggesting(self, threshold: float) -> tuple[edits.Edit, ...]:
        now = self.session.document.filters
        self._threshold = threshold
        if threshold == now.threshold:
            return ()
        return (edits.SetFilters(now, replace(now, threshold=threshold)),)

    def _replacing(self, found: MicrographPicks) -> tuple[edits.Edit, ...]:
        session = self.session
        picks = session.document.picks.of(found.name)
        stays = users_own(picks) | np.isin(picks.id, self._touched())
        radius = (session.diameter_px(found.name) or 0) / 3
        rows = respecting(picks.select(stays), found.picks, radius)
        rows = rows.renumbered(session.history.new_ids(len(rows)))
        old = picks.select(~stays)
        parts: tuple[edits.Edit, ...] = (edits.RemovePicks(old),) if len(old) else ()
        return (*parts, edits.AddPicks(rows)) if len(rows) else parts

    def _touched(self) -> NDArray[np.int64]:
        if not self._begun:  # what was taken back cannot be repeated after a new step
            return np.empty(0, np.int64)
        return touched_since(self.session.history, self._label)

    def _on_done(self, _problems: object) -> None:
        reference, shown = self.reference(), self.session.export_table()
        if not self.curve or reference is None or not self._begun:
            return
        name = next(iter(self.session.micrographs))
        radius = HALF * (self.session.diameter_px(name) or 0)
        work = partial(f1_to, shown, reference, radius)
        self.background.submit(work, partial(self._on_reference, self.curve))

    def _on_reference(self, curve: tuple[Point, ...], f1: float) -> None:
        if curve is self.curve:
            self.curve = (*curve[:-1], curve[-1]._replace(reference=f1))
            before, after = self._steps[self._label]
            self._steps[self._label] = (before, replace(after, curve=self.curve))
            self._note()
            self.changed.emit()

    def _on_end(self, *_: object) -> None:
        self._waiting = set()

    def _forget_unused(self, *_: object) -> None:
        """A picker that was learned but has not picked is none that an undo could take back."""
        if not self._begun and self._label in self._steps:
            before, _after = self._steps.pop(self._label)
            self._use(before)

    # The picker in use --------------------------------------------------------------------------

    def _use(self, state: State) -> None:
        self.pickers.use(state.standing)
        self.curve = state.curve
        self._keep(state.standing.now)
        self.changed.emit()

    def _keep(self, known: Known | None) -> None:
        """Write the picker beside the journal, in a thread."""
        path = self.file
        if path is None:
            return
        if known is None:
            self._is_kept()
            return
        work = partial(self._write, path, known, self._facts())
        self.background.submit(work, lambda _none: self._is_kept())

    def _write(self, path: Path, known: Known, facts: dict[str, Any]) -> None:
        from napari_cryoai.picking.learned import save_picker

        with self._saving:
            if self.pickers.standing.now is known:  # else a newer one is on its way
                save_picker(path, known.picker, facts)

    def _is_kept(self) -> None:
        self._note()
        self.kept.emit(self.file if self.pickers.has_learned else None)

    def _note(self) -> None:
        path = self.file
        if path is not None:
            base = self.pickers.weights
            noted = {
                "file": path.name if self.pickers.has_learned else None,
                "from": None if base is None else str(base),
                "curve": [list(point) for point in self.curve],
            }
            self.session.note("learned", noted)

    def _facts(self) -> dict[str, Any]:
        by_name = corrections_by_name(self.session)
        last = self.curve[-1].f1 if self.curve else None
        return {
            "learned_from": {
                "corrections": sum(by_name.values()),
                "micrographs": len(by_name),
                "agreement": last,
            }
        }

    def restore(self, notes: dict[str, Any]) -> None:
        """Go on with what an earlier session on this set has learned."""
        noted, path = notes.get("learned"), self.file
        noted = noted if isinstance(noted, dict) else {}
        self._of = self.session.picked_by
        there = path is not None and noted.get("file") == path.name and path.exists()
        saved = path if there else None
        self.pickers = self._pickers(saved, noted.get("from"))
        self.curve = curve_from_notes(noted.get("curve")) if there else ()
        self.changed.emit()
        if saved is not None:
            self.kept.emit(saved)

    def _pickers(self, saved: Path | None = None, first: Any = None) -> Pickers:
        """`first` are the weights that it all began with, if the learned ones have picked since."""
        by = self.session.picked_by
        weights = Path(by.weights) if by is not None and by.weights else None
        if weights is not None and weights == self.file:
            weights = Path(first) if isinstance(first, str) else None
        return Pickers(weights, by.device if by is not None else "auto", saved)

    # Hearing of changes -------------------------------------------------------------------------

    def _on_opened(self) -> None:
        if self._history is not None:
            self._history.changed.disconnect(self._on_history)
        self._history = self.session.history
        self._history.changed.connect(self._on_history)
        self._steps.clear()
        self.cancel()
        self.views.clear()
        self._of = self.session.picked_by
        self.pickers, self.curve = self._pickers(), ()
        self.changed.emit()

    def _on_picks(self, _names: object) -> None:
        """Another picker may have been at work; what it found is where learning begins anew."""
        by = self.session.picked_by
        if by == self._of:
            return
        self._of = by
        mine = by is not None and by.weights is not None and Path(by.weights) == self.file
        if not mine:
            self.pickers, self.curve = self._pickers(), ()
            self.views.clear()
            self._note()
            self.changed.emit()

    def _on_history(self, verb: str, entry: Entry) -> None:
        if verb in ("undo", "redo") and entry.label in self._steps:
            if self.runner.running and entry.label == self._label:
                self.cancel()
            before, after = self._steps[entry.label]
            self._use(before if verb == "undo" else after)
