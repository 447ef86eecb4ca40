"""Places of particles as their images alone measure them, without the prior of the latent space.

Under a standard normal prior every particle is drawn towards 0, the more the less its image tells.
What an image tells by itself is a Gaussian too: that posterior divided by the prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.analysis.axes import Axes

Floats = NDArray[np.float64]

TELLS = 1e-3
"""Where the image adds less than this to the precision of the prior, it tells nothing."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Of each particle a likelihood `exp(pull . z - z . precision . z / 2)` of places z.

    Attributes
    ----------
    pull
        `(n, k)`: the precision times the place that is likeliest.
    precision
        `(n, k, k)`; 0 in directions of which the image tells nothing.
    """

    pull: Floats
    precision: Floats

    def __len__(self) -> int:
        return len(self.pull)

    def whitened(self) -> Floats:
        """`(n, k)` standard normal numbers, were all particles at 0 and all their scatter noise.

        Where the image tells nothing, NaN.
        """
        values, vectors = np.linalg.eigh(self.precision)
        along = np.einsum("nik,ni->nk", vectors, self.pull)
        with np.errstate(invalid="ignore", divide="ignore"):
            along = np.where(values > 0, along / np.sqrt(values), np.nan)
        return along if np.isnan(along).any() else np.einsum("nik,nk->ni", vectors, along)


def measured(table: LatentTable, axes: Axes, prior: ArrayLike | None = None) -> Measured:
    """What the images tell of the places along some axes.

    Parameters
    ----------
    axes
        `k` of them; their origin is 0 in what is returned.
    prior
        `(d, d)` covariance of the Gaussian that the method believed in; None: the unit matrix,
        as `table.under_normal` has it. Infinite, if the table holds measurements and no posteriors.
    """
    believed: Floats = np.eye(table.z_dim) if prior is None else np.asarray(prior, np.float64)
    mean, covariance = table.under_normal
    posterior: Floats = np.asarray(np.linalg.inv(axes.covariance(covariance)), np.float64)
    before: Floats = np.zeros((len(axes.matrix),) * 2)
    if not np.isinf(believed).any():
        before = np.asarray(np.linalg.inv(axes.covariance(believed)), np.float64)
    precision = _positive(posterior - before, posterior)
    # The prior's centre is the latent space's own 0, wherever the axes have theirs.
    centre = axes.of(np.zeros((1, table.z_dim)))[0]
    pull = np.einsum("nij,nj->ni", posterior, axes.of(mean)) - before @ centre
    return Measured(_within(pull, precision), precision)


def _positive(precision: Floats, posterior: Floats) -> Floats:
    """Without directions in which rounding alone is left, or the posterior is wider than before."""
    values, vectors = np.linalg.eigh(precision)
    scale = np.linalg.eigvalsh(posterior)[:, -1:]
    values = np.where(values > TELLS * scale, values, 0)
    return np.einsum("nik,nk,njk->nij", vectors, values, vectors)


def _within(pull: Floats, precision: Floats) -> Floats:
    """Pulls along directions of which the image tells something."""
    values, vectors = np.linalg.eigh(precision)
    told = values > 1e-9 * np.maximum(values[:, -1:], np.finfo(float).tiny)
    along = np.where(told, np.einsum("nik,ni->nk", vectors, pull), 0)
    return np.einsum("nik,nk->ni", vectors, along)
