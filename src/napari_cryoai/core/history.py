"""Undo and redo of a pick document, across all its micrographs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from psygnal import Signal

from napari_cryoai.core.document import PickDocument
from napari_cryoai.core.edits import (
    AddPicks,
    Edit,
    Group,
    RemovePicks,
    SetFilters,
    SetFlag,
    SetStrokes,
)
from napari_cryoai.core.picks import PickTable, merge

Verb = Literal["do", "undo", "redo", "extend"]


@dataclass(frozen=True)
class Entry:
    """One step of the history, as the Edit menu names it."""

    edit: Edit
    label: str


class History:
    """The document as it is now, and the way back.

    Signals
    -------
    changed(verb, entry)
        After every change; of an undo or redo the entry is the one concerned, of an extension it
        holds the added edit alone.
    """

    changed = Signal(str, Entry)

    def __init__(self, document: PickDocument | None = None):
        self.document = document if document is not None else PickDocument()
        self._done: list[Entry] = []
        self._undone: list[Entry] = []
        ids = self.document.picks.id
        self._next_id = int(ids[-1]) + 1 if len(ids) else 0

    def new_ids(self, count: int) -> int:
        """Reserve `count` ids that no row has ever had; returns the first."""
        first, self._next_id = self._next_id, self._next_id + count
        return first

    @classmethod
    def restored(
        cls, document: PickDocument, done: Iterable[Entry], undone: Iterable[Entry], next_id: int
    ) -> History:
        """The history that had these: what a journal's snapshot holds."""
        history = cls(document)
        history._done, history._undone = list(done), list(undone)
        history._next_id = max(history._next_id, next_id)
        return history

    def do(self, edit: Edit, label: str) -> Entry:
        """Apply an edit of the user's; what had been undone is forgotten."""
        document, entry = edit.apply(self.document), Entry(edit, label)
        self._undone.clear()
        self._done.append(entry)
        self._set(document, edit, "do", entry)
        return entry

    def extend(self, label: str, edit: Edit) -> bool:
        """Add an edit to an earlier step, as a job does that delivers one micrograph at a time.

        The edit must not touch rows of any other step, so that their order does not matter.

        Returns
        -------
        extended
            False, with nothing changed, if the user has undone that step meanwhile.
        """
        for i in reversed(range(len(self._done))):
            if self._done[i].label == label:
                document = edit.apply(self.document)
                self._done[i] = Entry(_joined(self._done[i].edit, edit), label)
                self._set(document, edit, "extend", Entry(edit, label))
                return True
        return False

    def undo(self) -> Entry | None:
        """Take back the last step; None if there is none."""
        if not self._done:
            return None
        edit = self._done[-1].edit.inverse()
        document, entry = edit.apply(self.document), self._done.pop()
        self._undone.append(entry)
        self._set(document, edit, "undo", entry)
        return entry

    def redo(self) -> Entry | None:
        """Repeat the last step that was undone; None if there is none."""
        if not self._undone:
            return None
        edit = self._undone[-1].edit
        document, entry = edit.apply(self.document), self._undone.pop()
        self._done.append(entry)
        self._set(document, edit, "redo", entry)
        return entry

    @property
    def undo_label(self) -> str | None:
        """What `undo` would take back."""
        return self._done[-1].label if self._done else None

    @property
    def redo_label(self) -> str | None:
        """What `redo` would repeat."""
        return self._undone[-1].label if self._undone else None

    @property
    def done(self) -> tuple[Entry, ...]:
        """What `undo` can take back, oldest first."""
        return tuple(self._done)

    @property
    def undone(self) -> tuple[Entry, ...]:
        """What `redo` can repeat, the next one last."""
        return tuple(self._undone)

    @property
    def next_id(self) -> int:
        """The first id that no row has ever had."""
        return self._next_id

    def _set(self, document: PickDocument, edit: Edit, verb: Verb, entry: Entry) -> None:
        # An edit that cannot be applied has raised before this, with nothing changed.
        self.document = document
        self._see_ids(edit)
        self.changed.emit(verb, entry)

    def _see_ids(self, edit: Edit) -> None:
        """Ids that came with the edit (from a journal, say) are used up too."""
        if isinstance(edit, Group):
            for part in edit.edits:
                self._see_ids(part)
        for rows in (getattr(edit, "rows", None), getattr(edit, "after", None)):
            if isinstance(rows, PickTable) and len(rows):
                self._next_id = max(self._next_id, int(rows.id[-1]) + 1)


def _joined(step: Edit, edit: Edit) -> Group:
    # Flat, and one table of added and one of removed rows: else a job of a thousand micrographs
    # nests a thousand groups, and its undo goes through the whole table a thousand times.
    parts = list(_parts(step))
    for part in _parts(edit):
        _put(parts, part)
    return Group(tuple(parts))


def _parts(edit: Edit) -> Iterator[Edit]:
    if isinstance(edit, Group):
        for part in edit.edits:
            yield from _parts(part)
    else:
        yield edit


def _put(parts: list[Edit], edit: Edit) -> None:
    """Into the part of its kind, if those after it do not mind the order; else at the end."""
    if isinstance(edit, AddPicks | RemovePicks):
        for i in reversed(range(len(parts))):
            before = parts[i]
            if not _in_any_order(before, edit.rows):
                break
            if isinstance(before, AddPicks | RemovePicks) and type(before) is type(edit):
                parts[i] = type(edit)(merge([before.rows, edit.rows]))
                return
    parts.append(edit)


def _in_any_order(edit: Edit, rows: PickTable) -> bool:
    """Whether an edit does the same before and after these rows come or go."""
    if isinstance(edit, AddPicks | RemovePicks):
        return not np.isin(rows.id, edit.rows.id, assume_unique=True).any()
    return isinstance(edit, SetFilters | SetFlag | SetStrokes)
