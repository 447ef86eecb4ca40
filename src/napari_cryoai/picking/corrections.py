"""What a user's corrections say of the peaks that a picker found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import PickTable, Source, State
from napari_cryoai.picking.evaluate import match
from napari_cryoai.picking.learned import Field, peak_cells
from napari_cryoai.picking.network import STRIDE
from napari_cryoai.picking.preprocess import DIAMETER_PX
from napari_cryoai.picking.sight import View
from napari_cryoai.picking.spacing import SPACING

REACH = 0.35 * DIAMETER_PX / STRIDE
"""Cells between a click and the peak that it means."""

FLOOR = -6.0
"""Logit down to which peaks are looked at."""

SIMILAR = 1.0
"""Peaks whose logits differ by less are corrected with the same care."""

DOUBT = 10.0
"""Errors that a user is thought to have left for each of a kind, until she corrects more."""

MOST_CARE = 0.9
"""Share of the errors of a kind that a user corrects at most."""

OTHER_DIAMETER = 1.5
"""Factor by which the diameter of the picks may be off that of the view."""


class Said(IntEnum):
    """What the user said of a peak."""

    NOTHING = 0
    KEPT = 1
    CLICKED = 2
    REJECTED = 3


WEIGHT = np.array([0.3, 0.5, 1.0, 1.0])
"""Of one peak in the fit, by `Said`, where nearly no error was corrected."""


@dataclass(frozen=True, eq=False)
class Corrections:
    """One micrograph as the user left it.

    Attributes
    ----------
    view
        What the picker saw of it.
    picks
        Of this micrograph. Rows that are kept are particles, above all those clicked by hand
        (`Source.MANUAL`); rejected rows are none. Of what is in no row nothing is known.
    """

    view: View
    picks: PickTable

    @property
    def count(self) -> int:
        """How many picks were clicked or rejected."""
        return int(np.sum(said_of(self.picks) >= Said.CLICKED))


class Peaks(NamedTuple):
    """Peaks of a heat map, and the places of picks where it has none.

    Attributes
    ----------
    cells
        `(n, 2)`.
    said
        `(n,)` a `Said` each.
    """

    cells: NDArray[np.intp]
    said: NDArray[np.uint8]


def check(corrected: Sequence[Corrections]) -> None:
    """Whether there is anything to learn.

    Raises
    ------
    CryoAIError
        If nothing was corrected, no particle is left, or picks and views do not go together.
    """
    if not sum(one.count for one in corrected):
        raise CryoAIError(
            "nothing has been corrected yet",
            remedy="Click particles that were missed, or reject false picks, on one micrograph",
        )
    if all(np.all(one.picks.state == State.REJECTED) for one in corrected):
        raise CryoAIError(
            "all picks are rejected: there is no example of a particle",
            remedy="Click some particles, or keep some picks",
        )
    for one in corrected:
        _check_one(one)


def said_of(picks: PickTable) -> NDArray[np.uint8]:
    """`(n,)` a `Said` for each row."""
    clicked = picks.source == Source.MANUAL
    said = np.where(clicked, Said.CLICKED, Said.KEPT)
    return np.where(picks.state == State.REJECTED, Said.REJECTED, said).astype(np.uint8)


def peaks_of(one: Corrections, field: Field, spacing: float = SPACING) -> Peaks:
    """All peaks of a picker's answer with what the corrections say of each.

    `spacing` is that of a `Picker`.
    """
    cells, _ = peak_cells(field, FLOOR, spacing)
    y, x = cells.T
    rows = one.view.cells(one.picks.yx_px)
    told = said_of(one.picks)
    centres = (cells + field.offset[:, y, x].T).astype(np.float64)
    row, peak = match(rows, centres, REACH)
    said = np.zeros(len(cells), np.uint8)
    said[peak] = told[row]
    alone = np.setdiff1d(np.arange(len(rows)), row)
    nearest = highest_near(field.heat, rows[alone])
    return Peaks(np.concatenate([cells, nearest]), np.concatenate([said, told[alone]]))


def soft_labels(z: NDArray[np.float64], said: NDArray[np.uint8]) -> NDArray[np.float64]:
    """`(n,)` probability that each peak of one micrograph is a particle, given what was said.

    Who says nothing agrees, or has not looked. How many of the errors there are the user corrects
    is seen from how many she has, among peaks that score alike, and how many the calibration lets
    expect. So silence weighs little after a few corrections, and more near many of them: the
    reasoning of Elkan and Noto (2008) on positive and unlabelled examples, for both kinds.

    Parameters
    ----------
    z
        `(n,)` logits of the scores.
    """
    right = expit(z).clip(1e-6, 1 - 1e-6)
    clicked, rejected = said == Said.CLICKED, said == Said.REJECTED
    overlooked = 1 - care_of(z, said)
    kept = right / (right + overlooked * (1 - right))
    silent = overlooked * right / (overlooked * right + 1 - right)
    label = np.where(said == Said.KEPT, kept, silent)
    return np.where(clicked, 1.0, np.where(rejected, 0.0, label))


def care_of(z: NDArray[np.float64], said: NDArray[np.uint8]) -> NDArray[np.float64]:
    """`(n,)` share of the errors among peaks that score alike that the user has corrected."""
    right = expit(z).clip(1e-6, 1 - 1e-6)
    corrected = said >= Said.CLICKED
    alike = np.exp(-0.5 * ((z[:, None] - z[None]) / SIMILAR) ** 2)
    errors = alike @ np.where(corrected, 1, np.where(said == Said.KEPT, 1 - right, right))
    return np.minimum(alike @ corrected / (errors + DOUBT), MOST_CARE)


def weights_of(z: NDArray[np.float64], said: NDArray[np.uint8]) -> NDArray[np.float64]:
    """`(n,)` how much each peak counts: silence the more, the more of the errors were corrected.

    Else the errors would count more than what was right, and outweigh it when all are corrected.
    """
    alone = WEIGHT[said]
    return np.asarray(alone + (1 - alone) * care_of(z, said))


def highest_near(heat: NDArray[np.float32], at: NDArray[np.float64]) -> NDArray[np.intp]:
    """The cell `(n, 2)` of the highest value in the 3 x 3 around each point."""
    limit = np.array(heat.shape) - 1
    middle = np.clip(np.rint(at).astype(np.intp), 0, limit)
    steps = np.array([(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    around = np.clip(middle[:, None] + steps, 0, limit)
    best = np.argmax(heat[around[..., 0], around[..., 1]], axis=1)
    return np.asarray(np.take_along_axis(around, best[:, None, None], 1)[:, 0], np.intp)


def _check_one(one: Corrections) -> None:
    view, picks = one.view, one.picks
    if any(name != view.name for name in picks.micrograph_names()):
        raise CryoAIError(
            f"there are picks of other micrographs among the corrections of {view.name}",
            remedy="Give the corrections of each micrograph by themselves",
        )
    diameter_px = float(np.nanmedian(np.append(picks.diameter_px, view.diameter_px)))
    if not 1 / OTHER_DIAMETER < diameter_px / view.diameter_px < OTHER_DIAMETER:
        raise CryoAIError(
            f"the picks on {view.name} are {diameter_px:.0f} pixels wide, but the picker looked "
            f"for particles of {view.diameter_px:.0f}",
            remedy="Let the picker look again, with the diameter of the picks",
        )
    beyond = np.maximum(-picks.yx_px, picks.yx_px - np.array(view.shape))
    outside = beyond > view.diameter_px / 2
    if outside.any():
        raise CryoAIError(
            f"{int(outside.any(axis=1).sum())} picks lie beyond the borders of {view.name}",
            remedy="Check that picks and micrographs go together, and the y axis of the file",
        )
