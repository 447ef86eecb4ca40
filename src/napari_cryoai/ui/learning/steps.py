"""The steps of learning in the history: what they go back to, and which rows they may not touch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core import edits
from napari_cryoai.core.history import Entry, History
from napari_cryoai.ui.learning.store import Standing


class Point(NamedTuple):
    """One dot of the learning curve.

    Attributes
    ----------
    corrections
        How many the picker had learned from; 0 for the one of the beginning.
    f1
        Agreement with the corrected micrographs.
    reference
        Agreement of the shown picks with reference picks, if any are loaded.
    """

    corrections: int
    f1: float
    reference: float | None = None


@dataclass(frozen=True)
class State:
    """What an undo of a learning step goes back to."""

    standing: Standing
    curve: tuple[Point, ...]


def touched_since(history: History, label: str) -> NDArray[np.int64]:
    """Ids of the rows that steps refer to which the user may still take back or repeat.

    Parameters
    ----------
    label
        Of the step that is being extended: later ones count, and those that were taken back.
    """
    later: list[Entry] = [*history.undone]
    for entry in reversed(history.done):
        if entry.label == label:
            break
        later.append(entry)
    ids = [part for entry in later for part in _ids(entry.edit)]
    return np.concatenate([np.empty(0, np.int64), *ids])


def _ids(edit: edits.Edit) -> list[NDArray[np.int64]]:
    if isinstance(edit, edits.Group):
        return [ids for part in edit.edits for ids in _ids(part)]
    if isinstance(edit, edits.SetColumn):
        return [edit.ids]
    if isinstance(edit, edits.AddPicks | edits.RemovePicks):
        return [edit.rows.id]
    return []


def curve_from_notes(noted: Any) -> tuple[Point, ...]:
    """What was noted; nothing if it is damaged."""
    try:
        return tuple(Point(int(n), float(f1), r if r is None else float(r)) for n, f1, r in noted)
    except (TypeError, ValueError):
        return ()
