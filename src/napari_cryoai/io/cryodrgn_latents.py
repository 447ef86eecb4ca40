"""The latent table of particles that cryoDRGN has placed.

Documented in `docs/formats/cryodrgn.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import naming
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.io.cryodrgn_arrays import read_cryodrgn_latent

AnyPath = str | PathLike[str]


def latents_of(path: AnyPath, stack: ParticleStack, rows: NDArray[Any]) -> LatentTable:
    """The particles of a stack at the places of `z.N.pkl`.

    Parameters
    ----------
    rows
        `(n,)`, the row of each in the file that the stack was read from.
    """
    mean, variance = read_cryodrgn_latent(path, count=len(stack))
    return table_of_latents(mean, variance, rows, stack.images.names() or (), Path(path))


def table_of_latents(
    mean: NDArray[np.float32],
    variance: NDArray[np.float32] | None,
    rows: NDArray[Any],
    names: Sequence[str] | NDArray[np.str_],
    path: Path,
) -> LatentTable:
    """Places with what is known of the particles; a variance that nobody tells counts as 0."""
    covariance = np.zeros((*mean.shape, mean.shape[1]), np.float32)
    if variance is not None:
        np.einsum("ijj->ij", covariance)[:] = variance
    with naming(path):
        return LatentTable(mean, covariance, np.asarray(rows, np.int64), np.asarray(names, np.str_))
