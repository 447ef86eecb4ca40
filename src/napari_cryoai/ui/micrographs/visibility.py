"""Which picks are shown, kept up to date cheaply while the user edits and drags sliders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core import edits
from napari_cryoai.core.document import PickDocument, PickFilters
from napari_cryoai.core.filters import above_threshold, candidates
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable

Names = frozenset[str]


class Visibility:
    """The mask of `core.filters.candidates`, recomputed only for the micrographs that changed.

    A move of the threshold slider touches none of them: the shown picks are then one comparison
    away, whatever the number of micrographs.
    """

    def __init__(self) -> None:
        self._ids = np.empty(0, np.int64)
        self._mask = np.empty(0, np.bool_)

    def refresh(
        self, document: PickDocument, micrographs: Mapping[str, Micrograph], names: Names | None
    ) -> None:
        """Recompute the candidates of `names`, or of all micrographs."""
        if names is None:
            self._mask = candidates(document, micrographs) & _of_set(document.picks, micrographs)
        else:
            self._mask = self._carried_over(document.picks.id)
            for name in names & frozenset(document.picks.names) & frozenset(micrographs):
                part = replace(document, picks=document.picks.of(name))
                self._mask[document.picks.rows_of(name)] = candidates(part, micrographs)
        self._ids = document.picks.id

    @property
    def candidates(self) -> NDArray[np.bool_]:
        """`(n,)` mask of what passes every filter but the threshold."""
        return self._mask

    def shown(self, document: PickDocument) -> NDArray[np.bool_]:
        """`(n,)` mask of the picks that are drawn and exported."""
        return self._mask & above_threshold(document.picks, document.filters)

    def _carried_over(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        if ids is self._ids:
            return self._mask.copy()
        mask = np.zeros(len(ids), np.bool_)
        if len(self._ids):
            at = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
            known = self._ids[at] == ids
            mask[known] = self._mask[at[known]]
        return mask


def names_touched(edit: edits.Edit, *tables: PickTable) -> Names | None:
    """The micrographs that an edit concerns; None for all of them.

    Parameters
    ----------
    edit
        Any edit.
    *tables
        The tables before and after it, in which its rows are looked up.
    """
    if isinstance(edit, edits.Group):
        return _union(names_touched(part, *tables) for part in edit.edits)
    if isinstance(edit, edits.AddPicks | edits.RemovePicks):
        return _names_in(edit.rows, np.ones(len(edit.rows), np.bool_))
    if isinstance(edit, edits.SetStrokes | edits.SetFlag):
        return frozenset((edit.micrograph,))
    if isinstance(edit, edits.SetColumn):
        return _union(_names_in(table, np.isin(table.id, edit.ids)) for table in tables)
    if isinstance(edit, edits.SetFilters) and only_threshold_differs(edit.before, edit.after):
        return frozenset()
    return None


def only_threshold_differs(a: PickFilters, b: PickFilters) -> bool:
    """Whether the candidates are the same under both."""
    return replace(a, threshold=b.threshold) == b


def _of_set(picks: PickTable, micrographs: Mapping[str, Micrograph]) -> NDArray[np.bool_]:
    """`(n,)` mask of the picks whose micrograph is open: the rest is neither seen nor exported."""
    known = np.array([name in micrographs for name in picks.names], np.bool_)
    return np.asarray(known[picks.micrograph]) if len(picks) else np.zeros(0, np.bool_)


def _names_in(picks: PickTable, rows: NDArray[np.bool_]) -> Names:
    return frozenset(picks.names[i] for i in np.unique(picks.micrograph[rows]))


def _union(parts: Iterable[Names | None]) -> Names | None:
    names: set[str] = set()
    for part in parts:
        if part is None:
            return None
        names |= part
    return frozenset(names)
