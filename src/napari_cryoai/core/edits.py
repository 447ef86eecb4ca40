"""Edits of a pick document: each knows how to apply itself and what undoes it.

An edit is a small value: it can be written to a journal, read back and applied again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.document import PickDocument, PickFilters, Stroke
from napari_cryoai.core.picks import PickTable, merge

EditableColumn = Literal["yx_px", "state", "source", "diameter_px", "score", "in_junk"]
Flag = Literal["reviewed", "junk"]


class Edit(Protocol):
    """A change to a document that can be undone."""

    def apply(self, document: PickDocument) -> PickDocument:
        """The document after the edit."""
        ...

    def inverse(self) -> Edit:
        """The edit that takes it back."""
        ...


@dataclass(frozen=True)
class AddPicks:
    """Add rows of micrographs the document knows; their ids are new, see `History.new_ids`."""

    rows: PickTable

    def apply(self, document: PickDocument) -> PickDocument:
        return replace(document, picks=merge([document.picks, self.rows]))

    def inverse(self) -> Edit:
        return RemovePicks(self.rows)


@dataclass(frozen=True)
class RemovePicks:
    """Take rows out of the table altogether. The user's Delete is `SetColumn("state")` instead."""

    rows: PickTable

    def apply(self, document: PickDocument) -> PickDocument:
        picks = document.picks
        return replace(document, picks=picks.select(~np.isin(picks.id, self.rows.id)))

    def inverse(self) -> Edit:
        return AddPicks(self.rows)


@dataclass(frozen=True)
class ReplacePicks:
    """Put another table in place of the whole one: what an import does."""

    before: PickTable
    after: PickTable

    def apply(self, document: PickDocument) -> PickDocument:
        return replace(document, picks=self.after)

    def inverse(self) -> Edit:
        return ReplacePicks(self.after, self.before)


@dataclass(frozen=True, eq=False)
class SetColumn:
    """Give some rows new values in one column: move them, reject them, restore them."""

    column: EditableColumn
    ids: NDArray[np.int64]
    before: NDArray[Any]
    after: NDArray[Any]

    @classmethod
    def of(cls, picks: PickTable, rows: NDArray[Any], column: EditableColumn, value: Any) -> Edit:
        """The edit that gives `value` to `rows` (a mask or indices) of `picks`."""
        before = getattr(picks, column)[rows]
        after = np.broadcast_to(np.asarray(value, before.dtype), before.shape).copy()
        return cls(column, picks.id[rows], before, after)

    def apply(self, document: PickDocument) -> PickDocument:
        picks = document.picks
        values = getattr(picks, self.column).copy()
        values[picks.rows_with(self.ids)] = self.after
        changed: dict[str, Any] = {self.column: values}
        return replace(document, picks=replace(picks, **changed))

    def inverse(self) -> Edit:
        return replace(self, before=self.after, after=self.before)


@dataclass(frozen=True)
class SetFilters:
    """Move the sliders."""

    before: PickFilters
    after: PickFilters

    def apply(self, document: PickDocument) -> PickDocument:
        return replace(document, filters=self.after)

    def inverse(self) -> Edit:
        return SetFilters(self.after, self.before)


@dataclass(frozen=True)
class SetStrokes:
    """Change the painted exclusions of one micrograph."""

    micrograph: str
    before: tuple[Stroke, ...]
    after: tuple[Stroke, ...]

    def apply(self, document: PickDocument) -> PickDocument:
        strokes = {k: v for k, v in document.strokes.items() if k != self.micrograph}
        if self.after:
            strokes[self.micrograph] = self.after
        return replace(document, strokes=strokes)

    def inverse(self) -> Edit:
        return replace(self, before=self.after, after=self.before)


@dataclass(frozen=True)
class SetFlag:
    """Tick a micrograph off as reviewed, throw it out as junk, or take that back."""

    flag: Flag
    micrograph: str
    on: bool

    def apply(self, document: PickDocument) -> PickDocument:
        names: frozenset[str] = getattr(document, self.flag)
        changed: dict[str, Any] = {
            self.flag: names | {self.micrograph} if self.on else names - {self.micrograph}
        }
        return replace(document, **changed)

    def inverse(self) -> Edit:
        return replace(self, on=not self.on)


@dataclass(frozen=True)
class Group:
    """Several edits that are done and undone as one."""

    edits: tuple[Edit, ...]

    def apply(self, document: PickDocument) -> PickDocument:
        for edit in self.edits:
            document = edit.apply(document)
        return document

    def inverse(self) -> Edit:
        return Group(tuple(edit.inverse() for edit in reversed(self.edits)))
