"""Contrast transfer, against numbers worked out by hand."""

from dataclasses import replace

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


@pytest.mark.parametrize(("shape", "seed"), [((64, 64), 0), ((65, 63), 1), ((40, 41), 2)])
def test_it_agrees_with_the_formula_of_ctffind(shape, seed):
    """Rohou and Grigorieff 2015, equations 2 to 5, with two principal defoci as they are there."""
    rng = np.random.default_rng(seed)
    u, v, angle = rng.uniform(15_000, 20_000), rng.uniform(10_000, 15_000), rng.uniform(0, 180)
    voltage_kV, cs_mm, contrast, shift = rng.choice([200.0, 300.0]), 2.0, 0.08, rng.uniform(0, 90)
    fy = np.fft.fftfreq(shape[0], 1.3)[:, None]
    fx = np.fft.rfftfreq(shape[1], 1.3)[None, :]
    wavelength = electron_wavelength_A(voltage_kV)
    towards = np.arctan2(fy, fx) - np.deg2rad(angle)
    defocus = (u + v + (u - v) * np.cos(2 * towards)) / 2
    g2 = fy**2 + fx**2
    chi = np.pi * wavelength * g2 * (defocus - 0.5 * wavelength**2 * g2 * cs_mm * 1e7)
    extra = np.deg2rad(shift) + np.arctan(contrast / np.sqrt(1 - contrast**2))
    ctf = CTF.of_principal(
        torch.tensor([u], dtype=torch.float64),
        torch.tensor([v], dtype=torch.float64),
        torch.tensor([angle], dtype=torch.float64),
        voltage_kV=float(voltage_kV),
        cs_mm=cs_mm,
        amplitude_contrast=contrast,
        phase_shift_deg=float(shift),
    )
    found = ctf.at(*frequencies(shape, 1.3, dtype=torch.float64))[0].numpy()
    assert np.abs(found + np.sin(chi + extra)).max() < 1e-6


@pytest.mark.parametrize(("defocus_um", "pixel_A", "error"), [(0.5, 4.0, 3e-5), (2.5, 1.1, 3e-4)])
def test_it_agrees_with_torch_ctf(defocus_um, pixel_A, error):
    """Up to sign, and to float32, which torch-ctf computes in: hundreds of radians in the end."""
    torch_ctf = pytest.importorskip("torch_ctf")
    for shape in ((64, 64), (65, 63)):
        theirs = torch_ctf.calculate_ctf_2d(
            *(torch.tensor(value) for value in (defocus_um, 0.1, 35.0, 300.0, 2.7, 0.1, 10.0)),
            torch.tensor(pixel_A),
            shape,
            rfft=True,
            fftshift=False,
        )
        ctf = CTF(torch.tensor([1e4 * defocus_um]), 2000.0, 35.0, phase_shift_deg=10.0)
        ours = replace(ctf, amplitude_contrast=0.1).at(
            *frequencies(shape, pixel_A, dtype=torch.float64)
        )
        assert (ours[0] + theirs).abs().max() < error


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
