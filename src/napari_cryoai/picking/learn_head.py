"""Learning from corrections in a second: the last layer is fitted anew."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, logit

from napari_cryoai.picking.calibration import Calibration, expected_best_threshold
from napari_cryoai.picking.corrections import (
    Corrections,
    Peaks,
    Said,
    check,
    peaks_of,
    soft_labels,
    weights_of,
)
from napari_cryoai.picking.learn_fit import (
    Floats,
    Prior,
    calibrated,
    fit_map,
    prior_of,
)
from napari_cryoai.picking.learn_spacing import spacing_of
from napari_cryoai.picking.learned import Picker
from napari_cryoai.picking.network import STRIDE, PickerNetwork
from napari_cryoai.picking.preprocess import DIAMETER_PX
from napari_cryoai.picking.sight import View, field_of, hidden_of, with_own_heads
from napari_cryoai.picking.spacing import SPACING

TRUSTED = 10.0
"""Corrections after which the new threshold counts as much as the old one."""

BULK, BULK_RADIUS = 4, 2.0
"""So many rejected picks within so many diameters are a region of junk."""

JUNK_RADIUS = 0.75
"""Diameters around a pick of such a region that are junk."""

HEAT, JUNK = 0, 4
"""Rows of the last layer."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What the fit needs of one micrograph.

    Attributes
    ----------
    hidden
        `(c, h, w)`: what the last layer is shown.
    heat, junk
        `(h, w)` logits.
    peaks
        With what was said of them.
    label, weight
        `(n,)`, see `soft_labels` and `weights_of`.
    fewer
        What is added to the logits of its scores, as it holds fewer particles than is usual: see
        `Calibration.scores`.
    """

    hidden: NDArray[np.float32]
    heat: NDArray[np.float32]
    junk: NDArray[np.float32]
    peaks: Peaks
    label: Floats
    weight: Floats
    fewer: float


def refit(picker: Picker, corrected: Sequence[Corrections]) -> Picker:
    """Fit the last layer, the calibration and the threshold to corrections.

    Logistic regression, with a Gaussian prior around the weights that the picker has: a maximum a
    posteriori estimate, by Newton's method. Without a correction near it, nothing changes.

    Parameters
    ----------
    picker
        The one to start from; when more is corrected, start from the same one again.
    corrected
        All that is corrected so far.

    Raises
    ------
    CryoAIError
        If there is nothing to learn from, or another network saw the micrographs.
    """
    check(corrected)
    picker = replace(picker, spacing=spacing_of(picker, corrected))
    seen = [judge(one, picker) for one in corrected]
    prior = prior_of([s.hidden for s in seen])
    network = with_own_heads(picker.network)
    _shift(network, HEAT, *_heat_change(seen, prior, picker.calibration))
    if any(_bulk(one.peaks).any() for one in seen):
        _shift(network, JUNK, *_junk_change(seen, prior))
    fitted = replace(picker, network=network, digest=digest_after(picker, network))
    views = [one.view for one in corrected]
    return recalibrated(fitted, views, seen, sum(one.count for one in corrected))


def recalibrated(
    picker: Picker, views: Sequence[View], judged: Sequence[Seen], corrections: int
) -> Picker:
    """With calibration and threshold fitted to corrections, near the old ones if they are few.

    Parameters
    ----------
    views
        One for each of `judged`, seen by the picker or by one of the same features.
    judged
        By the picker as it was before it learned: it could not know the labels.
    corrections
        How many there are.
    """
    pairs = zip(views, judged, strict=True)
    score = np.concatenate([_at(field_of(v, picker).heat, s.peaks.cells) for v, s in pairs])
    label = np.concatenate([one.label for one in judged])
    weight = np.concatenate([one.weight for one in judged])
    fewer = _fewer(judged)
    curve = calibrated(score, label, weight, picker.calibration, fewer)
    wanted = expected_best_threshold(expit(curve.slope * score + curve.intercept + fewer), label)
    old, new = logit(np.clip([picker.calibration.threshold, wanted], 0.05, 0.95))
    threshold = float(expit(old + (new - old) * corrections / (corrections + TRUSTED)))
    # Where some of what was found is none, particles are rarer among the peaks everywhere.
    before = np.concatenate([_at(one.heat, one.peaks.cells) for one in judged])
    thought = expit(picker.calibration.slope * before + picker.calibration.intercept + fewer).sum()
    base = curve.base * min(1.0, float(label.sum() / max(thought, 1e-9)))
    return replace(picker, calibration=curve._replace(threshold=threshold, base=base))


def judge(one: Corrections, picker: Picker) -> Seen:
    """What a picker makes of a micrograph, in the light of the corrections."""
    field, curve = field_of(one.view, picker), picker.calibration
    peaks = peaks_of(one, field, picker.spacing or SPACING)
    heat = _at(field.heat, peaks.cells)
    score = curve.scores(heat, counted=_at(field.junk, peaks.cells) <= 0).clip(1e-6, 1 - 1e-6)
    fewer = float(np.median(logit(score) - curve.slope * heat - curve.intercept))
    z = curve.slope * heat + curve.intercept + fewer
    label, weight = soft_labels(z, peaks.said), weights_of(z, peaks.said)
    hidden = hidden_of(one.view, picker.network)
    return Seen(hidden, field.heat, field.junk, peaks, label, weight, fewer)


def _heat_change(
    seen: Sequence[Seen], prior: Prior, calibration: Calibration
) -> tuple[Floats, float]:
    shown = np.concatenate([_at(s.hidden, s.peaks.cells) for s in seen])
    start = np.concatenate([_at(s.heat, s.peaks.cells) for s in seen])
    label = np.concatenate([s.label for s in seen])
    weight = np.concatenate([s.weight for s in seen])
    start = calibration.slope * start + calibration.intercept + _fewer(seen)
    return fit_map(shown, start, label, weight, prior, calibration.slope)


def _junk_change(seen: Sequence[Seen], prior: Prior) -> tuple[Floats, float]:
    """Regions where many picks were rejected are junk, places of particles are not."""
    shown, start, label, weight = [], [], [], []
    for one in seen:
        bulk = _around(one.peaks.cells[_bulk(one.peaks)], one.heat.shape)
        good = (one.peaks.said == Said.CLICKED) | (one.peaks.said == Said.KEPT)
        places = [np.argwhere(bulk), one.peaks.cells[good & (_at(one.junk, one.peaks.cells) < 0)]]
        per_pick = int(_bulk(one.peaks).sum()) / max(len(places[0]), 1)
        for cells, is_junk, each in zip(places, (1.0, 0.0), (per_pick, 0.5), strict=True):
            shown.append(_at(one.hidden, cells))
            start.append(_at(one.junk, cells))
            label.append(np.full(len(cells), is_junk))
            weight.append(np.full(len(cells), each))
    together = (np.concatenate(part) for part in (shown, start, label, weight))
    shown_all, start_all, label_all, weight_all = together
    return fit_map(shown_all, start_all, label_all, weight_all, prior)


@torch.no_grad()
def _shift(network: PickerNetwork, row: int, weight: Floats, bias: float) -> None:
    """Change one row of the last layer, to numbers that a file of weights can hold."""
    weights, biases = network.heads[-1].parameters()
    change = torch.from_numpy(weight).to(weights)
    weights[row, :, 0, 0] = (weights[row, :, 0, 0] + change).half().float()
    biases[row] = (biases[row] + bias).half().float()


def _fewer(seen: Sequence[Seen]) -> Floats:
    """`Seen.fewer`, for each peak of all of them."""
    return np.concatenate([np.full(len(s.label), s.fewer) for s in seen])


def _bulk(peaks: Peaks) -> NDArray[np.bool_]:
    """Which peaks were rejected together with many around them."""
    rejected = peaks.said == Said.REJECTED
    away = peaks.cells[:, None] - peaks.cells[rejected][None]
    near = np.hypot(*np.moveaxis(away, -1, 0)) < BULK_RADIUS * DIAMETER_PX / STRIDE
    return rejected & (near.sum(1) >= BULK)


def _around(cells: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Discs around cells."""
    mask = np.zeros(shape, np.bool_)
    y, x = np.ogrid[: shape[0], : shape[1]]
    for row, column in cells:
        mask |= np.hypot(y - row, x - column) < JUNK_RADIUS * DIAMETER_PX / STRIDE
    return mask


def _at(image: NDArray[np.float32], cells: NDArray[np.intp]) -> Floats:
    """Values `(n,)` or `(n, c)` in cells."""
    y, x = cells.T
    return np.asarray(image[..., y, x].T, np.float64)


def digest_after(picker: Picker, network: PickerNetwork) -> str:
    """A name for what a picker's network has become."""
    told = hashlib.sha256(picker.digest.encode())
    for parameter in network.parameters():
        told.update(parameter.detach().cpu().numpy().tobytes())
    return told.hexdigest()
