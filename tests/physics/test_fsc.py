"""Facts about Fourier shell correlation."""

import math

import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.physics.fourier import to_fourier
from napari_cryoai.physics.fsc import (
    FscCurve,
    fsc,
    half_map_fsc,
    masked_fsc,
    randomise_phases,
    resolution_at,
)
from napari_cryoai.physics.radial import power_spectrum, shell_sums, weighted


def noise(seed, n=32):
    return torch.randn(n, n, n, generator=torch.Generator().manual_seed(seed))


def ball(n, radius, edge=2.0):
    axis = torch.arange(n) - n // 2
    r = (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2).sqrt()
    return ((radius + edge - r) / edge).clamp(0, 1)


@pytest.mark.parametrize("n", [15, 16])
def test_a_map_correlates_with_itself_to_one_whatever_its_scale(n):
    assert torch.allclose(fsc(noise(0, n), 3 * noise(0, n)), torch.ones(n // 2 + 1).double())


def test_independent_noise_does_not_correlate():
    counts = shell_sums(torch.ones(32, 32, 17), (32, 32, 32))
    independent = (counts / 2).clamp(min=1)  # a frequency and its opposite are one
    found = torch.stack([fsc(noise(2 * i), noise(2 * i + 1)) for i in range(40)])
    spread = found.std(0) * (2 * independent).sqrt()
    assert (found.mean(0).abs()[1:] * (2 * independent * 40).sqrt()[1:] < 3.5).all()
    assert (spread[1:] - 1).abs().max() < 0.5


def test_signal_and_noise_of_equal_power_correlate_to_a_half():
    signal = noise(0)
    found = fsc(signal + noise(1), signal + noise(2))
    assert found[6:].mean() == pytest.approx(0.5, abs=0.02)


def test_a_shift_of_one_map_lowers_it_more_at_high_frequency():
    found = fsc(noise(0), noise(0).roll(1, 0))
    assert (found[2] > 0.9) and (found[-1] < 0.1)


def test_batches_are_the_maps_one_by_one():
    a, b = torch.stack([noise(0), noise(1)]), torch.stack([noise(1), noise(0) + noise(1)])
    assert torch.allclose(fsc(a, b)[1], fsc(a[1], b[1]), atol=1e-6)


def test_it_is_differentiable():
    a = noise(0, 8).double().requires_grad_()
    b = noise(1, 8).double()
    assert torch.autograd.gradcheck(lambda a: fsc(a, b).sum(), a)


def test_different_boxes_and_lost_values_are_refused():
    with pytest.raises(CryoAIError, match="boxes of the maps differ: 8 x 8 x 8 and 9 x 9 x 9"):
        fsc(noise(0, 8), noise(0, 9))
    with pytest.raises(CryoAIError, match="not finite"):
        fsc(noise(0, 8), noise(0, 8) / 0 - math.inf)


def test_an_empty_map_correlates_with_nothing():
    assert (fsc(torch.zeros(8, 8, 8), noise(0, 8)) == 0).all()


def test_resolution_lies_between_the_shells_where_the_curve_crosses():
    curve = torch.tensor([1.0, 1.0, 0.9, 0.5, 0.1, 0.4, 0.0, 0.0, 0.0])
    assert resolution_at(curve, 2.0, 0.5) == pytest.approx(16 * 2 / 3)
    assert resolution_at(curve, 2.0, 0.3) == pytest.approx(16 * 2 / 3.5)
    assert resolution_at(torch.ones(9), 2.0) == pytest.approx(4.0)
    assert resolution_at(torch.ones(9), 2.0, box=17) == pytest.approx(17 * 2 / 8)
    assert resolution_at(torch.zeros(9), 2.0) == math.inf


def test_the_curve_knows_its_frequencies():
    curve = FscCurve(torch.ones(9), 16, 2.0)
    assert curve.frequencies[-1] == pytest.approx(0.25)
    assert curve.resolution_A() == pytest.approx(4.0)


def test_random_phases_keep_amplitudes_and_what_lies_below():
    a = noise(0)
    b = randomise_phases(a, 6, seed=1)
    assert torch.allclose(power_spectrum(b), power_spectrum(a), rtol=1e-3)
    assert torch.allclose(to_fourier(b, 3).abs(), to_fourier(a, 3).abs(), atol=1e-2)
    correlation = fsc(a, b)
    assert correlation[:6].min() > 1 - 1e-5
    assert correlation[6:].abs().max() < 0.15
    assert torch.equal(b, randomise_phases(a, 6, seed=1))
    assert not torch.equal(b, randomise_phases(a, 6, seed=2))


def halves(n=48, cutoff=10):
    """Two noisy maps of one structure that ends at shell `cutoff`."""
    signal = noise(0, n) * ball(n, n / 6)
    curve = (torch.arange(n // 2 + 1) <= cutoff).float()
    signal = 20 * weighted(signal, curve)
    return signal + noise(1, n), signal + noise(2, n)


def test_what_a_tight_mask_correlates_is_taken_out_again():
    one, two = halves()
    mask = ball(48, 6, 1)
    found = half_map_fsc(one, two, 1.0, mask)
    beyond = slice(15, None)
    assert found.masked.values[beyond].mean() > 0.1  # noise made alike by the mask's sharp edge
    assert found.corrected.values[beyond].abs().mean() < 0.1
    assert found.best is found.corrected
    assert 6 <= found.randomised_from <= 12
    assert torch.equal(found.corrected.values[:8], found.masked.values[:8])
    assert found.corrected.resolution_A() > found.masked.resolution_A() * 1.05


def test_without_a_mask_there_is_one_curve_and_it_makes_the_table():
    found = half_map_fsc(*halves(), 1.5)
    assert found.best is found.unmasked
    header, *rows = found.rows()
    assert header == ("shell", "frequency_per_A", "resolution_A", "unmasked")
    assert len(rows) == 25
    assert rows[0][2] == "inf" and float(rows[-1][2]) == pytest.approx(3.0)
    assert [len(row) for row in rows] == [4] * 25


def test_equal_halves_need_no_correction():
    found = half_map_fsc(noise(0), noise(0), 1.0, ball(32, 8))
    assert found.randomised is None
    assert found.best.resolution_A() == pytest.approx(2.0)


def test_a_mask_around_the_structure_raises_the_correlation():
    one, two = halves()
    mask = ball(48, 12, 6)
    assert masked_fsc(one, two, mask)[3:9].mean() > fsc(one, two)[3:9].mean()
