"""Files of picks as corrections: what is not in the list was objected to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_cryoai.core.picks import PickTable, Source, State, concatenate
from napari_cryoai.picking.corrections import Corrections
from napari_cryoai.picking.evaluate import match
from napari_cryoai.picking.learned import Picker
from napari_cryoai.picking.sight import View, picks_of

NEAR = 0.35
"""Diameters between a pick of the list and one of the picker's that it stands for."""


def tells_corrections(picks: PickTable) -> bool:
    """Whether the table says itself what was clicked and what was rejected."""
    rejected = np.any(picks.state == State.REJECTED)
    return bool(rejected or np.any(picks.source == Source.MANUAL))


def as_corrections(view: View, listed: PickTable, picker: Picker, *, complete: bool) -> Corrections:
    """What a list of particles says of a picker's work.

    Parameters
    ----------
    listed
        Of this micrograph. Those that the picker found too are left as its own, the others count
        as clicked.
    complete
        Whether the list names all particles, so that what else the picker found is false.
    """
    found = picks_of(view, picker)
    own = found.picks.select((found.picks.score >= found.threshold) & ~found.picks.in_junk)
    mine, theirs = match(own.yx_px, listed.yx_px, NEAR * view.diameter_px)
    source = np.full(len(listed), Source.MANUAL, np.uint8)
    source[theirs] = Source.AUTO
    tables = [replace(listed, source=source, names=(view.name,))]
    if complete:
        false = own.select(np.setdiff1d(np.arange(len(own)), mine))
        tables.append(replace(false, state=np.full(len(false), State.REJECTED, np.uint8)))
    return Corrections(view, concatenate(tables))
