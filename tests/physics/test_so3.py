"""Grids of orientations."""

import math

import numpy as np
import pytest
import torch

from napari_cryoai.core.euler import matrices_from_zyz, zyz_from_matrices
from napari_cryoai.physics.so3 import (
    angle_deg,
    children,
    directions,
    grid_cells,
    random_rotations,
    rotation_grid,
    rotations_of,
    spacing_deg,
)
from napari_cryoai.physics.symmetry import point_group


@pytest.fixture
def randoms():
    return random_rotations(1000, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("order", [0, 1, 2])
def test_counts_and_spacing(order):
    grid = rotation_grid(order)
    assert grid.shape == (72 * 8**order, 3, 3)
    assert torch.allclose(grid @ grid.mT, torch.eye(3).expand_as(grid), atol=1e-6)
    assert torch.linalg.det(grid).min() > 0.999
    assert spacing_deg(order) == pytest.approx(58.6 / 2**order, abs=0.1)


def test_directions_are_those_of_healpix():
    """Values of `healpy.pix2vec(4, [0, 37, 100, 191], nest=True)`."""
    expected = [
        (0.6972166887783964, 0.6972166887783963, 1 / 6),
        (-0.1454117405934625, -0.7310341861042717, 2 / 3),
        (-0.9109575040515916, -0.3773309529237123, -1 / 6),
        (0.6972166887783962, -0.6972166887783965, -1 / 6),
    ]
    found = directions(2, torch.tensor([0, 37, 100, 191]))
    assert np.allclose(found, expected, atol=1e-14)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_the_pixels_of_a_ring_share_its_height_and_all_have_equal_weight(order):
    xyz = directions(order)
    assert torch.allclose(xyz.norm(dim=1), torch.ones(()).double())
    assert len({round(z, 9) for z in xyz[:, 2].tolist()}) == 4 * 2**order - 1
    # Equal areas: the second moments are those of the whole sphere.
    assert torch.allclose(xyz.T @ xyz / len(xyz), torch.eye(3).double() / 3, atol=0.2 / 4**order)
    assert xyz.mean(0).abs().max() < 1e-9


@pytest.mark.parametrize(("order", "farthest"), [(0, 55.0), (1, 27.0), (2, 13.5)])
def test_no_orientation_is_far_from_the_grid(order, farthest, randoms):
    grid = rotation_grid(order, dtype=torch.float64)
    nearest = torch.cat([angle_deg(r[:, None], grid).amin(1) for r in randoms.split(100)])
    assert nearest.max() < farthest


def test_orientations_are_spread_evenly(randoms):
    """Each cell is the nearest to about as many random orientations as any other."""
    many = random_rotations(20_000, generator=torch.Generator().manual_seed(1))
    grid = rotation_grid(0, dtype=torch.float64)
    nearest = torch.cat([angle_deg(r[:, None], grid).argmin(1) for r in many.split(1000)])
    counts = torch.bincount(nearest, minlength=72).double() / (20_000 / 72)
    assert counts.min() > 0.6 and counts.max() < 1.5


def test_children_make_up_the_next_grid_and_lie_in_their_parents():
    cells = grid_cells(1)
    finer = children(cells, 1)
    assert torch.equal(finer.flatten().sort().values, grid_cells(2))
    parents, kids = rotations_of(cells, 1), rotations_of(finer.flatten(), 2).reshape(-1, 8, 3, 3)
    assert angle_deg(parents[:, None], kids).max() < 0.7 * spacing_deg(1)


def test_the_angles_are_relions():
    cells = torch.arange(0, 4608, 7)
    found = rotations_of(cells, 2).numpy()
    rot, tilt, psi = zyz_from_matrices(found)
    assert np.abs(matrices_from_zyz(rot, tilt, psi) - found).max() < 1e-12
    assert np.allclose(psi % 15, 7.5)
    assert np.allclose(np.cos(np.radians(tilt)), directions(2, cells // 24)[:, 2])


@pytest.mark.parametrize("name", ["C1", "D2", "O", "I2"])
def test_a_symmetric_particle_needs_only_a_part_of_the_grid(name, randoms):
    group = point_group(name, dtype=torch.float64)
    whole, part = rotation_grid(2, dtype=torch.float64), rotation_grid(2, group).double()
    assert len(whole) / len(part) == pytest.approx(len(group), rel=0.35)
    nearest = angle_deg(randoms[:60, None], part, group).amin(1)
    assert nearest.max() < 18


def test_small_angles_are_exact():
    angle = 1e-4
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turn = torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=torch.float64)
    assert float(angle_deg(torch.eye(3).double(), turn)) == pytest.approx(angle, rel=1e-6)


def test_random_orientations_favour_no_direction_and_are_repeatable(randoms):
    assert randoms.mean(0).abs().max() < 0.07
    again = random_rotations(1000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(randoms, again)
