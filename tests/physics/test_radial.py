"""Shells of a half transform."""

import pytest
import torch

from napari_cryoai.physics.fourier import shells, to_fourier
from napari_cryoai.physics.radial import at_radius, power_spectrum, shell_sums, weighted


@pytest.mark.parametrize("n", [8, 9])
def test_the_half_that_is_kept_counts_for_both_halves(n):
    real = torch.randn(n, n, n, dtype=torch.float64)
    whole = torch.fft.fftn(real).abs() ** 2
    g = torch.fft.fftfreq(n, dtype=torch.float64) * n
    r = (g[:, None, None] ** 2 + g[:, None] ** 2 + g**2).sqrt().round().long()
    expected = torch.stack([whole[r == k].sum() for k in range(n // 2 + 1)])
    assert torch.allclose(shell_sums(to_fourier(real, 3).abs() ** 2, (n, n, n)), expected)


def test_shells_are_those_of_the_transforms():
    shape = (10, 10, 10)
    ones = torch.ones(10, 10, 6)
    counts = shell_sums(ones, shape)
    assert counts[0] == 1
    assert counts[1] == 18  # the 26 neighbours of the origin without the corners of their cube
    both = torch.tensor([1.0, 2, 2, 2, 2, 1])
    assert counts[4] == ((shells(shape) == 4) * both).sum()


def test_white_noise_has_a_flat_spectrum():
    noise = torch.randn(2, 32, 32, 32, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(power_spectrum(noise)[:, 4:] / 32**3, torch.ones(()).double(), atol=0.1)


@pytest.mark.parametrize("shape", [(8, 8, 8), (9, 9, 9), (8, 10, 7)])
def test_a_curve_of_ones_changes_nothing(shape):
    maps = torch.randn(2, *shape)
    assert torch.allclose(weighted(maps, torch.ones(max(shape) // 2 + 1)), maps, atol=1e-5)


def test_curves_are_linear_between_shells_and_constant_beyond():
    curve = torch.tensor([0.0, 1.0, 3.0])
    found = at_radius(curve, torch.tensor([0.0, 0.25, 1.5, 2.0, 9.0]))
    assert torch.allclose(found, torch.tensor([0.0, 0.25, 2.0, 3.0, 3.0]))
