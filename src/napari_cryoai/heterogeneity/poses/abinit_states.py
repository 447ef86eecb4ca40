"""Poses and states in turns: each particle is compared anew with the map of where it lies."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.model import LatentModel
from napari_cryoai.heterogeneity.poses.search import FoundPoses
from napari_cryoai.heterogeneity.poses.states import refine_poses
from napari_cryoai.jobs.progress import Job
from napari_cryoai.physics.fourier import resize_fourier, to_fourier, to_real

STATES = 8


def poses_of_states(
    model: LatentModel,
    stack: ParticleStack,
    *,
    radius: int,
    max_shift_A: float | None = None,
    group: torch.Tensor | None = None,
    states: int = STATES,
    seed: int = 0,
) -> Job[FoundPoses]:
    """Search all poses with the mean of a latent space, and decide with the maps of its states.

    Parameters
    ----------
    model
        Fitted to all particles of the stack, in their order.
    radius
        Of the last shell that is compared.
    states
        Particles are gathered into so many regions of the latent space, each with one map.

    Yields
    ------
    progress
        In particles.
    """
    places = model.table.mean.astype(np.float64)
    count = min(states, len(places))
    centres, which = kmeans2(places, count, minit="++", rng=np.random.default_rng(seed))
    n = stack.box_size_px
    volumes = torch.stack([_in_box(torch.from_numpy(model.decode(z).data), n) for z in centres])
    mean = torch.einsum("v,vzyx->zyx", _shares(which, count), volumes)
    found = yield from refine_poses(
        *(stack, mean, volumes, which.astype(np.intp)),
        radius=radius,
        max_shift_A=max_shift_A,
        group=group,
    )
    return found


def _shares(which: NDArray[np.int32], count: int) -> torch.Tensor:
    shares = np.bincount(which, minlength=count) / len(which)
    return torch.from_numpy(shares).float()


def _in_box(map_: torch.Tensor, n: int) -> torch.Tensor:
    """With the voxels of the images, and the same density."""
    if map_.shape[-1] == n:
        return map_
    return to_real(resize_fourier(to_fourier(map_, 3), map_.shape, (n,) * 3), (n,) * 3)
