"""The rotations of the cube, and convolutions that turn with the volume."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cryoai.nets.group_conv import FieldNorm, GroupConv, Grow, Lift
from napari_cryoai.nets.octahedral import ORDER, inverses, matrices, products, turned


def _permuted(features, rotation):
    """What turning the input by a rotation does to fields, place aside."""
    b, channels, *sides = features.shape
    fields = features.reshape(b, channels // ORDER, ORDER, *sides)
    # Orientation g is seen where g turned back was.
    source = products()[inverses()[rotation]]
    return turned(fields[:, :, source], rotation).reshape(b, channels, *sides)


def test_there_are_24_rotations_and_none_mirrors():
    every = matrices()
    assert len(torch.unique(every, dim=0)) == ORDER
    assert torch.equal(torch.linalg.det(every.double()), torch.ones(ORDER).double())
    assert torch.equal(every[0], torch.eye(3, dtype=torch.long))


def test_turning_takes_a_voxel_where_the_matrix_takes_its_place():
    volume = torch.zeros(5, 5, 5)
    volume[4, 2, 1] = 1.0
    for g, matrix in enumerate(matrices()):
        place = matrix @ torch.tensor([2, 0, -1]) + 2
        assert turned(volume, g)[tuple(place)] == 1.0


def test_products_and_inverses_are_those_of_the_turned_volumes():
    volume = torch.randn(3, 3, 3)
    table, back = products(), inverses()
    for a in range(0, ORDER, 5):
        for b in range(0, ORDER, 7):
            assert torch.equal(turned(turned(volume, b), a), turned(volume, int(table[a, b])))
        assert torch.equal(turned(turned(volume, a), int(back[a])), volume)


@pytest.mark.parametrize("rotation", [1, 6, 11, 17, 23])
def test_layers_turn_with_the_volume(rotation):
    torch.manual_seed(0)
    volume = torch.randn(1, 2, 8, 8, 8, dtype=torch.float64)
    lift = Lift(2, 2, 4, stride=2).double()
    same, down = GroupConv(2, 3, 3).double(), GroupConv(3, 2, 2, stride=2).double()
    norm, up = FieldNorm(2).double(), Grow(GroupConv(3, 2, 2, stride=2)).double()
    back = Grow(Lift(1, 3, 4, stride=2)).double()
    layers = [lift, same, torch.nn.SiLU(), down, norm, up]
    plain, moved = volume, turned(volume, rotation)
    for layer in layers:
        plain, moved = layer(plain), layer(moved)
        torch.testing.assert_close(moved, _permuted(plain, rotation))
    assert plain.shape == (1, 72, 4, 4, 4)
    torch.testing.assert_close(back(moved), turned(back(plain), rotation))


def test_a_group_convolution_tells_orientations_apart():
    """Its output is not that of kernels that look alike from all sides."""
    torch.manual_seed(1)
    found = Lift(1, 1, 3)(
        torch.from_numpy(np.random.default_rng(0).normal(size=(1, 1, 6, 6, 6))).float()
    )
    assert len(torch.unique(found[0, :, 2, 3, 1])) == ORDER
