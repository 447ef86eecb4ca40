"""Levels of equal volume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_cryoai.core.contour import contour_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.maps.level import level_enclosing, same_volume


def molecule(noise: float, n: int = 64, pixel_A: float = 1.5) -> DensityMap:
    """Lumps of density, in noise."""
    rng = np.random.default_rng(0)
    lumps = np.zeros((n,) * 3)
    lumps[tuple(rng.integers(n // 4, 3 * n // 4, (3, 300)))] = 1
    lumps = ndimage.gaussian_filter(lumps, n / 40)
    lumps /= lumps.max()
    values = lumps + noise * np.random.default_rng(1).normal(size=lumps.shape)
    return DensityMap(values.astype(np.float32), pixel_A)


def enclosed(density: DensityMap, level: float) -> float:
    return float((density.data > level).sum()) * density.pixel_size_A**3


@pytest.mark.parametrize("level", [0.2, 0.4, 0.6])
def test_a_raw_and_a_smooth_map_enclose_the_same_number_of_voxels(level: float) -> None:
    raw, clean = molecule(0.08), molecule(0.0)
    found = same_volume(level, contour_of(raw), contour_of(clean))
    assert enclosed(clean, found) == pytest.approx(enclosed(raw, level), rel=0.02)


def test_scaling_a_map_scales_its_level() -> None:
    one = molecule(0.05)
    other = one.with_data(one.data * 7 + 3)
    found = same_volume(0.4, contour_of(one), contour_of(other))
    assert found == pytest.approx(0.4 * 7 + 3, rel=1e-2)


def test_smaller_voxels_do_not_change_the_volume() -> None:
    coarse, fine = molecule(0, 48, 2.0), molecule(0, 48, 1.0)
    found = same_volume(0.4, contour_of(coarse), contour_of(fine))
    assert found < 0.4  # eight times as many voxels are needed
    assert enclosed(fine, found) == pytest.approx(enclosed(coarse, 0.4), rel=0.02)


def test_a_masked_map_with_exact_zeros_has_a_level_too() -> None:
    raw = molecule(0.05)
    masked = raw.with_data(raw.data * (ndimage.gaussian_filter(raw.data, 3) > 0.05))
    found = same_volume(0.4, contour_of(raw), contour_of(masked))
    assert enclosed(masked, found) == pytest.approx(enclosed(raw, 0.4), rel=0.02)


def test_more_than_there_is_gives_the_ends_of_the_map() -> None:
    density = molecule(0.05)
    contour = contour_of(density)
    assert level_enclosing(contour, 1e12) == pytest.approx(float(density.data.min()), abs=1e-3)
    assert level_enclosing(contour, 0.0) == pytest.approx(float(density.data.max()), abs=1e-3)


@given(st.floats(0.05, 0.95))
def test_there_and_back_is_the_same_level(part: float) -> None:
    one, other = contour_of(molecule(0.05)), contour_of(molecule(0.0))
    level = one.edges[0] + part * (one.span[1] - one.edges[0])
    back = same_volume(same_volume(level, one, other), other, one)
    assert one.volume_A3(back) == pytest.approx(one.volume_A3(level), rel=0.01, abs=one.voxel_A3)
