"""The map of a state from the raw particles near a place of the latent space.

Every particle counts by how likely it lies there: a Gaussian kernel of a bandwidth, widened by the
uncertainty of the particle's own place. A narrow kernel takes few particles and is noisy, a wide
one blurs states into each other. Of several bandwidths each shell takes the one whose half map
is the nearest to the other half's narrowest, which is noisy but not blurred (the
cross-validation of Gilles and Singer 2025, PNAS 122, e2419140122).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.halves import split_halves
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.jobs.devices import choose_device
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.physics.backprojection import SliceSum
from napari_cryoai.physics.fourier import shells, to_fourier, to_real
from napari_cryoai.physics.particle_insertion import insert_particles

Weights = NDArray[np.float64]

NARROWEST, WIDER, STEPS = 0.5, 2**0.5, 14
"""Bandwidths, in typical standard deviations of a particle's own place: the first, and growth."""
TRIED = 4
"""Bandwidths that are compared, from the first on that takes enough particles."""
FEWEST = 100
NEGLIGIBLE = 0.01
BATCH_BYTES = 8 << 20


@dataclass(frozen=True, eq=False)
class State:
    """The map of a state; `(n, n, n)` each, on the CPU.

    Attributes
    ----------
    half1, half2
        Of half of the particles each.
    particles
        As how many whole particles those count that it was made of, with the narrowest kernel.
    bandwidth
        `(n // 2 + 1,)` of the kernel that every shell was taken with.
    """

    half1: Tensor
    half2: Tensor
    particles: float
    bandwidth: Tensor

    @property
    def map(self) -> Tensor:
        """The mean of both halves."""
        return 0.5 * (self.half1 + self.half2)


def kernel_weights(table: LatentTable, z: ArrayLike, bandwidth: float) -> Weights:
    """How much each particle counts at the place `(d,)`: `(n,)`, 1 at most.

    Raises
    ------
    CryoAIError
        If the place has another number of coordinates.
    """
    place = np.asarray(z, np.float64)
    if place.shape != (table.z_dim,):
        raise CryoAIError(
            f"a place has {table.z_dim} coordinates here, not {place.size}",
            remedy=f"Give {table.z_dim} numbers",
        )
    own = table.covariance.astype(np.float64)
    wide = own + bandwidth**2 * own.mean(0)
    away = place - table.mean
    squared = (away * np.linalg.solve(wide, away[..., None])[..., 0]).sum(1)
    weights: Weights = np.exp(-0.5 * squared)
    return weights


def bandwidths_at(table: LatentTable, z: ArrayLike) -> list[float]:
    """Bandwidths at a place, the narrowest of which takes as many particles as a map needs.

    Raises
    ------
    CryoAIError
        If there are too few particles around.
    """
    worth = 0.0
    for step in range(STEPS):
        first = NARROWEST * WIDER**step
        worth = float(kernel_weights(table, z, first).sum())
        if worth >= FEWEST:
            return [first * WIDER**more for more in range(TRIED)]
    raise CryoAIError(
        f"only {worth:.0f} particles' worth of images lie there",
        remedy=f"Choose a place where the density is higher ({FEWEST} at least)",
    )


def state(
    table: LatentTable,
    stack: ParticleStack,
    z: ArrayLike,
    *,
    device: str = "auto",
    seed: int = 0,
) -> Job[State]:
    """Reconstruct the state at the place `(d,)`, at the full size of the images.

    Parameters
    ----------
    stack
        The particles of the table, in its order.
    seed
        Of the halves, where the stack names none.

    Raises
    ------
    CryoAIError
        If there are too few particles around, or images cannot be read.
    """
    if len(stack) != len(table):
        raise CryoAIError(
            f"there are {len(stack):,} particles, and places of {len(table):,}",
            remedy="Give the file of particles that the latent space was trained on",
        )
    bandwidths = bandwidths_at(table, z)
    narrow = kernel_weights(table, z, bandwidths[0])
    halves: list[list[Tensor]] = []
    for i, mine in enumerate(split_halves(stack, seed)):
        maps = []
        for j, bandwidth in enumerate(bandwidths):
            done = i * len(bandwidths) + j
            yield Progress(done, 2 * len(bandwidths), f"Kernel of width {bandwidth:g}")
            weights = kernel_weights(table, z, bandwidth)
            maps.append((yield from _map(stack, mine, weights, device, done, 2 * len(bandwidths))))
        halves.append(maps)
    chosen = [_chosen(halves[i], halves[1 - i][0]) for i in (0, 1)]
    both = torch.round((chosen[0] + chosen[1]) / 2 + 0.01).long()
    first, second = (_mixed(maps, both).cpu() for maps in halves)
    return State(first, second, float(narrow.sum()), torch.tensor(bandwidths)[both.cpu()])


def _map(
    stack: ParticleStack,
    rows: NDArray[np.intp],
    weights: Weights,
    device: str,
    done: int,
    total: int,
) -> Job[Tensor]:
    near = rows[weights[rows] > NEGLIGIBLE]
    sums = SliceSum(stack.box_size_px, device=choose_device(device))
    size = max(1, BATCH_BYTES // (4 * stack.box_size_px**2))
    for start in range(0, len(near), size):
        part = near[start : start + size]
        insert_particles(sums, stack, part, weights[part])
        yield Progress(done, total, f"{start + len(part):,} of {len(near):,} particles")
    return sums.map()


def _chosen(maps: Sequence[Tensor], narrow: Tensor) -> Tensor:
    """`(n // 2 + 1,)` number of the map that lies nearest to another half's in every shell."""
    n = narrow.shape[-1]
    shell = shells(narrow.shape, device=narrow.device).flatten()
    other = to_fourier(narrow, 3)
    errors = [
        torch.bincount(shell, (to_fourier(m, 3) - other).abs().square().flatten())[: n // 2 + 1]
        for m in maps
    ]
    # Neighbouring shells decide together: single ones are too noisy to choose well.
    pooled = torch.nn.functional.avg_pool1d(
        torch.stack(errors)[:, None], 5, 1, 2, count_include_pad=False
    )
    return pooled[:, 0].argmin(0).float()


def _mixed(maps: Sequence[Tensor], chosen: Tensor) -> Tensor:
    """A map that takes each shell of the one that was chosen for it."""
    shape = maps[0].shape
    shell = shells(shape, device=maps[0].device).clamp(max=len(chosen) - 1)
    which = chosen[shell]
    total = torch.zeros_like(to_fourier(maps[0], 3))
    for i, volume in enumerate(maps):
        total += to_fourier(volume, 3) * (which == i)
    return to_real(total, shape)
