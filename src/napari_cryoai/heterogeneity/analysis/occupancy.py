"""Which particles have density somewhere, and where the particles of a selection have it.

A map is linear in the coefficients of its components, and so is the mean density in a region: what
it comes to in every particle is one product of matrices, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.core.density_map import DensityMap, check_same_grid
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.heterogeneity.model import LatentModel

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_AT_ONCE = 1 << 15
"""Particles."""


@dataclass(frozen=True, eq=False)
class Occupancy:
    """Mean density in a region, for each particle.

    Attributes
    ----------
    density
        `(n,)` float32, in units of the maps.
    sd
        `(n,)` float32, how well it is known, by the posterior of each particle's place.
    """

    density: Floats
    sd: Floats

    def above(self, threshold: float) -> Mask:
        """`(n,)` the particles with at least so much."""
        return self.density >= threshold

    @property
    def share(self) -> float:
        """Of the variance between particles that is not the uncertainty of each: 0 if it is all.

        Low, the density in the region says little of single particles.
        """
        total = float(self.density.var()) + float(np.square(self.sd).mean())
        return float(self.density.var()) / total if total > 0 else 0.0


def occupancy(model: LatentModel, region: DensityMap | NDArray[np.floating] | Mask) -> Occupancy:
    """Mean density of every particle's map in a region.

    Parameters
    ----------
    region
        On the grid of the maps: weights from 0 to 1, or a mask.

    Raises
    ------
    CryoAIError
        If the region is on another grid, or empty.
    """
    weights = _weights(model, region)
    base = float((model.mean * weights).sum())
    slopes = (model.components * weights).flatten(1).sum(1)
    density, sd = np.empty(len(model.table), np.float32), np.empty(len(model.table), np.float32)
    for start in range(0, len(density), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        value, gradient = _linear(model, model.table.mean[part], slopes)
        covariance = torch.from_numpy(model.table.covariance[part])
        density[part] = base + value.numpy()
        variance = torch.einsum("ni,nij,nj->n", gradient, covariance, gradient)
        sd[part] = variance.clamp(min=0).sqrt().numpy()
    return Occupancy(density, sd)


@dataclass(frozen=True, eq=False)
class Difference:
    """Mean map of a selection minus that of all other particles.

    Attributes
    ----------
    map
        The difference.
    standard_error
        Of each voxel, as far as the places of the particles are uncertain; what the components
        themselves have of noise is not in it.
    selected, others
        Numbers of particles.
    """

    map: DensityMap
    standard_error: DensityMap
    selected: int
    others: int

    @property
    def significance(self) -> DensityMap:
        """The difference in units of its standard error."""
        error = np.maximum(self.standard_error.data, 1e-6 * self.standard_error.data.max() + 1e-30)
        return self.map.with_data(self.map.data / error)


def difference(model: LatentModel, selected: Mask) -> Difference:
    """Where the particles of a selection have more density, or less, than the others.

    Raises
    ------
    CryoAIError
        If none or all are selected.
    """
    count = int(selected.sum())
    if not 0 < count < len(model.table):
        chosen = "no" if not count else "every"
        raise CryoAIError(
            f"{chosen} particle is selected, so there is nothing to compare with",
            remedy="Select some of the particles",
        )
    sums = [_moments(model, np.flatnonzero(mask)) for mask in (selected, ~selected)]
    (one, one_error), (other, other_error) = sums
    change = torch.tensordot(one - other, model.components, 1)
    factor = torch.linalg.cholesky(_regular(one_error + other_error))
    error = torch.tensordot(factor.T, model.components, 1).square().sum(0).sqrt()
    found, its_error = (DensityMap(v.numpy(), model.pixel_size_A) for v in (change, error))
    return Difference(found, its_error, count, len(model.table) - count)


def _weights(model: LatentModel, region: DensityMap | NDArray[np.floating] | Mask) -> Tensor:
    if isinstance(region, DensityMap):
        grid = DensityMap(model.mean.numpy(), model.pixel_size_A)
        check_same_grid(grid, region, what="map and the region")
        region = region.data
    weights = torch.from_numpy(np.asarray(region, np.float32))
    if weights.shape != model.mean.shape:
        raise CryoAIError(
            f"the region has {tuple(weights.shape)} voxels, the map {tuple(model.mean.shape)}",
            remedy="Paint the region on a map of this latent space",
        )
    weights = weights.clamp(min=0)
    if not bool(weights.sum() > 0):
        raise CryoAIError("the region is empty", remedy="Paint where the density is")
    return weights / weights.sum()


def _linear(model: LatentModel, z: Floats, slopes: Tensor) -> tuple[Tensor, Tensor]:
    """Of a linear function of the coefficients its values `(m,)`, and gradients `(m, d)` by z."""
    places = torch.from_numpy(z)
    if model.head is None:
        return places @ slopes, slopes.expand(len(places), -1)
    with torch.enable_grad():
        places = places.clone().requires_grad_(True)
        value = model.head(places) @ slopes
        (gradient,) = torch.autograd.grad(value.sum(), places)
    return value.detach(), gradient


def _moments(model: LatentModel, rows: NDArray[np.intp]) -> tuple[Tensor, Tensor]:
    """Mean coefficients `(r,)` of particles, and the covariance of that mean."""
    count = len(model.components)
    mean, error = torch.zeros(count), torch.zeros(count, count)
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        mean += model.coefficients(model.table.mean[part]).sum(0)
        error += _in_coefficients(model, part)
    return mean / len(rows), error / len(rows) ** 2


def _in_coefficients(model: LatentModel, rows: NDArray[np.intp]) -> Tensor:
    """Sum of the particles' covariances `(r, r)`, in coefficients instead of places."""
    covariance = torch.from_numpy(model.table.covariance[rows])
    if model.head is None:
        return covariance.sum(0)
    places = torch.from_numpy(model.table.mean[rows])
    total = torch.zeros(len(model.components), len(model.components))
    for start in range(0, len(places), 1024):
        part = slice(start, start + 1024)
        jacobian = torch.func.vmap(torch.func.jacrev(model.head))(places[part])
        total += (jacobian @ covariance[part] @ jacobian.mT).sum(0)
    return total


def _regular(covariance: Tensor) -> Tensor:
    """With a hair on the diagonal: rounding shall not make it indefinite."""
    hair = 1e-6 * covariance.diagonal().mean() + 1e-20
    return covariance + hair * torch.eye(len(covariance))
