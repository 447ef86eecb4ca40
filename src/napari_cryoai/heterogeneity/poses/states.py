"""Poses of particles that are not all alike: each is compared with the map of its own state.

The search over all poses takes one map for all; the few modes that it leaves are then moved to
their maximum with each particle's own map, and the best of them is taken. Call it in turns with a
latent model: it gives poses to the model, which gives maps back.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.poses.images import background_power, read_pose_images
from napari_cryoai.heterogeneity.poses.search import KEEP, FoundPoses, PoseSearch
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.physics.slices import FourierVolume

AT_ONCE = 64
NOISE_FROM = 500


def refine_poses(
    stack: ParticleStack,
    mean: Tensor,
    volumes: Tensor | None = None,
    which: NDArray[np.intp] | None = None,
    *,
    radius: int | None = None,
    max_shift_A: float | None = None,
    group: Tensor | None = None,
    noise: Tensor | None = None,
    keep: int = KEEP,
) -> Job[FoundPoses]:
    """Search the poses of particles anew; those they have are not looked at.

    Parameters
    ----------
    stack
        With a CTF.
    mean
        `(n, n, n)`, the map that all poses are searched with.
    volumes
        `(v, n, n, n)` maps of states, on the scale of `mean`; without them, `mean` decides alone.
    which
        `(m,)` which of them each particle is compared with.
    radius
        Of the last shell that is compared; all there are if not given. What is noise in the maps
        must not be in it.
    max_shift_A
        How far from the centre of its box a particle may be; a tenth of the box if not given.
    group
        `(g, 3, 3)` point group of the maps.
    noise
        `(n // 2 + 1,)` variance of the images' transforms; taken from their corners if not given.
    keep
        How many orientations of an image are looked at closely.

    Yields
    ------
    progress
        In particles.
    """
    n, pixel_size_A = stack.box_size_px, stack.require_pixel_size()
    if volumes is not None and (which is None or len(which) != len(stack)):
        raise ValueError("each particle needs the number of its map")
    if noise is None:
        asked = np.linspace(0, len(stack) - 1, min(NOISE_FROM, len(stack))).astype(np.intp)
        noise = background_power(stack, asked)
    search = PoseSearch(
        mean,
        noise.to(mean.device),
        min(radius or n, n // 2 - 1),
        n / 10 if max_shift_A is None else max_shift_A / pixel_size_A,
        group=group,
        keep=keep,
    )
    parts: list[FoundPoses] = []
    # Particles of one state after another: its map is transformed once.
    order = np.arange(len(stack)) if which is None else np.argsort(which, kind="stable")
    for rows in _runs(order, None if volumes is None else which):
        images = read_pose_images(stack, rows, None, mean.device)
        own = None
        if volumes is not None and which is not None:
            own = FourierVolume.of_map(volumes[int(which[rows[0]])])
        parts.append(search.search(images, own))
        yield Progress(sum(len(part.entropy) for part in parts), len(stack), "Searching poses")
    return FoundPoses.joined(parts).select(torch.from_numpy(np.argsort(order)))


def _runs(order: NDArray[np.intp], which: NDArray[np.intp] | None) -> list[NDArray[np.intp]]:
    """Rows in batches, none with particles of two states."""
    if which is None:
        runs = [order]
    else:
        runs = np.split(order, np.flatnonzero(np.diff(which[order])) + 1)
    return [run[start : start + AT_ONCE] for run in runs for start in range(0, len(run), AT_ONCE)]
