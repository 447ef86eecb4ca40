"""A molecule stands out of its box; noise does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_cryoai.building.atoms.example import example_map, example_model
from napari_cryoai.building.tracing.noise import is_noise
from napari_cryoai.building.tracing.prepare import prepare
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.trace import Trace

VAGUE = Trace.of_positions(np.zeros((9, 3)))
SURE = replace(VAGUE, types=np.tile(np.eye(20)[3] * 0.9 + 0.005, (9, 1)))


@pytest.mark.parametrize("n", [40, 64])
@pytest.mark.parametrize("blur_px", [0.0, 0.8, 1.2, 2.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_noise_is_noise_however_smooth(n, blur_px, seed):
    white = np.random.default_rng(seed).normal(size=(n, n, n))
    noise = DensityMap(gaussian_filter(white, blur_px).astype(np.float32), 1.0)
    assert is_noise(prepare(noise), VAGUE)


def test_a_protein_is_none_even_where_its_side_chains_are_vague():
    assert not is_noise(prepare(example_map(example_model(), seed=0)), VAGUE)


def test_side_chains_tell_where_there_is_no_solvent():
    inside = example_map(example_model(), seed=0).data[20:44, 20:44, 20:44]
    assert not is_noise(prepare(DensityMap(inside, 1.0)), SURE)


def test_a_map_with_dark_protein_is_as_noise():
    density = example_map(example_model(), seed=0)
    assert is_noise(prepare(density.with_data(-density.data)), VAGUE)
