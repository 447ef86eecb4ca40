"""Random orientations."""

import numpy as np

from napari_cryoai.physics.simulators.views import draw_rotations


def directions(rotations):
    """Where the beam comes from, in the frame of the map: R^T z."""
    return rotations[:, 2]


def test_without_a_preference_views_are_even():
    seen = directions(draw_rotations(20_000, np.random.default_rng(0)))
    assert np.abs(seen.mean(0)).max() < 0.02


def test_preferred_views_are_along_z_and_turn_in_the_plane():
    rotations = draw_rotations(20_000, np.random.default_rng(0), 0.6, 10.0)
    assert np.allclose(rotations @ rotations.transpose(0, 2, 1), np.eye(3))
    tilt = np.degrees(np.arccos(directions(rotations)[:, 2]))
    near = tilt < 30
    assert 0.6 < near.mean() < 0.7
    # Two tilts of 10 degrees each: a Rayleigh distribution.
    assert np.sqrt(np.mean(tilt[tilt < 40] ** 2) / 2) < 14
    x_axis = rotations[near][:, :2, 0].mean(0)
    assert np.abs(x_axis).max() < 0.03
