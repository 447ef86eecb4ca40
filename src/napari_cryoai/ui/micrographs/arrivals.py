"""How newly found or imported picks meet what the user has already said about a micrograph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_cryoai.core.picks import PickTable, Source, State, merge


def users_own(picks: PickTable) -> NDArray[np.bool_]:
    """`(n,)` mask of the rows that a new run of the picker must leave alone."""
    return (picks.source != Source.AUTO) | (picks.state == State.REJECTED)


def respecting(own: PickTable, incoming: PickTable, radius_px: float) -> PickTable:
    """The incoming picks that do not lie on a particle the user has already decided about.

    Parameters
    ----------
    own
        Picks of the same micrograph that the user made, moved, rejected or imported.
    incoming
        What a job found.
    radius_px
        Two picks closer than this are one particle.

    Returns
    -------
    picks
        Rows of `incoming`.
    """
    if not len(own) or not len(incoming):
        return incoming
    distance, _ = cKDTree(own.yx_px).query(incoming.yx_px, distance_upper_bound=radius_px)
    return incoming.select(~np.isfinite(distance))


def replacing_micrographs(before: PickTable, imported: PickTable, first_id: int) -> PickTable:
    """The table in which an import takes the place of all picks of the micrographs it names."""
    present = [name for name, count in imported.counts().items() if count]
    stays = ~np.isin(before.micrograph_names().astype(str), present)
    return merge([imported.renumbered(first_id), before.select(stays)])
