"""A latent space and its maps against the truth of a simulation.

A score of whole maps tells little by itself, since most of a map is the same in all states: beside
each stands the score of one map for all images, the consensus. Differences to the mean tell more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.model import LatentModel
from napari_cryoai.heterogeneity.poses.errors import PoseErrors, pose_errors
from napari_cryoai.heterogeneity.scoring.latent_scores import latent_scores
from napari_cryoai.heterogeneity.scoring.map_scores import (
    LOW_PASS_PX,
    DifferenceScores,
    FscScores,
    MapAt,
    mask_of_states,
)
from napari_cryoai.heterogeneity.scoring.scores import HeterogeneityScores
from napari_cryoai.io.particle_truth import ParticleSetTruth
from napari_cryoai.physics.fourier import resize_fourier, to_fourier, to_real

Floats = NDArray[np.float64]

IMAGES = 100
"""Images whose maps are compared, as in CryoBench."""
_CACHE_BYTES = 1_000_000_000
_SAME_BOX = 0.01


def evaluate(
    model: LatentModel,
    truth: ParticleSetTruth,
    found_poses: ParticleStack | None = None,
    **options: Any,
) -> HeterogeneityScores:
    """Compare a fitted latent space with the truth.

    Parameters
    ----------
    found_poses
        The particles with the poses that were found with the model, in whatever frame and hand;
        none if the true poses were used.
    **options
        Of `evaluate_maps`.

    Raises
    ------
    CryoAIError
        If the truth is of other particles, or of another box.
    """
    table = model.table
    box, pixel_A = len(truth.map_of(0).data), truth.pixel_size_A
    poses = None if found_poses is None else errors_of_poses(found_poses, truth)

    def map_at(particle: int) -> Tensor:
        found = on_grid(model.decode(table.mean[particle]), box, pixel_A)
        return found if poses is None else poses.to_truth(found, pixel_A)

    scores = evaluate_maps(
        map_at, truth.rows_of(table.names), truth, z=table.mean.astype(np.float64), **options
    )
    return replace(scores, poses=poses)


def errors_of_poses(found: ParticleStack, truth: ParticleSetTruth) -> PoseErrors:
    """How far poses are from the true ones.

    Raises
    ------
    CryoAIError
        If they are of other particles, or there are none.
    """
    names = found.images.names()
    if names is None:
        raise CryoAIError("the particles are in no file", remedy="Give the STAR file of them")
    rows = truth.rows_of(np.array(names, np.str_))
    return pose_errors(
        found.require_rotations(), found.shifts_yx_A, truth.rotations[rows], truth.shifts_yx_A[rows]
    )


def evaluate_maps(
    map_at: MapAt,
    rows: NDArray[np.int64],
    truth: ParticleSetTruth,
    *,
    z: Floats | None = None,
    images: int = IMAGES,
    seed: int = 0,
    low_pass_A: float | None = None,
    consensus: Tensor | None = None,
) -> HeterogeneityScores:
    """Compare maps, by whatever program, with the truth.

    Parameters
    ----------
    map_at
        The map `(n, n, n)` at the place of particle `i`, in the frame of the truth; of any scale,
        which has to be the same for all.
    rows
        `(n,)` rows of the truth that the particles are.
    z
        `(n, d)` their places.
    images
        How many of them are drawn; all of those if there are fewer.
    seed
        Of which images are drawn.
    low_pass_A
        Where differences are cut off; 4 pixels if not given.
    consensus
        One map for all images, to compare with; the mean of the maps if not given.

    Raises
    ------
    CryoAIError
        If there is no particle, or the maps have another box than the truth.
    """
    if not len(rows):
        raise CryoAIError("there are no particles", remedy="Choose another result")
    drawn = drawn_rows(len(rows), images, seed)
    conformers = truth.conformer[rows[drawn]]
    pixel_A = truth.pixel_size_A
    cutoff_A = low_pass_A or LOW_PASS_PX * pixel_A
    first = torch.from_numpy(truth.map_of(0).data)
    kept = max(1, _CACHE_BYTES // (first.numel() * first.element_size()))
    true_map = lru_cache(kept)(lambda c: torch.from_numpy(truth.map_of(c).data))
    maps = lru_cache(kept)(lambda i: map_at(int(drawn[i])))
    count = len(drawn)

    def true(i: int) -> Tensor:
        return true_map(int(conformers[i]))

    one = mean_map(maps, range(count)) if consensus is None else consensus
    best = mean_map(true_map, truth.conformer[rows].tolist())
    mask = mask_of_states(true, count, pixel_A)
    return HeterogeneityScores(
        fsc=FscScores.of(maps, true, count),
        consensus=FscScores.of(lambda _: one, true, count),
        true_consensus=FscScores.of(lambda _: best, true, count),
        masked=FscScores.of(maps, true, count, mask),
        masked_consensus=FscScores.of(lambda _: one, true, count, mask),
        difference=DifferenceScores.of(maps, true, count, pixel_A, cutoff_A),
        latent=None
        if z is None
        else latent_scores(z, truth.coordinates[truth.conformer[rows]], seed),
        n_states=truth.n_states,
        low_pass_A=cutoff_A,
        particles=rows[drawn],
        conformers=conformers,
    )


def on_grid(density: DensityMap, box: int, pixel_size_A: float) -> Tensor:
    """The map `(box, box, box)`; one that was found with smaller images holds nothing beyond.

    Raises
    ------
    CryoAIError
        If its box is of another size in A.
    """
    n = len(density.data)
    if abs(n * density.pixel_size_A / (box * pixel_size_A) - 1) > _SAME_BOX:
        raise CryoAIError(
            f"the maps are {n * density.pixel_size_A:.0f} A wide, the true ones "
            f"{box * pixel_size_A:.0f} A",
            remedy="Give the truth of the particles that were trained on",
        )
    found = torch.from_numpy(density.data)
    if n == box:
        return found
    old, new = (n, n, n), (box, box, box)
    return to_real(resize_fourier(to_fourier(found, 3), old, new), new)


def drawn_rows(count: int, images: int = IMAGES, seed: int = 0) -> NDArray[np.int64]:
    """The particles whose maps are compared, in rising order: the same for every method."""
    rng = np.random.default_rng(seed)
    return np.sort(rng.permutation(count)[:images]).astype(np.int64)


def mean_map(maps: Callable[[int], Tensor], numbers: Sequence[int]) -> Tensor:
    """Mean of the maps of these numbers, each as often as it is named."""
    which, times = np.unique(np.asarray(numbers), return_counts=True)
    total = sum(maps(int(i)).double() * int(c) for i, c in zip(which, times, strict=True))
    return (torch.as_tensor(total) / len(numbers)).float()
