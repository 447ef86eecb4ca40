"""Contrast transfer, against numbers worked out by hand."""

import numpy as np
import pytest

from napari_cryoai.physics.ctf import CTF, electron_wavelength_A, frequencies


@pytest.mark.parametrize(("voltage_kV", "wavelength_A"), [(200, 0.02508), (300, 0.01969)])
def test_wavelength_is_the_textbook_one(voltage_kV, wavelength_A):
    assert electron_wavelength_A(voltage_kV) == pytest.approx(wavelength_A, abs=1e-5)


def at(ctf, *frequencies_per_A, angle_deg=0.0):
    g = np.array(frequencies_per_A, np.float32)
    angle = np.deg2rad(angle_deg)
    return ctf.at(g * np.float32(np.sin(angle)), g * np.float32(np.cos(angle)))


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


@pytest.mark.parametrize("shape", [(8, 8), (7, 9)])
def test_frequencies_fit_the_real_transform_and_end_at_nyquist(shape):
    gy, gx = frequencies(shape, 2.0)
    assert np.broadcast_shapes(gy.shape, gx.shape) == np.fft.rfft2(np.zeros(shape)).shape
    assert max(np.abs(gy).max(), gx.max()) <= 0.25
