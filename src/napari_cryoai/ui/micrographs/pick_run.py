"""One run of the picker, poured into the session as it goes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from napari_cryoai.core import edits
from napari_cryoai.core.picks import PickTable
from napari_cryoai.jobs.progress import Progress
from napari_cryoai.picking.output import remarks
from napari_cryoai.picking.pick import MicrographPicks, PickParams, PickResult, pick
from napari_cryoai.ui.kit.jobs import JobRunner, MakeJob
from napari_cryoai.ui.kit.parts import counted
from napari_cryoai.ui.micrographs.arrivals import respecting, users_own
from napari_cryoai.ui.micrographs.session import PickedBy, Session


class PickRun:
    """One run of the picker, poured into the session as it goes; the whole run is one undo step."""

    def __init__(self, session: Session):
        self.session = session
        self.runner = JobRunner()
        self.problems: dict[str, str] = {}
        self._label = ""
        self._removed: PickTable | None = None
        self._threshold: float | None = None
        self._by = PickedBy("transformer")
        self._waiting: set[str] = set()
        self.runner.progressed.connect(self._on_progress)
        self.runner.done.connect(self._on_done)
        self.runner.cancelled.connect(self._put_back)
        self.runner.failed.connect(self._put_back)

    @property
    def waiting(self) -> frozenset[str]:
        """Micrographs that the run has yet to reach."""
        return frozenset(self._waiting)

    def prepared(self, params: PickParams, names: Sequence[str]) -> MakeJob:
        """The job that picks on some micrographs; what the user made or rejected there stays.

        Earlier picks are taken away now: it has to be run.
        """
        session = self.session
        self._waiting = set(names)
        self._threshold = session.filters.threshold
        weights = None if params.weights is None else str(params.weights)
        self._by = PickedBy(params.detector, weights, params.device)
        self._label = f"Pick {counted(len(names), 'micrograph')} ({time.strftime('%H:%M:%S')})"
        examples = session.export_table()  # the template detector can learn from what is shown
        picks = session.document.picks
        here = np.isin(picks.micrograph_names().astype(str), names)
        self._removed = picks.select(here & ~users_own(picks))
        session.do(edits.RemovePicks(self._removed), self._label)
        micrographs = [session.micrographs[name] for name in names]
        return partial(pick, params, micrographs, examples=examples)

    def cancel(self) -> None:
        """Stop; micrographs that were not reached get their earlier picks back."""
        self.runner.cancel()

    def _on_progress(self, progress: Progress) -> None:
        if isinstance(progress.preview, MicrographPicks):
            self._receive(progress.preview)

    def _receive(self, found: MicrographPicks) -> None:
        session = self.session
        if found.name not in session.micrographs:
            return
        session.set_diameter(found.diameter_A)
        session.set_picked_by(self._by)
        own = session.document.picks.of(found.name)
        radius = (session.diameter_px(found.name) or 0) / 3
        rows = respecting(own.select(users_own(own)), found.picks, radius)
        rows = rows.renumbered(session.history.new_ids(len(rows)))
        session.picked.add(found.name)
        if found.junk_mask is not None:
            session.junk_masks[found.name] = found.junk_mask
        self._waiting.discard(found.name)
        if session.history.extend(self._label, edits.AddPicks(rows)):
            self._suggest(found.threshold)

    def _on_done(self, result: PickResult) -> None:
        self._suggest(result.threshold)
        self._put_back()

    def _suggest(self, threshold: float) -> None:
        """Set the threshold, unless the user has moved it herself since the run began."""
        now = self.session.filters
        if now.threshold == self._threshold and threshold != now.threshold:
            self._threshold = threshold
            after = replace(now, threshold=threshold)
            self.session.history.extend(self._label, edits.SetFilters(now, after))

    def _put_back(self, *_: object) -> None:
        removed, self._removed = self._removed, None
        if removed is not None and len(removed) and self._waiting:
            back = np.isin(removed.micrograph_names().astype(str), list(self._waiting))
            if back.any():
                self.session.history.extend(self._label, edits.AddPicks(removed.select(back)))
        self._waiting = set()


def words_for(result: PickResult, session: Session) -> str:
    """What a run found, in a sentence."""
    n = int(session.shown().sum())
    diameter = f"{result.diameter_A:.0f} Å"
    found = f"{n:,} picks shown, diameter {diameter}. Drag the score marker for more or fewer."
    return " ".join([found, *(remark.replace(" A.", " Å.") for remark in remarks(result))])
