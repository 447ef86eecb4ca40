"""Maps of any box, voxel size and place come to the networks' grid, and atoms find the way back."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_cryoai.building.tracing import prepare as module
from napari_cryoai.building.tracing.prepare import AROUND_A, prepare
from napari_cryoai.building.tracing.standard import standardise
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.physics.potential import map_of


def blob(shape, pixel_A, at_zyx_A, origin_A):
    """One Gaussian of 2.5 A at a place in space."""
    grids = np.meshgrid(
        *(np.arange(n) * pixel_A + o for n, o in zip(shape, origin_A, strict=True)), indexing="ij"
    )
    squared = sum((g - a) ** 2 for g, a in zip(grids, at_zyx_A, strict=True))
    return DensityMap(np.exp(-squared / (2 * 2.5**2)).astype(np.float32), pixel_A, origin_A)


@pytest.mark.parametrize("pixel_A", [0.7, 1.0, 1.34, 2.1])
@pytest.mark.parametrize("shape", [(40, 40, 40), (37, 44, 51)])
def test_density_stays_where_it_is_in_space(pixel_A, shape):
    origin = (-12.3, 4.0, 100.5)
    at = [o + n * pixel_A * f for o, n, f in zip(origin, shape, (0.45, 0.5, 0.6), strict=True)]
    found = prepare(blob(shape, pixel_A, at, origin))
    assert np.allclose(found.pixel_A, 1.0, atol=0.03)
    weights = found.volume.clamp(min=0.3) - 0.3
    grid = torch.stack(torch.meshgrid(*(torch.arange(n) for n in weights.shape), indexing="ij"), -1)
    middle = (weights[..., None] * grid).sum((0, 1, 2)) / weights.sum()
    xyz = found.world_xyz_A(middle.double().numpy()[None])
    assert np.allclose(xyz[0, ::-1], at, atol=0.1)
    assert np.allclose(found.index_zyx(xyz)[0], middle, atol=1e-6)
    first, last = np.array(origin), np.array(origin) + (np.array(shape) - 1) * pixel_A
    inside = np.array([first + 0.1, last - 0.1, first - 0.1, last + 0.1])
    assert found.given(found.index_zyx(inside[:, ::-1])).tolist() == [True, True, False, False]


def test_the_height_of_density_does_not_depend_on_the_voxel():
    tops = [
        float(prepare(blob((50,) * 3, p, (0, 0, 0), (-25 * p,) * 3)).volume.max())
        for p in (0.8, 1.3)
    ]
    assert np.allclose(tops, 1.0, atol=0.05)


@pytest.mark.parametrize("side", [48, 49])
@pytest.mark.parametrize("pixel_A", [0.87, 1.13])
def test_a_map_that_is_turned_comes_to_the_same_grid_turned(side, pixel_A):
    density = blob((side,) * 3, pixel_A, (20.0, 23.0, 25.0), (0.0, 0.0, 0.0))
    again = DensityMap(np.rot90(density.data, axes=(1, 2)).copy(), pixel_A)
    one, other = prepare(density).volume, prepare(again).volume
    assert torch.allclose(one.rot90(dims=(1, 2)), other, atol=1e-5)


def test_a_large_empty_box_is_cut_to_the_molecule(helix):
    density = DensityMap(map_of(helix.centred(), 96, 1.0).numpy(), 1.0, (-48.0,) * 3)
    found = prepare(density)
    reach = np.abs(helix.centred().xyz_A).max() + AROUND_A
    assert max(found.volume.shape) < 2 * reach + 40
    assert max(found.volume.shape) < 96
    z, y, x = np.round(found.index_zyx(helix.centred().xyz_A)).astype(int).T
    assert float(found.volume[z, y, x].mean()) > 10 * float(found.volume.abs().mean())


@pytest.mark.parametrize(
    ("data", "pixel_A", "problem"),
    [
        (np.zeros((30, 30, 30)), 1.0, "constant"),
        (np.eye(30)[[0]] * np.eye(30)[0] * np.eye(30)[0][:, None, None], 1.0, "constant"),
        (np.full((30, 30, 30), np.nan), 1.0, "not finite"),
        (np.random.default_rng(0).normal(size=(8, 30, 30)), 1.0, "too small"),
        (np.ones((1, 1, 1)), 1.0, "constant"),
        (np.random.default_rng(0).normal(size=(3, 3, 3)), 1.0, "too small"),
        (np.random.default_rng(0).normal(size=(30, 30, 30)), 5.0, "show no backbone"),
    ],
)
def test_a_map_that_cannot_be_traced_is_refused(data, pixel_A, problem):
    with pytest.raises(CryoAIError, match=problem):
        prepare(DensityMap(data.astype(np.float32), pixel_A))


def test_a_map_that_memory_does_not_hold_is_refused_before_it_is_resampled(monkeypatch):
    memory = SimpleNamespace(total=1 << 30)
    monkeypatch.setattr(module.psutil, "virtual_memory", lambda: memory)
    data = np.zeros((220, 220, 220), np.float32)
    data[90:130, 90:130, 90:130] = 1
    with pytest.raises(CryoAIError, match="this machine has 1 GiB"):
        prepare(DensityMap(data, 1.0))
    # The same box of voxels is small enough if they are.
    memory.total = 2 << 30
    assert prepare(DensityMap(data, 0.5)).volume.numel() > 0


def test_the_standard_does_not_depend_on_the_unit_of_the_map():
    volume = torch.randn(40, 40, 40)
    assert torch.allclose(standardise(volume), standardise(1000 * volume), atol=1e-3)
    assert bool(torch.isfinite(standardise(torch.zeros(20, 20, 20))).all())
