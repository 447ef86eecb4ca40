"""Components in their one normal form: masked, orthogonal, largest first, of unit variance.

Coefficients and maps can be exchanged for others that explain the images as well. Rounds converge
several times faster where that freedom is used up after each (parameter-expanded EM: Liu, Rubin and
Wu 1998, Biometrika 85, 755).
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_cryoai.heterogeneity.engines.components import Components, Sums

SMALLEST = 1e-6
"""Of the largest component: what is below it is numerically nothing."""


def normalise(parts: Components, sums: Sums, mask: Tensor) -> Tensor:
    """Bring the components into normal form, in place.

    Parameters
    ----------
    sums
        Of the round that the components come from.
    mask
        `(n, n, n)`, outside which there is no density.

    Returns
    -------
    energy
        `(r - 1,)` sum of squares of each component's map.
    """
    maps = parts.lattice.maps(parts.table) * mask
    n, flat = parts.lattice.n, maps.flatten(1)
    middle, root = _scatter(sums)
    flat[0] += middle @ flat[1:]
    components = root.T @ flat[1:]
    # What is like the mean is the contrast of a particle, which has a coefficient of its own.
    components -= (components @ flat[0] / flat[0].square().sum())[:, None] * flat[0]
    found, turn = torch.linalg.eigh(components @ components.T)
    energy, order = found.sort(descending=True)
    flat[1:] = turn[:, order].T @ components
    parts.table = parts.lattice.table(flat.reshape(-1, n, n, n))
    return energy


def _scatter(sums: Sums) -> tuple[Tensor, Tensor]:
    """Mean of the components' coefficients, and a root of their covariance."""
    mean = sums.mean / sums.images
    middle = mean[1:] / mean[0]
    covariance = (sums.moment / sums.images)[1:, 1:] - mean[1:, None] * mean[None, 1:]
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp(min=SMALLEST * float(values.max())).sqrt()
    return middle, root
