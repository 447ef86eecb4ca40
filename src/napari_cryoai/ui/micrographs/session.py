"""What one viewer works on: micrographs, picks, their history. Knows neither Qt nor napari."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_cryoai.core import edits
from napari_cryoai.core.document import PickDocument, PickFilters, Stroke
from napari_cryoai.core.history import Entry, History
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.core.picks import PickTable, Source, State
from napari_cryoai.jobs.journal import Journal
from napari_cryoai.ui.micrographs.visibility import (
    Names,
    Visibility,
    names_touched,
    only_threshold_differs,
)

ALL: Names | None = None


@dataclass(frozen=True)
class PickedBy:
    """What found the picks of a set.

    Attributes
    ----------
    detector
        Its name in `PickParams`.
    weights
        The file, if it was not that which comes with the program.
    device
        Where it ran.
    """

    detector: str
    weights: str | None = None
    device: str = "auto"

    @property
    def calibrated(self) -> bool:
        """Whether the scores are probabilities."""
        return self.detector == "transformer"


class Session:
    """A set of micrographs and the picks on them.

    Parameters
    ----------
    reopen
        What the panel before this one had open.

    Signals
    -------
    opened()
        Another set of micrographs is there.
    current_changed(name)
        The user went to another micrograph.
    picks_changed(names)
        Picks, paint or flags of these micrographs changed (None: of all).
    filters_changed()
        A slider moved; only which picks are shown may have changed.
    pixel_size_changed()
        The user gave the pixel size.
    ctf_changed(names)
        CTF values of these micrographs are known now, or have changed.
    """

    opened = Signal()
    current_changed = Signal(str)
    picks_changed = Signal(object)
    filters_changed = Signal()
    pixel_size_changed = Signal()
    ctf_changed = Signal(object)

    def __init__(self, reopen: Iterable[Path] = ()) -> None:
        self.reopen = tuple(reopen)
        self.micrographs: dict[str, Micrograph] = {}
        self.current: str | None = None
        self.diameter_A: float | None = None
        self.picked_by: PickedBy | None = None
        self.picked: set[str] = set()
        self.junk_masks: dict[str, NDArray[np.bool_]] = {}
        self.ctf: dict[str, MicrographCtf] = {}
        self.journal: Journal | None = None
        self.filters = PickFilters()
        self._visibility = Visibility()
        self._adopt(History())

    # The set ------------------------------------------------------------------------------------

    def open(self, micrographs: Iterable[Micrograph], history: History | None = None) -> None:
        """Work on other micrographs, with the picks that `history` already holds of them."""
        self.micrographs = {m.name: m for m in micrographs}
        self.junk_masks.clear()
        self.ctf = {}
        self.current = None
        self._adopt(history or History())
        self.picked = {name for name, count in self.document.picks.counts().items() if count}
        self._visibility.refresh(self.live, self.micrographs, ALL)
        self.opened.emit()

    def set_pixel_size(self, pixel_size_A: float) -> None:
        """Give all micrographs the pixel size that the user typed."""
        self.micrographs = {
            name: m.with_pixel_size(pixel_size_A) for name, m in self.micrographs.items()
        }
        self.note("pixel_size_A", pixel_size_A)
        self._visibility.refresh(self.live, self.micrographs, ALL)
        self.pixel_size_changed.emit()

    def set_diameter(self, diameter_A: float) -> None:
        """The particle's diameter, as the user gave it or a job estimated it."""
        if diameter_A != self.diameter_A:
            self.diameter_A = diameter_A
            self.note("diameter_A", diameter_A)
            self.picks_changed.emit(frozenset())

    def set_picked_by(self, picked_by: PickedBy) -> None:
        """What has found the picks; it is asked again when there is something to learn."""
        if picked_by != self.picked_by:
            self.picked_by = picked_by
            self.note("picked_by", asdict(picked_by))
            self.picks_changed.emit(frozenset())

    @property
    def calibrated(self) -> bool:
        """Whether the scores are probabilities."""
        return self.picked_by is not None and self.picked_by.calibrated

    def announce(self) -> None:
        """Tell a panel that came later what is open already."""
        if self.micrographs:
            self.opened.emit()
            self.current_changed.emit(self.current or next(iter(self.micrographs)))

    def learn_ctf(self, ctfs: Iterable[MicrographCtf]) -> None:
        """CTF values of micrographs, by the names that they have here."""
        new = {ctf.name: ctf for ctf in ctfs if ctf.name in self.micrographs}
        if new:
            self.ctf |= new
            self.ctf_changed.emit(frozenset(new))

    def go_to(self, name: str) -> None:
        """Show another micrograph."""
        if name != self.current and name in self.micrographs:
            self.current = name
            self.note("current", name)
            self.current_changed.emit(name)

    def step(self, by: int, *, only_unreviewed: bool = False) -> bool:
        """Go to the next (1) or previous (-1) micrograph; False at the end of the list."""
        names = list(self.micrographs)
        if self.current is None:
            return False
        ahead = names[names.index(self.current) :: by][1:]
        if only_unreviewed:
            done = self.document.reviewed | self.document.junk
            ahead = [name for name in ahead if name not in done]
        if ahead:
            self.go_to(ahead[0])
        return bool(ahead)

    @property
    def micrograph(self) -> Micrograph | None:
        """The micrograph on screen."""
        return self.micrographs.get(self.current) if self.current is not None else None

    def keep(self, journal: Journal | None) -> None:
        """Write everything down in a journal from now on; None lets go of the one in use."""
        if self.journal is not None:
            self.journal.close()
        self.journal = journal
        if journal is not None:
            journal.follow(self.history)

    def note(self, key: str, value: Any) -> None:
        """Remember view state for the next time."""
        if self.journal is not None:
            self.journal.note(key, value)

    # What there is ------------------------------------------------------------------------------

    @property
    def document(self) -> PickDocument:
        """What is saved; a slider that is still moving is not in it."""
        return self.history.document

    @property
    def live(self) -> PickDocument:
        """The document under the filters as they are on screen."""
        return replace(self.document, filters=self.filters)

    @property
    def candidates(self) -> NDArray[np.bool_]:
        """`(n,)` mask of the picks that only the threshold may still hide."""
        return self._visibility.candidates

    def shown(self) -> NDArray[np.bool_]:
        """`(n,)` mask of the picks that are drawn, counted and exported."""
        return self._visibility.shown(self.live)

    def counts(self) -> dict[str, int]:
        """Shown picks per micrograph."""
        return self.document.picks.counts(self.shown())

    def export_table(self) -> PickTable:
        """The picks that are shown, as a table."""
        return self.document.picks.select(self.shown())

    def diameter_px(self, name: str) -> float | None:
        """The particle's diameter on a micrograph, if both it and the pixel size are known."""
        micrograph = self.micrographs.get(name)
        if micrograph is None or not micrograph.pixel_size_A or not self.diameter_A:
            return None
        return self.diameter_A / micrograph.pixel_size_A

    # What the user does -------------------------------------------------------------------------

    def do(self, edit: edits.Edit, label: str) -> None:
        """Any edit, as one step."""
        self.history.do(edit, label)

    def add(self, yx_px: NDArray[np.float64]) -> None:
        """Picks by hand on the current micrograph; nobody scored them."""
        yx = np.reshape(yx_px, (-1, 2))
        if self.current is None or not len(yx):
            return
        rows = PickTable.of_points(
            self.current,
            yx,
            source=Source.MANUAL,
            diameter_px=self.diameter_px(self.current) or np.nan,
            first_id=self.history.new_ids(len(yx)),
        )
        self.do(edits.AddPicks(rows), _count("Add", len(yx)))

    def set_state(self, ids: NDArray[np.int64], state: State) -> int:
        """Reject picks or restore them; returns how many changed."""
        picks = self.document.picks
        rows = np.flatnonzero(np.isin(picks.id, ids) & (picks.state != state))
        if len(rows):
            verb = "Reject" if state == State.REJECTED else "Restore"
            edit = edits.SetColumn.of(picks, rows, "state", state)
            self.do(edit, _count(verb, len(rows)))
        return len(rows)

    def confirm(self, ids: NDArray[np.int64]) -> None:
        """Say that picks are right: from now on they are the user's own, as if she had clicked."""
        picks = self.document.picks
        rows = np.flatnonzero(np.isin(picks.id, ids))
        if len(rows):
            kept = edits.SetColumn.of(picks, rows, "state", State.KEPT)
            own = edits.SetColumn.of(picks, rows, "source", Source.MANUAL)
            self.do(edits.Group((kept, own)), _count("Keep", len(rows)))

    def move(self, ids: NDArray[np.int64], yx_px: NDArray[np.float64]) -> None:
        """Drag picks elsewhere; `ids` ascending. A pick that was moved is the user's own."""
        picks = self.document.picks
        rows = np.flatnonzero(np.isin(picks.id, ids))
        place = edits.SetColumn.of(picks, rows, "yx_px", yx_px)
        own = edits.SetColumn.of(picks, rows, "source", Source.MANUAL)
        self.do(edits.Group((place, own)), _count("Move", len(rows)))

    def paint(self, stroke: Stroke) -> None:
        """Exclude a region of the current micrograph, or include it again."""
        if self.current is not None:
            before = self.document.strokes.get(self.current, ())
            edit = edits.SetStrokes(self.current, before, (*before, stroke))
            self.do(edit, "Erase paint" if stroke.erase else "Paint exclusion")

    def set_flag(self, flag: edits.Flag, on: bool, name: str | None = None) -> None:
        """Tick a micrograph (by default the current one) off, or throw it out."""
        name = name or self.current
        if name is not None and (name in getattr(self.document, flag)) != on:
            label = {"reviewed": "Mark reviewed", "junk": "Mark as junk"}[flag]
            self.do(edits.SetFlag(flag, name, on), label if on else label.replace("Mark", "Unmark"))

    def preview_filters(self, **changes: Any) -> None:
        """Move a slider: what is shown changes, nothing is saved yet."""
        before, self.filters = self.filters, replace(self.filters, **changes)
        if not only_threshold_differs(before, self.filters):
            self._visibility.refresh(self.live, self.micrographs, ALL)
        self.filters_changed.emit()

    def commit_filters(self) -> None:
        """Let go of a slider: the whole drag becomes one step of the history."""
        if self.filters != self.document.filters:
            self.do(edits.SetFilters(self.document.filters, self.filters), "Change filters")

    def throw_out(self, names: Iterable[str], label: str) -> None:
        """Mark several micrographs as junk, as one step."""
        fresh = [name for name in names if name not in self.document.junk]
        if fresh:
            self.do(edits.Group(tuple(edits.SetFlag("junk", name, True) for name in fresh)), label)

    def undo(self) -> Entry | None:
        """Take back the last step, and show the micrograph that it concerned."""
        return self._back_and_forth(self.history.undo)

    def redo(self) -> Entry | None:
        """Repeat the last step taken back."""
        return self._back_and_forth(self.history.redo)

    # --------------------------------------------------------------------------------------------

    def _adopt(self, history: History) -> None:
        self.history = history
        self.filters = history.document.filters
        self._before = history.document
        history.changed.connect(self._on_history)

    def _on_history(self, verb: str, entry: Entry) -> None:
        before, self._before = self._before, self.document
        if self.document.filters != before.filters:
            self.filters = self.document.filters
        names = names_touched(entry.edit, before.picks, self.document.picks)
        self._visibility.refresh(self.live, self.micrographs, names)
        if names == frozenset():
            self.filters_changed.emit()
        else:
            self.picks_changed.emit(names)

    def _back_and_forth(self, take: Callable[[], Entry | None]) -> Entry | None:
        before = self.document.picks
        entry = take()
        if entry is not None:
            names = names_touched(entry.edit, before, self.document.picks)
            if names is not None and len(names) == 1:
                self.go_to(next(iter(names)))
        return entry


def _count(verb: str, n: int) -> str:
    return f"{verb} {n} pick{'s' if n != 1 else ''}"
