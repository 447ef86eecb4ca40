"""Contrast transfer, against numbers worked out by hand."""

import numpy as np
import pytest
import torch

from napari_cryoai.physics.ctf import CTF, electron_wavelength_A
from napari_cryoai.physics.fourier import frequencies


@pytest.mark.parametrize(("voltage_kV", "wavelength_A"), [(200, 0.02508), (300, 0.01969)])
def test_wavelength_is_the_textbook_one(voltage_kV, wavelength_A):
    assert electron_wavelength_A(voltage_kV) == pytest.approx(wavelength_A, abs=1e-5)


def at(ctf, *frequencies_per_A, angle_deg=0.0):
    g = torch.tensor(frequencies_per_A, dtype=torch.float64)
    angle = np.deg2rad(angle_deg)
    return ctf.at(g * np.sin(angle), g * np.cos(angle)).numpy()


def test_at_zero_frequency_only_amplitude_contrast_is_left_and_density_is_dark():
    assert at(CTF(15_000.0, amplitude_contrast=0.1), 0.0)[0] == pytest.approx(-0.1, abs=1e-6)


def test_without_aberration_zeros_lie_where_wavelength_times_defocus_makes_whole_numbers():
    ctf = CTF(20_000.0, cs_mm=0.0, amplitude_contrast=0.0)
    zeros = np.sqrt(np.arange(1, 20) / (electron_wavelength_A(300) * 20_000.0))
    assert np.abs(at(ctf, *zeros)).max() < 1e-4


def test_the_published_formula_in_double_precision():
    ctf = CTF(17_000.0, 900.0, 25.0, 200.0, 2.0, 0.08, 30.0)
    g, angle = 0.11, np.deg2rad(70.0)
    wavelength = electron_wavelength_A(200.0)
    defocus = (17_450.0 + 16_550.0 + 900.0 * np.cos(2 * (angle - np.deg2rad(25.0)))) / 2
    chi = np.pi * wavelength * g**2 * (defocus - 0.5 * wavelength**2 * g**2 * 2.0e7)
    expected = -np.sin(chi + np.deg2rad(30.0) + np.arctan(0.08 / np.sqrt(1 - 0.08**2)))
    assert at(ctf, g, angle_deg=70.0)[0] == pytest.approx(expected, abs=1e-4)


def test_the_larger_defocus_lies_along_the_angle_of_astigmatism():
    along = at(CTF(20_000.0, 1_000.0, 40.0), 0.05, angle_deg=40.0)
    across = at(CTF(20_000.0, 1_000.0, 40.0), 0.05, angle_deg=130.0)
    assert along == pytest.approx(at(CTF(20_500.0), 0.05), abs=1e-4)
    assert across == pytest.approx(at(CTF(19_500.0), 0.05), abs=1e-4)


def test_a_batch_is_the_same_as_one_by_one():
    grid = frequencies((9, 8), 1.3)
    defocus, astigmatism, angle = torch.tensor([[9e3, 2e4], [500.0, -300.0], [10.0, 200.0]])
    batch = CTF(defocus, astigmatism, angle, b_factor_A2=torch.tensor([0.0, 90.0])).at(*grid)
    assert batch.shape == (2, 9, 5)
    for i, b in enumerate((0.0, 90.0)):
        one = CTF(*(float(v[i]) for v in (defocus, astigmatism, angle)), b_factor_A2=b).at(*grid)
        assert torch.allclose(batch[i], one, atol=1e-5)


def test_the_principal_defoci_of_files_are_mean_and_difference():
    u, v, angle = torch.tensor([[11_000.0], [10_000.0], [30.0]])
    grid = frequencies((16, 16), 2.0)
    swapped = CTF.of_principal(v, u, angle + 90).at(*grid)
    assert torch.allclose(CTF.of_principal(u, v, angle).at(*grid), swapped, atol=1e-4)


def test_defocus_has_a_gradient():
    defocus = torch.tensor([15_000.0], requires_grad=True)
    CTF(defocus).at(*frequencies((8, 8), 2.0)).sum().backward()
    assert defocus.grad is not None
    assert torch.isfinite(defocus.grad).all()
