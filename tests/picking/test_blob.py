"""The blob detector on simulated micrographs."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.picking.blob import detect_blobs, radial_average, rotational_average
from napari_cryoai.picking.correlate import disc
from napari_cryoai.picking.evaluate import compare, match
from napari_cryoai.picking.pick import pick_micrograph
from napari_cryoai.picking.preprocess import DIAMETER_PX, prepare

RADIUS_PX = 70 / 3
"""A third of the diameter."""


def kept(found):
    return found.picks.select((found.picks.score >= found.threshold) & ~found.picks.in_junk)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("kind", "f1"),
    [("shell", 0.93), ("barrel", 0.90), ("elongated", 0.85), ("globular", 0.80), ("small", 0.85)],
)
def test_shells_and_solids_are_found_with_the_diameter_alone(simulate, in_memory, kind, f1, seed):
    truth = simulate(seed, kind=kind)
    found = pick_micrograph(in_memory(truth.image), diameter_A=140.0)
    assert compare(kept(found), truth.picks, RADIUS_PX).f1 >= f1


def test_centres_are_good_to_a_fraction_of_the_diameter(simulate, in_memory):
    truth = simulate(0, kind="shell")
    found = kept(pick_micrograph(in_memory(truth.image), diameter_A=140.0))
    a, b = match(found.yx_px, truth.picks.yx_px, RADIUS_PX)
    offsets = found.yx_px[a] - truth.picks.yx_px[b]
    assert np.abs(offsets.mean(0)).max() < 0.5
    assert np.median(np.hypot(*offsets.T)) < 0.02 * 70


def test_the_same_input_gives_the_same_output(simulate):
    image = simulate(1, kind="globular").image
    first, again = (detect_blobs(prepare(image, 70.0)) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a, b)


def test_the_template_of_a_shell_is_darker_in_the_middle_than_at_the_rim(simulate):
    _, _, template = detect_blobs(prepare(simulate(0, kind="shell").image, 70.0))
    half = template.shape[0] // 2
    profile = template[half, half:]
    rim = profile[int(0.25 * DIAMETER_PX) : int(0.55 * DIAMETER_PX)].max()
    assert rim > profile[0] + 0.1
    assert rim > profile[int(0.7 * DIAMETER_PX) :].max()


def test_the_best_matches_score_higher_on_particles_than_on_noise(simulate):
    _, on_particles, _ = detect_blobs(prepare(simulate(0, kind="shell").image, 70.0))
    _, on_noise, _ = detect_blobs(prepare(simulate(0, count=0).image, 70.0))
    assert np.median(on_particles[:30]) > 1.5 * np.median(on_noise[:30])


@pytest.mark.parametrize("seed", range(3))
def test_a_micrograph_without_particles_keeps_few_picks_of_the_many_that_fit(
    simulate, in_memory, seed
):
    """Judged by itself; the threshold of a set is chosen from all of it, see test_pick."""
    found = pick_micrograph(in_memory(simulate(seed, count=0).image), diameter_A=140.0)
    assert len(kept(found)) < 0.3 * 768**2 / 70**2


@pytest.mark.parametrize("shape", [(768, 500), (401, 767)])
def test_odd_shapes(simulate, in_memory, shape):
    truth = simulate(2, kind="shell", shape=shape, count=20)
    found = pick_micrograph(in_memory(truth.image), diameter_A=140.0)
    assert compare(kept(found), truth.picks, RADIUS_PX).f1 > 0.85
    assert (found.picks.yx_px >= -0.5).all()
    assert (found.picks.yx_px <= np.array(shape) - 0.5).all()


def test_turning_the_micrograph_turns_the_picks(simulate, in_memory):
    image = simulate(0, kind="shell").image
    upright = kept(pick_micrograph(in_memory(image), diameter_A=140.0)).yx_px
    turned = kept(pick_micrograph(in_memory(np.flipud(image)), diameter_A=140.0)).yx_px
    a, _ = match(upright, np.column_stack([767 - turned[:, 0], turned[:, 1]]), 2.0)
    assert len(a) > 0.95 * max(len(upright), len(turned))


def test_a_radial_average_keeps_what_is_round_and_levels_what_is_not():
    mask, distance = disc(10.0)
    round_image = np.exp(-(distance**2) / 50).astype(np.float32)
    assert np.abs(rotational_average(round_image, distance) - round_image)[mask > 0].max() < 0.02
    y = np.arange(len(mask)) - len(mask) // 2
    slope = np.broadcast_to(y[:, None], mask.shape).astype(np.float32)
    assert np.abs(rotational_average(slope, distance)[mask > 0]).max() < 1e-4


def test_points_next_to_the_border_do_not_count_in_an_average():
    _, distance = disc(10.0)
    image = np.random.default_rng(0).normal(size=(60, 60)).astype(np.float32)
    inner = np.array([[30.0, 30.0]])
    with_outer = np.array([[30.0, 30.0], [2.0, 30.0], [58.0, 58.0]])
    expected = radial_average(image, inner, distance)
    assert np.array_equal(radial_average(image, with_outer, distance), expected)
    assert not radial_average(image, with_outer[1:], distance).any()
