"""Flipped picks are found out on real micrographs."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.core.geometry import Orientation
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.orientation import orientation_scores, suggest_orientation
from napari_cryoai.io.picks import read_picks


def as_written_by(orientation, yx, shape):
    """The coordinates that a program with this orientation would have written."""
    ny, nx = shape[::-1] if orientation.transpose else shape
    yx = yx[:, ::-1].copy() if orientation.transpose else yx.copy()
    if orientation.flip_y:
        yx[:, 0] = ny - 1 - yx[:, 0]
    if orientation.flip_x:
        yx[:, 1] = nx - 1 - yx[:, 1]
    return yx


@pytest.fixture(scope="module")
def sets(data):
    """Real picks, pixels and diameter of each of the ten public micrographs."""
    micrographs, _ = open_micrographs([data / "micrographs"])
    picks = read_picks(data / "coords", micrographs=micrographs, format="csv")
    return [
        (picks.of(m.name).yx_px, m.read(), 120 / 1.5 if "May08" in m.name else 190 / 1.77)
        for m in micrographs
    ]


@pytest.mark.parametrize("orientation", Orientation.all(), ids=str)
def test_each_flip_of_real_picks_is_recognised_on_all_ten_micrographs(sets, orientation):
    for yx, pixels, diameter in sets:
        foreign = as_written_by(orientation, yx, pixels.shape)
        np.testing.assert_array_equal(orientation.apply(foreign, pixels.shape), yx)
        found = suggest_orientation(foreign, pixels, diameter)
        assert found == (None if orientation == Orientation() else orientation)


@pytest.mark.parametrize("factor", [0.75, 1.25])
def test_a_rough_diameter_will_do(sets, factor):
    flip = Orientation(flip_y=True)
    for yx, pixels, diameter in sets:
        foreign = as_written_by(flip, yx, pixels.shape)
        assert suggest_orientation(foreign, pixels, diameter * factor) == flip


def test_random_picks_get_no_advice(sets):
    rng = np.random.default_rng(0)
    for _, pixels, diameter in sets:
        yx = rng.uniform(0, 1, (300, 2)) * pixels.shape
        assert suggest_orientation(yx, pixels, diameter) is None


def test_right_picks_score_far_above_wrong_ones(sets):
    for yx, pixels, diameter in sets:
        as_read, *others = orientation_scores(yx, pixels, diameter).values()
        assert as_read > 0.6
        assert max(others) < as_read / 2


def test_a_handful_of_picks_and_a_blank_image_prove_nothing(sets):
    yx, pixels, diameter = sets[0]
    assert suggest_orientation(yx[:5], pixels, diameter) is None
    assert suggest_orientation(yx, np.zeros_like(pixels), diameter) is None
