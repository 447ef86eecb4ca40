"""The simulator against what is known of micrographs."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import pdist

from napari_cryoai.core.picks import Source
from napari_cryoai.physics.ctf import electron_wavelength_A
from napari_cryoai.physics.simulators.micrographs import (
    MicrographModel,
    demo_set,
    development_set,
    simulate_micrograph,
)

SMALL = MicrographModel(shape=(512, 640), count=20, diameter_A=120.0, pixel_size_A=2.0)
QUIET = replace(SMALL, dose_e_per_A2=1e9, snr=1e4, solvent=0.0, ice_gradient=0.0)


def values_at(image, yx_px):
    rows, columns = np.rint(yx_px).astype(int).T
    return image[rows, columns]


def test_same_seed_same_image_bit_for_bit():
    model = replace(SMALL, carbon=0.2, n_ice=2, n_aggregates=1, clustering=0.3)
    first, again, other = (simulate_micrograph(model, seed) for seed in (5, 5, 6))
    assert first.image.tobytes() == again.image.tobytes()
    assert np.array_equal(first.junk, again.junk)
    assert first.picks == again.picks
    assert not np.array_equal(first.image, other.image)


def test_the_image_is_what_was_asked_for():
    simulated = simulate_micrograph(SMALL, 0, "a.mrc")
    assert simulated.image.shape == simulated.junk.shape == (512, 640)
    assert simulated.image.dtype == np.float32
    assert np.isfinite(simulated.image).all()
    assert simulated.picks.names == ("a.mrc",)
    assert np.all(simulated.picks.diameter_px == 60.0)
    assert np.all(simulated.picks.source == Source.IMPORTED)


@pytest.mark.parametrize("kind", ["globular", "small", "elongated"])
def test_solid_particles_are_darker_than_the_ice_around_them(kind):
    simulated = simulate_micrograph(replace(SMALL, kind=kind), 1)
    smooth = gaussian_filter(simulated.image, 8)
    at = values_at(smooth, simulated.picks.yx_px)
    assert at.mean() < smooth.mean() - smooth.std()


def test_truth_is_centred_on_the_particle_to_a_fraction_of_a_pixel():
    model = replace(QUIET, kind="shell", min_distance_A=240.0, count=8, astigmatism_A=0.0)
    simulated = simulate_micrograph(replace(model, drift_A=0.0), 2)
    dark = np.clip(1 - simulated.image, 0, None) ** 2
    whole = [(y, x) for y, x in simulated.picks.yx_px if 50 < y < 462 and 50 < x < 590]
    assert len(whole) >= 4
    for y, x in whole:
        ys, xs = np.mgrid[int(y) - 40 : int(y) + 42, int(x) - 40 : int(x) + 42]
        near = dark[ys, xs] * (np.hypot(ys - y, xs - x) < 40)
        centre = np.array([(near * ys).sum(), (near * xs).sum()]) / near.sum()
        assert np.abs(centre - (y, x)).max() < 1.0


def test_underfocus_draws_a_bright_halo_around_particles():
    model = replace(QUIET, min_distance_A=300.0, count=6)
    simulated = simulate_micrograph(model, 3)
    assert simulated.image.max() > 1 + 0.2 * (1 - simulated.image.min())


@pytest.mark.parametrize("seed", range(3))
def test_no_two_particles_are_closer_than_the_minimum_and_all_fit(seed):
    model = replace(SMALL, min_distance_A=150.0, count=15, clustering=0.3)
    picks = simulate_micrograph(model, seed).picks
    assert len(picks) == 15
    assert pdist(picks.yx_px).min() * model.pixel_size_A >= 150.0


def test_a_crowded_micrograph_holds_as_many_as_fit():
    picks = simulate_micrograph(replace(SMALL, count=10_000), 0).picks
    assert 50 < len(picks) < 512 * 640 / (0.785 * 57**2) / 0.9


def test_an_empty_micrograph_has_noise_and_no_picks():
    simulated = simulate_micrograph(replace(SMALL, count=0), 0)
    assert len(simulated.picks) == 0
    assert simulated.image.std() > 0.05
    assert not simulated.junk.any()


def test_carbon_is_dark_rough_and_junk():
    simulated = simulate_micrograph(replace(SMALL, carbon=0.3, hole_radius_A=2_000.0), 4)
    assert 0.05 < simulated.junk.mean() < 0.95
    smooth = gaussian_filter(simulated.image, 10)
    assert smooth[simulated.junk].mean() < 0.9 * smooth[~simulated.junk].mean()
    # No dark carbon is left outside the mask, and no bright hole inside it.
    dark = smooth < (smooth[simulated.junk].mean() + smooth[~simulated.junk].mean()) / 2
    assert np.mean(dark == simulated.junk) > 0.97


def test_no_particle_lies_on_junk():
    model = replace(SMALL, carbon=0.3, n_ice=4, n_aggregates=2, count=60)
    simulated = simulate_micrograph(model, 7)
    assert len(simulated.picks) > 5
    assert not values_at(simulated.junk, simulated.picks.yx_px).any()
    assert len(simulated.dirt_yx_px) == 6


def test_ice_is_dark_within_the_mask():
    model = replace(SMALL, n_ice=3, ice_size_A=300.0, count=0)
    simulated = simulate_micrograph(model, 8)
    assert values_at(simulated.junk, np.clip(simulated.dirt_yx_px, 0, 510)).all()
    assert simulated.image[simulated.junk].mean() < simulated.image[~simulated.junk].mean() - 0.1


def rings(image, pixel_size_A):
    """Rotational average of the power spectrum, in steps of 0.001 / A."""
    power = np.abs(np.fft.rfft2(image - image.mean())) ** 2
    gy = np.fft.fftfreq(image.shape[0], pixel_size_A)[:, None]
    g = np.hypot(gy, np.fft.rfftfreq(image.shape[1], pixel_size_A))
    bins = np.rint(g / 0.001).astype(int).ravel()
    return np.bincount(bins, power.ravel()) / np.bincount(bins)


def test_thon_rings_have_their_zeros_where_the_ctf_has():
    model = MicrographModel(
        shape=(1024, 1024), count=0, solvent=2.0, astigmatism_A=0.0, cs_mm=0.0,
        amplitude_contrast=0.0, defocus_A=20_000.0, b_factor_A2=20.0, drift_A=0.0,
        ice_gradient=0.0,
    )  # fmt: skip
    power = rings(simulate_micrograph(model, 0).image, model.pixel_size_A)
    per_ring = 1 / (electron_wavelength_A(300) * 20_000.0)
    for n in range(1, 6):
        zero, crest = np.sqrt(n * per_ring), np.sqrt((n + 0.5) * per_ring)
        window = power[round(zero / 0.001) - 4 : round(zero / 0.001) + 5]
        assert abs(int(np.argmin(window)) - 4) <= 1
        assert power[round(crest / 0.001)] > 2 * window.min()


def test_snr_is_the_mean_square_in_the_circle_over_the_detector_noise():
    model = replace(
        SMALL, snr=0.2, contrast_spread=0.0, solvent=0.0, low_frequency_A=1e9, ice_gradient=0.0,
        dose_e_per_A2=1e6, min_distance_A=260.0, count=12,
    )  # fmt: skip
    with_noise = simulate_micrograph(model, 9)
    clean = simulate_micrograph(replace(model, count=0), 9).image
    signal = with_noise.image - clean
    y, x = np.ogrid[:512, :640]
    inside = [
        np.mean(signal[np.hypot(y - cy, x - cx) < 30] ** 2)
        for cy, cx in with_noise.picks.yx_px
        if 30 < cy < 481 and 30 < cx < 609
    ]
    # Nothing is filtered out of the noise here but the detector's fall towards Nyquist.
    assert np.mean(inside) / model.noise_sigma**2 == pytest.approx(0.2, rel=0.15)
    assert clean.std() == pytest.approx(model.noise_sigma, rel=0.1)


def test_noise_rises_towards_low_frequency():
    power = rings(simulate_micrograph(replace(SMALL, count=0, solvent=0.0), 0).image, 2.0)
    assert power[2:5].mean() > 4 * power[100:150].mean()


def test_a_band_passed_micrograph_has_nothing_left_outside_the_band():
    model = replace(SMALL, low_pass_A=40.0, high_pass_A=400.0)
    power = rings(simulate_micrograph(model, 0).image, 2.0)
    assert power[120:].max() < 1e-4 * power[8:25].max()


def test_the_demo_has_carbon_dirt_and_a_nearly_empty_micrograph_of_one_protein():
    models = demo_set(3)
    assert 4 <= len(models) <= 6
    assert len({(m.kind, m.diameter_A, m.structure_seed) for m in models}) == 1
    assert any(m.carbon and m.n_ice for m in models)
    assert min(m.count for m in models) < 10
    assert len({m.defocus_A for m in models}) == len(models)


def test_the_development_set_is_broad_and_can_be_simulated():
    models = development_set(0, 300)
    assert models == development_set(0, 300)
    assert {m.kind for m in models} == {"shell", "barrel", "globular", "small", "elongated"}
    assert min(m.diameter_A for m in models) < 100 < 280 < max(m.diameter_A for m in models)
    assert 10 < sum(m.count == 0 for m in models) < 80
    assert 30 < sum(m.low_pass_A > 0 for m in models) < 130
    for seed, model in enumerate(models[:4]):
        simulated = simulate_micrograph(replace(model, shape=(300, 320)), seed)
        assert np.isfinite(simulated.image).all()
