"""How well maps, one for each of some images, show the states that the images were made from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.physics.fourier import resize_fourier, to_fourier, to_real
from napari_cryoai.physics.fsc import MAP_TO_MODEL, fsc, masked_fsc, resolution_at
from napari_cryoai.physics.masks import mask_of_map, threshold_of
from napari_cryoai.physics.radial import low_pass

Floats = NDArray[np.float64]
MapAt = Callable[[int], Tensor]
"""Gives map `i` `(n, n, n)`."""

LOW_PASS_PX = 4.0
"""Where differences are cut off if nobody says where: half of what the pixels could show."""
WIDER_PX, EDGE_PX = 2.0, 4.0
"""How far the mask around all states reaches beyond them, and the width of its edge."""
_ROUNDING = 1e-5
_ROOM = 1.2


@dataclass(frozen=True, eq=False)
class FscScores:
    """Maps against the true maps, shell by shell; one value for each image.

    Attributes
    ----------
    auc
        `(m,)` area under the FSC over frequencies from 0 to 0.5 1/px; 0.5 is perfect (Jeon et al.
        2024, NeurIPS Datasets and Benchmarks: CryoBench).
    resolution_px
        `(m,)` where the FSC falls below 0.5, in pixels; 2 is Nyquist.
    """

    auc: Floats
    resolution_px: Floats

    @classmethod
    def of(cls, maps: MapAt, truths: MapAt, count: int, mask: Tensor | None = None) -> FscScores:
        """Of maps `0` to `count - 1` and the true maps of the same numbers, in a mask or not."""
        curves = [_curve(maps(i), truths(i), mask) for i in range(count)]
        return cls(
            np.array([area(c) for c in curves]), np.array([resolution_px(c) for c in curves])
        )


@dataclass(frozen=True, eq=False)
class DifferenceScores:
    """What is peculiar to each map, its difference to the mean of all, against the truth's.

    Attributes
    ----------
    correlation
        `(m,)` of the differences over the voxels, low-passed; 0 where a map shows none, and NaN
        where the truth has none.
    amplitude
        Of the differences along those of the truth, all images together: 1 if all of the motion is
        there, 0 if none. The scale of the maps is fitted to the truth on the means.
    variation
        Standard deviation of the maps about their mean over that mean's, low-passed: how much they
        move, right or wrong.
    true_variation
        The same of the truth.
    """

    correlation: Floats
    amplitude: float
    variation: float
    true_variation: float

    @classmethod
    def of(
        cls, maps: MapAt, truths: MapAt, count: int, pixel_size_A: float, low_pass_A: float
    ) -> DifferenceScores:
        """Of maps `0` to `count - 1` and the true maps of the same numbers."""

        def smooth(source: MapAt) -> Tensor:
            return torch.stack([_smooth(source(i), pixel_size_A, low_pass_A) for i in range(count)])

        found, true = smooth(maps), smooth(truths)
        middle, true_middle = found.mean(0), true.mean(0)
        found, true = _from(found, middle), _from(true, true_middle)
        scale = _slope(middle, true_middle)
        power = true.square().sum()
        return cls(
            np.array([correlation(a, b) for a, b in zip(found, true, strict=True)]),
            float((found * true).sum() / power * scale) if power > 0 else float("nan"),
            _variation(found, middle),
            _variation(true, true_middle),
        )


def area(curve: Tensor) -> float:
    """Under an FSC `(n // 2 + 1,)` from frequency 0, where maps agree, to 0.5 1/px."""
    values = torch.cat([curve.new_ones(1), curve[1:]])
    return float(torch.trapezoid(values) * 0.5 / (len(values) - 1))


def resolution_px(curve: Tensor) -> float:
    """Where an FSC falls below 0.5, in pixels; the box if it never was above."""
    box = 2 * (len(curve) - 1)
    return min(resolution_at(curve, 1.0, MAP_TO_MODEL), float(box))


def correlation(a: Tensor, b: Tensor) -> float:
    """Of two maps over their voxels; 0 if the first is flat, NaN if the second is."""
    a, b = (t.double().flatten() - t.double().mean() for t in (a, b))
    if not bool(b.any()):
        return float("nan")
    return float(a @ b / (a.norm() * b.norm())) if bool(a.any()) else 0.0


def mask_of_states(truths: MapAt, count: int, pixel_size_A: float) -> Tensor:
    """Soft mask `(n, n, n)` around all places where any of the true maps has density."""
    low_A = LOW_PASS_PX * pixel_size_A
    smooth = [low_pass(truths(i).float(), pixel_size_A, low_A) for i in range(count)]
    highest = torch.stack(smooth).amax(0)
    return mask_of_map(
        highest,
        pixel_size_A,
        threshold=threshold_of(highest),
        low_pass_A=low_A,
        dilate_A=WIDER_PX * pixel_size_A,
        edge_A=EDGE_PX * pixel_size_A,
    )


def _curve(found: Tensor, true: Tensor, mask: Tensor | None) -> Tensor:
    _check(found, true)
    found, true = found.float(), true.float()
    return fsc(found, true) if mask is None else masked_fsc(found, true, mask)


def _check(found: Tensor, true: Tensor) -> None:
    if found.shape != true.shape:
        raise CryoAIError(
            f"the maps have {found.shape[-1]} voxels along a side, the true ones {true.shape[-1]}",
            remedy="Evaluate with the truth of the particles that were trained on, not downsampled",
        )


def _smooth(density: Tensor, pixel_size_A: float, low_pass_A: float) -> Tensor:
    """The map below a frequency, without its mean, on a grid that is no finer than that takes."""
    # The mean of a map is no density: images do not tell it.
    density = density.float() - density.mean()
    n = density.shape[-1]
    least = min(n, 2 * math.ceil(_ROOM * n * pixel_size_A / low_pass_A))
    if least < n:
        old, new = (n, n, n), (least, least, least)
        density = to_real(resize_fourier(to_fourier(density, 3), old, new), new)
    return low_pass(density, pixel_size_A * n / least, low_pass_A)


def _from(maps: Tensor, middle: Tensor) -> Tensor:
    """Differences to the mean; none where they are but the rounding of numbers."""
    away = maps - middle
    is_none = away.flatten(1).norm(dim=1) < _ROUNDING * middle.norm()
    away[is_none] = 0
    return away


def _slope(a: Tensor, b: Tensor) -> float:
    """What `a` is multiplied by to come nearest to `b`."""
    power = float(a.square().sum())
    return float((a * b).sum()) / power if power > 0 else 0.0


def _variation(differences: Tensor, middle: Tensor) -> float:
    power = float(middle.square().mean())
    return float(np.sqrt(float(differences.square().mean()) / power)) if power > 0 else 0.0
