"""What several pickers agree on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import PickTable, Source, concatenate
from napari_cryoai.picking.evaluate import match

Points = NDArray[np.float64]


def consensus(tables: Sequence[PickTable], radius_px: float, votes: int) -> PickTable:
    """Particles that at least `votes` of the tables have, each at the mean of its picks.

    The tables are taken one after the other: as many of a table's picks as can be are matched one
    to one with the particles so far, within `radius_px`; the others are new particles.

    Parameters
    ----------
    tables
        Two or more, of the same micrographs by the same names.
    votes
        How many have to agree.

    Returns
    -------
    picks
        Best first on each micrograph. The score is the share of the tables that agree; the diameter
        is the mean of those that know it.

    Raises
    ------
    CryoAIError
        If there are fewer tables than votes, or no micrograph is in two of them.
    """
    if len(tables) < 2 or not 1 <= votes <= len(tables):
        raise CryoAIError(
            f"{len(tables)} sets of picks cannot give {votes} votes",
            remedy="Give two or more sets, and at most as many votes",
        )
    names = list(dict.fromkeys(name for table in tables for name in table.names))
    shared = [name for name in names if sum(name in table.names for table in tables) > 1]
    if not shared:
        raise CryoAIError(
            "no micrograph is in two of the sets of picks",
            remedy="Check that they are of the same micrographs, by the same names",
        )
    agreed = (_agreed(name, tables, radius_px, votes) for name in names)
    return concatenate(agreed).with_names(names)


def _agreed(name: str, tables: Sequence[PickTable], radius_px: float, votes: int) -> PickTable:
    """On one micrograph."""
    middle, count = np.empty((0, 2)), np.empty(0)
    size, known = np.empty(0), np.empty(0)
    for table in tables:
        rows = table.rows_of(name)
        yx, diameter = table.yx_px[rows], table.diameter_px[rows].astype(np.float64)
        old, mine = match(middle, yx, radius_px)
        new = np.setdiff1d(np.arange(len(yx)), mine)
        middle[old] += (yx[mine] - middle[old]) / (count[old] + 1)[:, None]
        count[old] += 1
        middle, count = np.concatenate([middle, yx[new]]), np.append(count, np.ones(len(new)))
        at = np.concatenate([old, np.arange(len(middle) - len(new), len(middle))])
        size, known = (np.append(sums, np.zeros(len(new))) for sums in (size, known))
        told = np.nan_to_num(diameter[np.concatenate([mine, new])])
        size[at] += told
        known[at] += told > 0
    order = np.argsort(-count, kind="stable")
    order = order[count[order] >= votes]
    with np.errstate(invalid="ignore"):
        diameter_px = size / known
    return PickTable.of_points(
        name,
        middle[order],
        score=count[order] / len(tables),
        diameter_px=diameter_px[order],
        source=Source.AUTO,
    )
