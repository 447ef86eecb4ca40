"""The simulated map is what it says."""

from __future__ import annotations

import numpy as np
import torch

from napari_cryoai.core.density_map import check_same_grid
from napari_cryoai.physics.fsc import fsc, resolution_at
from napari_cryoai.physics.simulators.demo_map import RESOLUTION_A, demo_maps


def test_half_maps_agree_to_about_the_resolution_named_and_no_further():
    maps = demo_maps()
    halves = [torch.from_numpy(maps[name].data) for name in ("half 1", "half 2")]
    curve = fsc(*halves)
    pixel_A = maps["half 1"].pixel_size_A
    assert abs(resolution_at(curve, pixel_A) - RESOLUTION_A) < 1
    assert curve[-10:].abs().mean() < 0.05
    check_same_grid(maps["half 1"], maps["map"])


def test_the_same_seed_gives_the_same_maps():
    one, again, other = demo_maps(1), demo_maps(1), demo_maps(2)
    for name in one:
        np.testing.assert_array_equal(one[name].data, again[name].data)
    assert not np.array_equal(one["map"].data, other["map"].data)
