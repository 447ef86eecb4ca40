"""Maps know where they lie."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.core.density_map import DensityMap, check_same_grid
from napari_cryoai.core.errors import CryoAIError

RNG = np.random.default_rng(0)
DATA = RNG.normal(3, 2, (5, 6, 7)).astype(np.float32)


def test_a_voxel_lies_at_its_index_times_the_voxel_size_beyond_the_origin():
    density = DensityMap(DATA, 1.5, (10.0, -20.0, 30.0))
    np.testing.assert_allclose(density.world_of([[1, 2, 3]]), [[11.5, -17.0, 34.5]])
    np.testing.assert_allclose(density.index_of([[11.5, -17.0, 34.5]]), [[1, 2, 3]])
    assert density.extent_A == (7.5, 9.0, 10.5)


def test_mean_and_sigma_are_those_of_the_whole_box():
    density = DensityMap(DATA, 1.0)
    assert density.mean == pytest.approx(DATA.mean(), rel=1e-6)
    assert density.sigma == pytest.approx(DATA.std(), rel=1e-6)


def test_values_become_float32():
    density = DensityMap(DATA.astype(np.float64), 1.0)  # type: ignore[arg-type]
    assert density.data.dtype == np.float32
    assert density.with_data(DATA * 2).data.dtype == np.float32


@pytest.mark.parametrize("pixel_A", [0.0, -1.0, float("nan"), float("inf")])
def test_a_map_has_a_voxel_size(pixel_A):
    with pytest.raises(ValueError, match="voxel"):
        DensityMap(DATA, pixel_A)


def test_a_map_has_three_axes():
    with pytest.raises(ValueError, match="axes"):
        DensityMap(DATA[0], 1.0)
    with pytest.raises(ValueError, match="voxels"):
        DensityMap(DATA, 1.0).with_data(DATA[1:])


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (DensityMap(DATA[1:], 1.0), "boxes"),
        (DensityMap(DATA, 1.01), "voxel sizes"),
        (DensityMap(DATA, 1.0, (0, 0, 4)), "places"),
    ],
)
def test_maps_on_different_grids_are_not_compared(other, words):
    with pytest.raises(CryoAIError, match=words):
        check_same_grid(DensityMap(DATA, 1.0), other)
    check_same_grid(DensityMap(DATA, 1.0), DensityMap(DATA * 2, 1.0003, (0, 0, 0.01)))
