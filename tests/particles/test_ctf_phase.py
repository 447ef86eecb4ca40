"""The CTF in numpy is the CTF in torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cryoai.particles.ctf_phase import (
    Optics,
    directed_defocus_A,
    principal_defoci,
    turns,
    wavelength_A,
)
from napari_cryoai.physics.ctf import CTF, electron_wavelength_A
from napari_cryoai.physics.fourier import frequencies


@pytest.mark.parametrize("voltage_kV", [80.0, 200.0, 300.0])
def test_the_wavelength_is_that_of_physics(voltage_kV: float) -> None:
    assert wavelength_A(voltage_kV) == pytest.approx(electron_wavelength_A(voltage_kV), rel=1e-12)


@pytest.mark.parametrize("defocus_A", [4_000.0, 19_000.0, 45_000.0])
@pytest.mark.parametrize("angle_deg", [0.0, 37.0, 141.0])
@pytest.mark.parametrize("phase_shift_deg", [0.0, 80.0])
def test_it_equals_the_ctf_of_physics(
    defocus_A: float, angle_deg: float, phase_shift_deg: float
) -> None:
    astigmatism_A = 1_300.0
    gy, gx = frequencies((64, 64), 1.5, dtype=torch.float64)
    truth = CTF(defocus_A, astigmatism_A, angle_deg, 200.0, 2.0, 0.08, phase_shift_deg)
    twice = np.radians(2 * angle_deg)
    yx_A = (astigmatism_A / 2 * np.sin(twice), astigmatism_A / 2 * np.cos(twice))
    y, x = np.broadcast_arrays(gy.numpy(), gx.numpy())
    directed = directed_defocus_A(defocus_A, yx_A, turns(y, x))
    phase = Optics(200.0, 2.0, 0.08).phase(directed, x**2 + y**2, np.radians(phase_shift_deg))
    np.testing.assert_allclose(-np.sin(phase), truth.at(gy, gx).numpy(), atol=1e-6)


def test_equal_phases_are_equal() -> None:
    optics = Optics(300.0, 2.7, 0.1)
    g2 = np.linspace(1e-4, 0.1, 50)
    directed = np.linspace(17_000, 19_000, 50)
    same = optics.same_phase(18_000.0, directed, g2)
    np.testing.assert_allclose(optics.phase(18_000.0, same), optics.phase(directed, g2), atol=1e-8)


def test_without_spherical_aberration_rings_scale_with_the_defocus() -> None:
    optics = Optics(300.0, 0.0, 0.1)
    same = optics.same_phase(10_000.0, np.array([20_000.0]), np.array([0.01]))
    np.testing.assert_allclose(same, 0.02)


def test_a_phase_that_no_frequency_reaches_has_no_equal() -> None:
    # The spherical aberration bends the phase back: 500 A of underfocus reach a small one only.
    same = Optics().same_phase(500.0, np.array([60_000.0]), np.array([0.04]))
    assert np.isnan(same).all()


@pytest.mark.parametrize(("u", "v", "angle"), [(21e3, 20e3, 10.0), (9e3, 8e3, 170.0)])
def test_principal_defoci_are_found_again(u: float, v: float, angle: float) -> None:
    twice = np.radians(2 * angle)
    yx_A = ((u - v) / 2 * np.sin(twice), (u - v) / 2 * np.cos(twice))
    assert principal_defoci((u + v) / 2, yx_A) == pytest.approx((u, v, angle))
