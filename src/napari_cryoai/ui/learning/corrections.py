"""What the user has said about picks: counted, and as a picker is to learn it."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.filters import above_threshold, painted
from napari_cryoai.core.picks import PickTable, Source, State
from napari_cryoai.ui.kit.parts import counted
from napari_cryoai.ui.micrographs.session import Session


class Tally(NamedTuple):
    """How many corrections there are, and on how many micrographs."""

    corrections: int
    micrographs: int

    def words(self) -> str:
        """ "14 corrections on 2 micrographs"."""
        if not self.corrections:
            return "No corrections yet"
        where = counted(self.micrographs, "micrograph")
        return f"{counted(self.corrections, 'correction')} on {where}"


def tally(session: Session) -> Tally:
    """Count the corrections of the whole set."""
    by_name = corrections_by_name(session)
    return Tally(sum(by_name.values()), len(by_name))


def corrections_by_name(session: Session) -> dict[str, int]:
    """Number of corrections per micrograph; those without any, and junk, are left out."""
    document = session.document
    counts = document.picks.counts(_corrected(session))
    return {
        name: count
        for name, count in counts.items()
        if count and name in session.micrographs and name not in document.junk
    }


def as_left(session: Session, name: str) -> PickTable:
    """The picks of one micrograph as the user left them, to learn from.

    Returns
    -------
    picks
        The shown ones, and the rejected ones; those under the brush are rejected too. What only a
        slider hides is not among them: nobody has said anything about it.
    """
    rows = session.document.picks.rows_of(name)
    out = _painted_out(session)[rows]
    said = session.shown()[rows] | out | (session.document.picks.state[rows] == State.REJECTED)
    picks = session.document.picks.of(name)
    state = np.where(out, np.uint8(State.REJECTED), picks.state)
    return replace(picks, state=state).select(said)


def _corrected(session: Session) -> NDArray[np.bool_]:
    picks = session.document.picks
    clicked = (picks.source == Source.MANUAL) & (picks.state == State.KEPT)
    return clicked | (picks.state == State.REJECTED) | _painted_out(session)


def _painted_out(session: Session) -> NDArray[np.bool_]:
    """`(n,)` mask of the picks that would be shown, were it not for the brush."""
    picks, document = session.document.picks, session.document
    mask = np.zeros(len(picks), np.bool_)
    for name, strokes in document.strokes.items():
        rows = picks.rows_of(name)
        mask[rows] = painted(picks.yx_px[rows], strokes)
    if mask.any():
        mask &= (picks.state == State.KEPT) & above_threshold(picks, session.filters)
        mask &= ~picks.in_junk
    return mask
