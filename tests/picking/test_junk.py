"""Where not to pick, on simulated micrographs whose junk is known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.picking.junk import dead_border, lies_in
from napari_cryoai.picking.pick import pick_micrograph

SHAPE = (1024, 1024)
SETTING = {"shape": SHAPE, "count": 60, "kind": "shell"}


@pytest.fixture
def marked(in_memory):
    """Which pixels of an image (every fourth) the picking marks as junk."""

    def mark(image):
        found = pick_micrograph(in_memory(image), diameter_A=140.0)
        return at(found.junk_mask, np.argwhere(np.ones((256, 256))) * 4).reshape(256, 256)

    return mark


def at(mask, yx):
    return lies_in(mask, np.asarray(yx, float), SHAPE)


@pytest.mark.parametrize("kind", ["shell", "barrel", "globular", "small", "elongated"])
@pytest.mark.parametrize("seed", [0, 1])
def test_hardly_anything_of_a_clean_micrograph_is_marked(simulate, marked, kind, seed):
    assert marked(simulate(seed, **SETTING | {"kind": kind}).image).mean() < 0.03


@pytest.mark.parametrize("seed", [0, 1])
def test_an_empty_micrograph_is_clean_too(simulate, marked, seed):
    assert marked(simulate(seed, **SETTING | {"count": 0}).image).mean() < 0.03


@pytest.mark.parametrize("seed", range(3))
def test_carbon_is_marked_and_little_else(simulate, marked, seed):
    truth = simulate(seed, **SETTING, carbon=0.2)
    mask, carbon = marked(truth.image), truth.junk[::4, ::4]
    assert 0.05 < carbon.mean() < 0.2
    assert mask[carbon].mean() > 0.9
    assert mask[~carbon].mean() < 0.08


@pytest.mark.parametrize("seed", range(3))
def test_ice_crystals_are_marked_and_little_else(simulate, marked, seed):
    truth = simulate(seed, **SETTING, n_ice=4)
    mask, ice = marked(truth.image), truth.junk[::4, ::4]
    assert mask[ice].mean() > 0.85
    assert mask[~ice].mean() < 0.1


@pytest.mark.parametrize("width", [40, 90])
@pytest.mark.parametrize("turns", range(4))
def test_smeared_borders_are_marked_on_every_side(simulate, marked, width, turns):
    """As motion correction leaves them: one row of pixels, repeated."""
    image = simulate(0, **SETTING).image.copy()
    image[:width] = image[width]
    mask = np.rot90(marked(np.ascontiguousarray(np.rot90(image, turns))), -turns)
    assert mask[: width // 4 - 2].mean() > 0.95
    assert mask[(width + 40) // 4 :].mean() < 0.03


def test_constant_borders_are_marked(simulate, marked):
    image = simulate(1, **SETTING).image.copy()
    image[:, -70:] = image.mean()
    mask = marked(image)
    assert mask[:, -15:].mean() > 0.95
    assert mask[:, : -110 // 4].mean() < 0.03


def test_picks_on_carbon_say_so(simulate, in_memory):
    truth = simulate(0, **SETTING, carbon=0.2)
    picks = pick_micrograph(in_memory(truth.image), diameter_A=140.0).picks
    on_carbon = truth.junk[tuple(np.round(picks.yx_px).astype(int).clip(0, 1023).T)]
    assert picks.in_junk[on_carbon].mean() > 0.9
    assert picks.in_junk[~on_carbon].mean() < 0.1


def test_a_coarse_mask_lies_over_the_whole_micrograph():
    mask = np.zeros((4, 6), bool)
    mask[1, 5] = mask[3, 0] = True
    points = np.array([[25.0, 99.0], [24.4, 99.0], [49.0, 82.0], [99.4, -0.4], [74.6, 16.0]])
    assert lies_in(mask, points, (100, 100)).tolist() == [True, False, False, True, True]


def test_noise_has_no_dead_border():
    noise = np.random.default_rng(0).normal(size=(90, 110)).astype(np.float32)
    assert not dead_border(noise).any()
