"""Fields simulated on the coarse grid look to a picker like fields recorded in full."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_cryoai.physics.simulators.micrograph_model import MicrographModel
from napari_cryoai.physics.simulators.micrographs import simulate_micrograph
from napari_cryoai.picking.blob import TEMPLATE_RADIUS, detect_blobs, radial_average, search
from napari_cryoai.picking.correlate import disc
from napari_cryoai.picking.preprocess import prepare
from napari_cryoai.picking.training_scene import (
    COARSE_PX,
    DIRTY,
    EMPTY,
    FILTERED,
    SNR,
    SNR_PIXEL_A,
    Wear,
    draw_model,
    draw_wear,
    worn,
)

FIELD = 10
"""Diameters across."""

SEEDS = range(4)


def prepared_field(model, pixels_per_diameter, seed):
    """The same specimen and dose, recorded with another pixel."""
    pixel_size_A = model.diameter_A / pixels_per_diameter
    coarse = replace(
        model,
        shape=(round(FIELD * pixels_per_diameter),) * 2,
        pixel_size_A=pixel_size_A,
        snr=model.snr * (pixel_size_A / model.pixel_size_A) ** 2,
    )
    simulated = simulate_micrograph(coarse, seed)
    prepared = prepare(simulated.image, pixels_per_diameter)
    return prepared, prepared.from_micrograph(simulated.picks.yx_px)


def statistics(model, pixels_per_diameter):
    """Spectrum before whitening, mean particle after it, and its correlation at the particles."""
    fields = [prepared_field(model, pixels_per_diameter, seed) for seed in SEEDS]
    distance = disc(TEMPLATE_RADIUS)[1]
    transfer = np.mean([prepared.transfer for prepared, _ in fields], 0)
    particle = np.mean([radial_average(p.white, yx, distance) for p, yx in fields], 0)
    scores = [
        search(p.white, detect_blobs(p)[2])[tuple(np.rint(yx).astype(int).T)] for p, yx in fields
    ]
    return transfer, particle, np.concatenate(scores)


@pytest.mark.parametrize(
    ("kind", "diameter_A", "changes"),
    [
        ("shell", 125.0, {"defocus_A": 20_000.0}),
        ("globular", 180.0, {"defocus_A": 9_000.0, "low_pass_A": 30.0, "high_pass_A": 500.0}),
    ],
)
def test_a_coarse_field_has_the_statistics_of_a_fine_one(kind, diameter_A, changes):
    model = MicrographModel(
        kind=kind, diameter_A=diameter_A, pixel_size_A=1.4, count=45, snr=0.05, **changes
    )
    fine = statistics(model, diameter_A / 1.4)
    coarse = statistics(model, COARSE_PX)
    inner = slice(2, 28)  # the first are a handful of frequencies, the last next to Nyquist
    ratio = coarse[0][inner] / fine[0][inner]
    assert np.abs(ratio / np.median(ratio) - 1).max() < 0.12
    assert np.corrcoef(coarse[1].ravel(), fine[1].ravel())[0, 1] > 0.99
    assert np.ptp(coarse[1]) == pytest.approx(np.ptp(fine[1]), rel=0.08)
    assert coarse[2].mean() == pytest.approx(fine[2].mean(), rel=0.08)
    assert coarse[2].std() == pytest.approx(fine[2].std(), rel=0.25)


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    return [draw_model(rng, 150.0, (400, 400)) for _ in range(600)]


def share(flags):
    return np.mean(list(flags))


def test_fields_are_empty_dirty_and_filtered_as_often_as_stated(drawn):
    assert share(m.count == 0 for m in drawn) == pytest.approx(EMPTY, abs=0.04)
    assert share(m.low_pass_A > 0 for m in drawn) == pytest.approx(FILTERED, abs=0.06)
    dirty = [m.carbon or m.n_ice or m.n_aggregates or m.n_denatured for m in drawn if m.count]
    assert 0.7 * DIRTY < share(map(bool, dirty)) < DIRTY + 0.06


def test_the_signal_to_noise_ratio_refers_to_one_pixel_size(drawn):
    snr = np.array([m.snr * (SNR_PIXEL_A / m.pixel_size_A) ** 2 for m in drawn])
    assert snr.min() >= SNR[0] * (1 - 1e-9)
    assert snr.max() <= SNR[1] * (1 + 1e-9)
    assert np.median(snr) == pytest.approx(np.sqrt(np.prod(SNR)), rel=0.15)


def test_particles_too_small_to_be_seen_at_the_lowest_contrast_have_more():
    rng = np.random.default_rng(1)
    tiny = [draw_model(rng, 60.0, (400, 400)) for _ in range(50)]
    assert min(m.snr * (SNR_PIXEL_A / m.pixel_size_A) ** 2 for m in tiny) > 2 * SNR[0]


def test_some_fields_are_so_crowded_that_particles_overlap(drawn):
    assert any(m.min_distance_A < 0.65 * m.diameter_A and m.count > 100 for m in drawn)


def noise(shape=(300, 260)):
    return np.random.default_rng(3).standard_normal(shape).astype(np.float32)


def test_smeared_borders_repeat_the_last_good_row_and_are_marked():
    image = noise()
    rng = np.random.default_rng(0)
    found, spoilt = worn(image, Wear(0.0, 1, (20, 0, 0, 15), 0), 0.0, rng)
    assert np.array_equal(found[:20, :245], np.repeat(image[20:21, :245], 20, 0))
    assert np.array_equal(found[20:, :245], image[20:, :245])
    assert spoilt[:20].all()
    assert spoilt[:, 245:].all()
    assert not spoilt[20:, :245].any()


def test_rounding_is_as_strong_as_stated_and_shared_by_a_block():
    image = noise()
    found, spoilt = worn(image, Wear(0.1, 4, (0,) * 4, 0), 0.0, np.random.default_rng(0))
    error = found - image
    assert error.std() == pytest.approx(0.1 * image.std() / np.sqrt(3), rel=0.05)
    assert np.ptp(error[:4, :4]) < 1e-6
    assert not spoilt.any()


def test_specks_are_extreme_and_marked():
    image = noise()
    found, spoilt = worn(image, Wear(0.0, 1, (0,) * 4, 5), 1.0, np.random.default_rng(5))
    changed = np.abs(found - image)
    assert changed.max() > 2
    assert spoilt[changed > 0.25 * changed.max()].all()
    assert 0 < spoilt.mean() < 0.05


def test_wear_is_drawn_from_all_kinds():
    rng = np.random.default_rng(0)
    wear = [draw_wear(rng, filtered=True) for _ in range(400)]
    assert share(any(w.smeared_px) for w in wear) == pytest.approx(0.11, abs=0.05)
    assert share(w.specks > 0 for w in wear) == pytest.approx(0.15, abs=0.05)
    assert {w.block_px for w in wear} == {1, 2, 3, 4, 5}
