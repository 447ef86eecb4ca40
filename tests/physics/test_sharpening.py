"""B factors."""

import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.physics.fsc import fsc
from napari_cryoai.physics.radial import power_spectrum
from napari_cryoai.physics.sharpening import apply_b_factor, fsc_weight, guinier, sharpened

N, PIXEL_A = 64, 1.5


def noise(seed=0):
    return torch.randn(N, N, N, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("b", [-30.0, 60.0, 180.0])
def test_a_b_factor_that_was_applied_is_recovered(b):
    blurred = apply_b_factor(noise(), b, PIXEL_A)
    found = guinier(blurred, PIXEL_A, to_A=3.2)
    assert found.b_factor_A2 == pytest.approx(b, abs=2.0)
    assert found.correlation > 0.98


def test_noise_of_the_halves_does_not_lower_the_b_factor_when_the_fsc_is_given():
    signal = apply_b_factor(10 * noise(), 200.0, PIXEL_A)
    half1, half2 = signal + noise(1), signal + noise(2)
    mean = (half1 + half2) / 2
    without = guinier(mean, PIXEL_A, to_A=4.5)
    found = guinier(mean, PIXEL_A, to_A=4.5, fsc=fsc(half1, half2))
    assert without.b_factor_A2 < 185
    assert found.b_factor_A2 == pytest.approx(200, abs=8)


def test_blurring_and_sharpening_by_as_much_changes_nothing():
    there = apply_b_factor(noise(), 40.0, PIXEL_A)
    assert torch.allclose(apply_b_factor(there, -40.0, PIXEL_A), noise(), atol=1e-2)


def test_too_few_shells_are_refused():
    with pytest.raises(CryoAIError, match="fewer than three shells"):
        guinier(noise(), PIXEL_A, to_A=9.8)


def test_the_weight_of_a_shell_is_one_where_the_halves_agree_and_zero_from_where_they_do_not():
    weight = fsc_weight(torch.tensor([0.0, 1.0, 0.5, 0.0, 0.5]))
    assert weight.tolist() == pytest.approx([1, 1, (2 / 3) ** 0.5, 0, 0])


def test_the_weighted_sum_is_nearest_to_the_truth():
    """The weight is that of a Wiener filter up to its square: it is the expected correlation."""
    truth = apply_b_factor(5 * noise(), 100.0, PIXEL_A)
    half1, half2 = truth + noise(1), truth + noise(2)
    expected = fsc((half1 + half2) / 2, truth)
    found = fsc_weight(fsc(half1, half2))
    assert torch.allclose(found[5:20], expected[5:20], atol=0.05)


def test_a_sharpened_map_has_a_flat_spectrum_up_to_its_resolution_and_nothing_beyond():
    blurred = apply_b_factor(noise(), 90.0, PIXEL_A)
    spectrum = power_spectrum(sharpened(blurred, PIXEL_A, b_factor_A2=90.0, resolution_A=4.0))
    last = int(N * PIXEL_A / 4.0)
    assert (spectrum[4 : last - 1] / N**3 - 1).abs().max() < 0.2
    assert spectrum[last + 3 :].max() / N**3 < 1e-3
