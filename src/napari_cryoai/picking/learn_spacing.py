"""How close to each other particles may be, from micrographs that were corrected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.picking.corrections import REACH, Corrections, Said, said_of
from napari_cryoai.picking.evaluate import match
from napari_cryoai.picking.learned import Picker, close_peaks
from napari_cryoai.picking.sight import field_of
from napari_cryoai.picking.spacing import CLOSEST, ENOUGH, SPACING, real_share

PAIRS_WORTH = 10.0
"""Corrections that count as much as what the number of pairs says."""


def spacing_of(picker: Picker, corrected: Sequence[Corrections]) -> float:
    """Diameters between two picks at least: that of the picker, the usual one, or `CLOSEST`.

    What is clicked next to a better peak speaks for pairs, what is rejected there against them.
    """
    usual = picker.spacing or SPACING
    picks = pairs = clicked = rejected = 0
    for one in corrected:
        said, close = _close_peaks(picker, one, usual)
        picks, pairs = picks + int(np.sum(~close)), pairs + int(np.sum(close))
        clicked += int(np.sum(said[close] == Said.CLICKED))
        rejected += int(np.sum(said[close] == Said.REJECTED))
    told = PAIRS_WORTH * real_share(picks, pairs) + clicked
    share = told / (PAIRS_WORTH + clicked + rejected)
    return min(usual, CLOSEST) if share > ENOUGH else usual


def _close_peaks(
    picker: Picker, one: Corrections, usual: float
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Of likely peaks: what was said of each, and whether a better one is close."""
    field = field_of(one.view, picker)
    cells, close = close_peaks(field, picker.calibration, usual)
    y, x = cells.T
    centres = (cells + field.offset[:, y, x].T).astype(np.float64)
    row, peak = match(one.view.cells(one.picks.yx_px), centres, REACH)
    said = np.zeros(len(cells), np.uint8)
    said[peak] = said_of(one.picks)[row]
    return said, close
