"""Each image counted for the poses it may have."""

from __future__ import annotations

import pytest
import torch

from napari_cryoai.heterogeneity.poses import abinit_expectation
from napari_cryoai.heterogeneity.poses.abinit_expectation import AllPoses, BestPoses, posterior
from napari_cryoai.heterogeneity.poses.grid import BaseGrid
from napari_cryoai.heterogeneity.poses.images import PoseImages, by_length
from napari_cryoai.heterogeneity.poses.likelihood import shift_grid
from napari_cryoai.heterogeneity.poses.search import STEP
from napari_cryoai.physics.slices import FourierVolume
from napari_cryoai.physics.so3 import children, grid_cells, random_rotations

N, COUNT, LOW, RADIUS = 24, 6, 5, 8
NOISE = torch.full((N // 2 + 1,), 300.0)


@pytest.fixture(scope="module")
def volume() -> FourierVolume:
    generator = torch.Generator().manual_seed(3)
    axis = torch.arange(N) - N // 2
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    total = torch.zeros(N, N, N)
    for cx, cy, cz in (torch.rand(9, 3, generator=generator) - 0.5) * N / 2.0:
        total += torch.exp(-((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2) / (2 * 1.5**2))
    return FourierVolume.of_map(total)


@pytest.fixture(scope="module")
def images(volume: FourierVolume) -> PoseImages:
    """Views between the cells, as loud as their noise at middle frequencies."""
    generator = torch.Generator().manual_seed(1)
    xy = by_length(N, RADIUS).xy
    views = volume.at(random_rotations(COUNT, generator=generator).float(), xy)
    noise = torch.randn(*views.shape, 2, generator=generator)
    values = views + torch.view_as_complex(noise) * (NOISE[0] / 2) ** 0.5
    return PoseImages(N, xy, values, torch.ones(values.shape), values.abs().square())


def coarse_of(volume: FourierVolume, images: PoseImages) -> BaseGrid:
    shifts = shift_grid(STEP * N / LOW, 3.0)
    return BaseGrid.of_map(volume, grid_cells(0), 0, shifts, images.within(LOW).xy)


def test_with_all_parts_kept_the_best_poses_are_all_poses_of_the_finer_grid(
    volume, images, monkeypatch
):
    monkeypatch.setattr(abinit_expectation, "KEPT_CELLS", 1000)
    monkeypatch.setattr(abinit_expectation, "KEPT_SHIFTS", 1000)
    monkeypatch.setattr(abinit_expectation, "LEAST_SHARE", 0.0)
    coarse = coarse_of(volume, images)
    quarter = STEP * N / LOW / 4
    around = torch.cartesian_prod(*[torch.tensor([-quarter, quarter])] * 2)
    shifts = (coarse.shifts[:, None] + around).flatten(0, 1)
    fine = children(coarse.cells, 0).flatten()
    everything = AllPoses(BaseGrid.of_map(volume, fine, 1, shifts, images.xy))
    best = BestPoses(volume, coarse, LOW, images.xy)
    assert torch.allclose(best.add(images, NOISE), everything.add(images, NOISE), atol=1e-3)
    values, weights, rotations = everything.slices()
    seen = weights.amax(1) > 0
    for found, expected in zip(
        best.slices(), (values[seen], weights[seen], rotations[seen]), strict=True
    ):
        assert torch.allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_a_few_cells_hold_nearly_all_of_the_evidence(volume, images, monkeypatch):
    """Five of 72 cells: what is left out loses little of the likelihood."""
    evidence = []
    for kept in (5, 72):
        monkeypatch.setattr(abinit_expectation, "KEPT_CELLS", kept)
        best = BestPoses(volume, coarse_of(volume, images), LOW, images.xy)
        evidence.append(best.add(images, NOISE))
    assert (evidence[1] - evidence[0]).median() < 0.5
    assert (evidence[0] <= evidence[1] + 1e-3).all()


def test_every_image_counts_once(volume, images):
    poses = AllPoses(coarse_of(volume, images))
    poses.add(images.within(LOW), NOISE)
    expected = len(images) / NOISE[0]
    assert float(poses.slices()[1][:, 3].sum()) == pytest.approx(float(expected), rel=1e-4)


def test_probabilities_sum_up_to_one_and_the_evidence_is_their_log_sum():
    score = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)) * 30
    expected = score.flatten(1).logsumexp(1)
    share, evidence = posterior(score)
    assert torch.allclose(share.sum((1, 2)), torch.ones(3))
    assert torch.allclose(evidence, expected, atol=1e-4)
