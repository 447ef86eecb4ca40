"""Is a decoded map what the particles there show? A reconstruction of theirs against it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.model import LatentModel
from napari_cryoai.jobs.progress import Job, Progress, part
from napari_cryoai.physics.fourier import resize_fourier, to_fourier, to_real
from napari_cryoai.physics.fsc import FscCurve, HalfMapFsc, fsc, masked_fsc
from napari_cryoai.physics.local_resolution import local_resolution

MAP_AND_MODEL = 0.5
"""FSC at which a map without noise and a noisy one agree (Rosenthal and Henderson 2003)."""
FEWEST = 100
WORSE = 1.5
"""The decoded map claims too much where the images agree with it only to so much less."""


class Reconstructed(Protocol):
    """What a reconstruction gives."""

    @property
    def half1(self) -> Tensor: ...
    @property
    def half2(self) -> Tensor: ...
    @property
    def map(self) -> Tensor: ...
    @property
    def mask(self) -> Tensor | None: ...
    @property
    def fsc(self) -> HalfMapFsc: ...
    @property
    def pixel_size_A(self) -> float: ...


@dataclass(frozen=True, eq=False)
class Validation:
    """A selection of particles, reconstructed without the model.

    Attributes
    ----------
    reconstruction
        Of the selected particles alone, with half maps.
    decoded
        The model's map at their mean place, on the same grid and scale.
    difference
        The reconstruction minus that, where both are known.
    agreement
        FSC of the two, in the mask.
    local_resolution_A
        Of the half maps.
    particles
        How many.
    """

    reconstruction: Reconstructed
    decoded: DensityMap
    difference: DensityMap
    agreement: FscCurve
    local_resolution_A: DensityMap
    particles: int

    @property
    def resolution_A(self) -> float:
        """Of the reconstruction, at FSC = 0.143."""
        return self.reconstruction.fsc.best.resolution_A()

    @property
    def agreement_A(self) -> float:
        """Up to where the decoded map is what the particles show, at FSC = 0.5."""
        return self.agreement.resolution_A(MAP_AND_MODEL)

    def text(self) -> str:
        """In words."""
        start = f"{self.particles:,} particles, {_length(self.resolution_A)} by their half maps"
        if not math.isfinite(self.agreement_A):
            return f"{start}; the decoded map does not agree with them"
        claim = f"{start}; the decoded map agrees with them to {_length(self.agreement_A)}"
        doubtful = self.agreement_A > WORSE * self.resolution_A
        return f"{claim}: finer details of it are doubtful" if doubtful else claim


def validate(
    model: LatentModel,
    stack: ParticleStack,
    rows: NDArray[np.intp],
    reconstruct: Callable[[ParticleStack], Job[Reconstructed]],
) -> Job[Validation]:
    """Compare the decoded map of a selection with a reconstruction of its particles.

    Parameters
    ----------
    stack
        The particles of the model, in its order.
    rows
        Which of them.
    reconstruct
        Makes half maps and a map of particles with poses.

    Raises
    ------
    CryoAIError
        If there are too few particles, or they cannot be read.
    """
    count = len(rows)
    if count < FEWEST:
        raise CryoAIError(
            f"{count:,} particles are too few to judge a map by",
            remedy=f"Select {FEWEST} or more",
        )
    found = yield from part(reconstruct(stack.select(rows)), 0, 85)
    yield Progress(85, 100, "Decoding")
    decoded = _on_grid(mean_map(model, rows), found.map.shape[-1])
    mask = found.mask
    values = fsc(found.map, decoded) if mask is None else masked_fsc(found.map, decoded, mask)
    agreement = FscCurve(values, found.map.shape[-1], found.pixel_size_A)
    scale = float((decoded * found.map).sum() / decoded.square().sum().clamp(min=1e-30))
    yield Progress(90, 100, "Local resolution")
    local = local_resolution(found.half1, found.half2, found.pixel_size_A)
    inside = torch.ones_like(found.map) if mask is None else mask
    difference = (found.map - scale * decoded) * inside

    def a_map(data: Tensor) -> DensityMap:
        return DensityMap(data.numpy(), found.pixel_size_A)

    return Validation(
        found, a_map(scale * decoded), a_map(difference), agreement, a_map(local), count
    )


@torch.inference_mode()
def mean_map(model: LatentModel, rows: NDArray[np.intp]) -> Tensor:
    """`(n, n, n)` mean of the decoded maps of the chosen particles.

    Maps are linear in the coefficients, so it is the map of the mean coefficients; the map at the
    mean place would be another one where the latent space is curved.
    """
    return model.of_coefficients(model.coefficients(model.table.mean[rows]).mean(0))


def _on_grid(density: Tensor, n: int) -> Tensor:
    """The same map with voxels of another size."""
    shape = tuple(density.shape)
    return to_real(resize_fourier(to_fourier(density, 3), shape, (n,) * 3), (n,) * 3)


def _length(resolution_A: float) -> str:
    return f"{resolution_A:.1f} A" if math.isfinite(resolution_A) else "no resolution"
