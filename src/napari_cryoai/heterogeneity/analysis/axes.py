"""Directions to look at a latent space along: principal axes, whitened ones, and UMAP."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.latent_table import LatentTable

Floats = NDArray[np.float64]

UMAP_FITTED = 100_000
"""Of more particles so many make the UMAP, and the others are put into it."""
_AT_ONCE = 1 << 15
"""Covariances: a million in double precision would fill a small memory."""


@dataclass(frozen=True, eq=False)
class Axes:
    """A plane, or a space of more dimensions, through a latent space.

    Attributes
    ----------
    origin
        `(d,)` the place in the latent space that lies at 0.
    matrix
        `(k, d)`: `matrix @ (z - origin)` are the coordinates along the axes.
    share
        `(k,)` of the variance of all places; of whitened axes, before they were.
    """

    origin: Floats
    matrix: Floats
    share: Floats

    def of(self, z: ArrayLike) -> Floats:
        """Coordinates `(n, k)` of places `(n, d)`."""
        return (np.asarray(z, np.float64) - self.origin) @ self.matrix.T

    def places(self, coordinates: ArrayLike) -> Floats:
        """The places `(n, d)` at coordinates `(n, k)`, nearest to the origin."""
        found = np.asarray(coordinates, np.float64) @ np.linalg.pinv(self.matrix).T
        return found + self.origin

    def covariance(self, covariance: ArrayLike) -> Floats:
        """Covariances `(..., d, d)` of places as `(..., k, k)` of their coordinates."""
        given = np.asarray(covariance)
        wide = given.reshape(-1, *given.shape[-2:])
        found = np.empty((len(wide), *(len(self.matrix),) * 2))
        for start in range(0, len(wide), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            found[part] = self.matrix @ wide[part].astype(np.float64) @ self.matrix.T
        return found.reshape(*given.shape[:-2], *found.shape[-2:])

    def first(self, count: int) -> Axes:
        """The first few of them."""
        return Axes(self.origin, self.matrix[:count], self.share[:count])


def coordinate_axes(table: LatentTable, which: tuple[int, ...]) -> Axes:
    """The axes of the latent space itself: `(0, 1)` are z1 and z2."""
    if not which or not all(0 <= i < table.z_dim for i in which):
        raise CryoAIError(
            f"the latent space has {table.z_dim} dimensions",
            remedy=f"Choose among 1 to {table.z_dim}",
        )
    spread = table.mean.var(0, dtype=np.float64)
    rows = np.array(which, np.intp)
    share = spread[rows] / max(float(spread.sum()), np.finfo(float).tiny)
    return Axes(np.zeros(table.z_dim), np.eye(table.z_dim)[rows], share)


def principal_axes(z: ArrayLike) -> Axes:
    """The directions `(d, d)` along which places `(n, d)` vary most, the first most of all.

    Each points to where its largest coefficient is positive: the sign has no meaning of its own.
    """
    places = np.asarray(z, np.float64)
    _need(places)
    origin = places.mean(0)
    variance, vectors = np.linalg.eigh(np.cov(places.T, bias=True).reshape(2 * places.shape[1:]))
    variance, matrix = np.maximum(variance[::-1], 0), vectors.T[::-1]
    largest = np.take_along_axis(matrix, np.abs(matrix).argmax(1)[:, None], 1)
    share = variance / max(float(variance.sum()), np.finfo(float).tiny)
    return Axes(origin, matrix * np.sign(largest), share)


def whitened_axes(z: ArrayLike) -> Axes:
    """Principal axes scaled to a variance of 1 each, without those that do not vary at all."""
    axes = principal_axes(z)
    spread = axes.of(z).std(0)
    varies = spread > 1e-6 * max(float(spread.max()), np.finfo(float).tiny)
    matrix = axes.matrix[varies] / spread[varies, None]
    return Axes(axes.origin, matrix, axes.share[varies])


def umap(
    z: ArrayLike,
    *,
    neighbours: int = 15,
    min_distance: float = 0.1,
    seed: int = 0,
) -> NDArray[np.float32]:
    """Places `(n, 2)` of a picture that keeps near what is near (McInnes et al. 2018).

    Distances in it, and sizes and densities of its clouds, mean little. It takes minutes for a
    hundred thousand particles.

    Raises
    ------
    CryoAIError
        If the package umap-learn is not installed, or there are too few particles.
    """
    try:
        library: Any = importlib.import_module("umap")
    except ImportError:
        raise CryoAIError(
            "UMAP needs a package that is not installed",
            remedy='Run: pip install "napari-cryoai[umap]"',
        ) from None
    places = np.asarray(z, np.float32)
    _need(places, neighbours + 1)
    mapping = library.UMAP(
        n_neighbors=neighbours,
        min_dist=min_distance,
        n_components=2,
        random_state=seed,
        n_jobs=1,
    )
    fitted = np.random.default_rng(seed).permutation(len(places))[:UMAP_FITTED]
    found = np.empty((len(places), 2), np.float32)
    with warnings.catch_warnings():
        # What the package says of its own parallelism and its dependencies helps no user.
        warnings.simplefilter("ignore")
        found[fitted] = mapping.fit_transform(places[fitted])
        others = np.setdiff1d(np.arange(len(places)), fitted)
        if len(others):
            found[others] = mapping.transform(places[others])
    return found


def _need(places: NDArray[Any], count: int = 2) -> None:
    if len(places) < count:
        raise CryoAIError(
            f"{len(places)} particles are too few for this",
            remedy=f"Choose at least {count}",
        )
