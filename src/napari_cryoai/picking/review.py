"""Which picks to show for review, and in which order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.picks import PickTable, Source, State
from napari_cryoai.picking.learned import Picker
from napari_cryoai.picking.sight import View, at_peak, field_of, picks_of

APART = 3.0
"""Diameters between one pick of the review and the next, if there is a choice."""

AHEAD = 64
"""Picks that the review chooses the next one from."""


def review_order(view: View, picks: PickTable, picker: Picker) -> NDArray[np.intp]:
    """Rows in the order in which a look at them tells most: the least certain first.

    Neighbours do not follow each other if there is a choice: they are alike, and what is between
    them would be seen twice.

    Parameters
    ----------
    picks
        Of this micrograph.

    Returns
    -------
    rows
        Of the picks that nobody has clicked or rejected.
    """
    open_rows = np.flatnonzero((picks.source != Source.MANUAL) & (picks.state == State.KEPT))
    yx_px = picks.yx_px[open_rows]
    heat = field_of(view, picker).heat
    limit = np.array(heat.shape) - 1
    y, x = np.clip(np.rint(view.cells(yx_px)).astype(int), 0, limit).T
    logit = at_peak(heat, np.column_stack([y, x]))
    threshold = picks_of(view, picker).threshold
    certain = np.abs(picker.calibration.probability(logit) - threshold)
    order = np.argsort(certain, kind="stable")
    return open_rows[order[_spread(yx_px[order], APART * view.diameter_px)]]


def _spread(yx: NDArray[np.float64], apart: float) -> NDArray[np.intp]:
    """An order of points as near as can be to the given one, with no near ones in succession."""
    waiting = list(range(len(yx)))
    order: list[int] = []
    while waiting:
        first = waiting[:AHEAD]
        far = np.hypot(*(yx[first] - yx[order[-1]]).T) >= apart if order else [True]
        order.append(waiting.pop(int(np.argmax(far))))
    return np.array(order, np.intp)
