"""A fitted latent space: places of particles, and the map at any place.

A map is the mean plus a sum of components. What makes the two methods differ is how a place `z`
becomes the coefficients of that sum: `covariance` takes them as they are, `vae` by a network.
Either way a map costs one product of a matrix by a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2
from torch import Tensor, nn

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.latent_table import LatentTable

Method = Literal["covariance", "vae"]
FEW = 25
"""Fewer particles than these around a place say little about the map there."""


@dataclass(frozen=True)
class Support:
    """How well the data know a place of the latent space.

    Attributes
    ----------
    particles
        How many particles may lie there: those whose posterior holds the place within its 95 %.
    """

    particles: int

    @property
    def outside(self) -> bool:
        """Whether the place lies beyond all particles: the map there is extrapolated."""
        return self.particles == 0

    def text(self) -> str:
        """In a few words."""
        if self.outside:
            return "No particles here: extrapolated"
        few = ", too few to trust details" if self.particles < FEW else ""
        return f"{self.particles:,} particles may be here{few}"


@dataclass(frozen=True, eq=False)
class LatentModel:
    """What a training gives; a value.

    Attributes
    ----------
    method
        What found it.
    mean
        `(n, n, n)` float32, the map at coefficients 0.
    components
        `(r, n, n, n)` float32.
    head
        From places `(m, d)` to coefficients `(m, r)`; None where they are the same.
    table
        The particles that it was fitted to.
    pixel_size_A
        Of the maps.
    """

    method: Method
    mean: Tensor
    components: Tensor
    head: nn.Module | None
    table: LatentTable
    pixel_size_A: float

    @property
    def z_dim(self) -> int:
        """Dimensions of the latent space."""
        return self.table.z_dim

    @torch.inference_mode()
    def coefficients(self, z: ArrayLike) -> Tensor:
        """Of the components, `(m, r)`, at places `(m, d)`.

        Raises
        ------
        CryoAIError
            If the places have another number of dimensions, or are not numbers.
        """
        places = torch.as_tensor(np.asarray(z, np.float32))
        if places.ndim != 2 or places.shape[1] != self.z_dim:
            raise CryoAIError(
                f"a place has {self.z_dim} coordinates here, not {places.shape[-1]}",
                remedy=f"Give {self.z_dim} numbers",
            )
        if not bool(places.isfinite().all()):
            raise CryoAIError("a coordinate is not a number", remedy="Give finite numbers")
        return places if self.head is None else self.head(places)

    @torch.inference_mode()
    def decode(self, z: ArrayLike) -> DensityMap:
        """The map at one place `(d,)`."""
        weights = self.coefficients(np.asarray(z, np.float32)[None])[0]
        return DensityMap(self.of_coefficients(weights).numpy(), self.pixel_size_A)

    @torch.inference_mode()
    def of_coefficients(self, weights: Tensor) -> Tensor:
        """The map `(n, n, n)` of coefficients `(r,)`."""
        flat = torch.addmv(self.mean.flatten(), self._columns, weights.float())
        return flat.reshape(self.mean.shape)

    def support(self, z: ArrayLike) -> Support:
        """How well the data know the place `(d,)`."""
        place = np.asarray(z, np.float32)
        away = ((self.table.mean - place) ** 2 * self._precision).sum(1)
        return Support(int((away < chi2.ppf(0.95, self.z_dim)).sum()))

    @cached_property
    def _columns(self) -> Tensor:
        """The components as the columns of a matrix."""
        return self.components.flatten(1).T

    @cached_property
    def _precision(self) -> NDArray[np.float32]:
        """`(n, d)`: inverse of each particle's variances."""
        variance = np.diagonal(self.table.covariance, axis1=1, axis2=2)
        return (1 / np.maximum(variance, 1e-12)).astype(np.float32)
