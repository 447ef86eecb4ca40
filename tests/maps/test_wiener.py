"""The Wiener filter brings half maps nearer to the truth and leaves the rest alone."""

import math

import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.maps.wiener import wiener
from napari_cryoai.physics.fsc import fsc
from napari_cryoai.physics.radial import power_spectrum

PIXEL_A = 1.7


def error(map_, maps):
    return float(((map_ - maps.truth) * maps.mask).square().sum())


def test_it_brings_the_map_nearer_to_the_truth(molecule):
    raw = (molecule.half1 + molecule.half2) / 2
    found = wiener(molecule.half1, molecule.half2, PIXEL_A)
    assert error(found.full, molecule) < 0.6 * error(raw, molecule)


def test_mean_and_scale_stay_and_negative_values_are_not_clipped(molecule):
    shift, gain = 7.0, 50.0
    plain = wiener(molecule.half1, molecule.half2, PIXEL_A)
    other = wiener(gain * molecule.half1 + shift, gain * molecule.half2 + shift, PIXEL_A)
    assert torch.allclose(other.half1, gain * plain.half1 + shift, atol=1e-3 * gain)
    assert float(other.half1.mean()) == pytest.approx(
        float((gain * molecule.half1 + shift).mean()), rel=1e-4
    )
    assert float(plain.full.min()) < -0.05 * float(plain.full.max())


def test_a_half_map_is_weighted_by_a_curve_over_shells_and_by_nothing_else(molecule):
    found = wiener(molecule.half1, molecule.half2, PIXEL_A)
    alike = fsc(found.half1, molecule.half1)
    assert bool((alike[1:14] > 0.999).all())


def test_nothing_is_left_beyond_the_resolution(molecule):
    found = wiener(molecule.half1, molecule.half2, PIXEL_A)
    ratio = power_spectrum(found.full) / power_spectrum(molecule.half1)
    assert float(ratio[-3:].max()) < 1e-6


def test_a_b_factor_is_taken_out(molecule):
    plain = wiener(molecule.half1, molecule.half2, PIXEL_A)
    sharp = wiener(molecule.half1, molecule.half2, PIXEL_A, b_factor_A2=80.0)
    ratio = (power_spectrum(sharp.full) / power_spectrum(plain.full)).sqrt()
    g = 15 / (64 * PIXEL_A)
    assert float(ratio[15]) == pytest.approx(math.exp(20 * g**2), rel=0.02)


def test_the_b_factor_of_the_guinier_plot_flattens_the_signal(molecule):
    found = wiener(molecule.half1, molecule.half2, PIXEL_A, b_factor_A2=None)
    plain = wiener(molecule.half1, molecule.half2, PIXEL_A)
    high = slice(16, 22)
    gain = power_spectrum(found.full)[high] / power_spectrum(plain.full)[high]
    assert float(gain.mean()) > 1.5


def test_a_mask_cuts_the_solvent_off_only_if_it_is_given(molecule):
    solvent = molecule.mask == 0
    free = wiener(molecule.half1, molecule.half2, PIXEL_A)
    cut = wiener(molecule.half1, molecule.half2, PIXEL_A, mask=molecule.mask)
    assert float(cut.full[solvent].abs().max()) == 0
    assert float(free.full[solvent].std()) > 0


def test_confidence_is_high_in_the_molecule_and_low_far_from_it(molecule):
    found = wiener(molecule.half1, molecule.half2, PIXEL_A)
    assert float(found.confidence.min()) >= 0 and float(found.confidence.max()) <= 1
    assert float(found.confidence[molecule.mask > 0.99].mean()) > 0.9
    assert float(found.confidence[:8, :8, :8].mean()) < 0.4


def test_noise_becomes_nothing():
    noise = [torch.randn(48, 48, 48, generator=torch.Generator().manual_seed(s)) for s in (1, 2)]
    found = wiener(*noise, PIXEL_A)
    assert float(found.full.square().mean()) < 0.01


def test_boxes_need_not_be_cubes_but_must_be_alike(molecule):
    half1, half2 = molecule.half1[4:-4], molecule.half2[4:-4]
    found = wiener(half1, half2, PIXEL_A)
    assert found.half1.shape == found.confidence.shape == half1.shape
    error_of = ((found.full - molecule.truth[4:-4]) * molecule.mask[4:-4]).square().sum()
    raw = ((half1 + half2) / 2 - molecule.truth[4:-4]) * molecule.mask[4:-4]
    assert float(error_of) < 0.7 * float(raw.square().sum())
    with pytest.raises(CryoAIError, match="boxes"):
        wiener(half1, molecule.half2, PIXEL_A)
