"""Estimates of the CTF against truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.particles.ctf_estimation import CtfFit, CtfParams, estimate_ctf
from napari_cryoai.physics.ctf import CTF
from napari_cryoai.physics.simulators.micrographs import MicrographModel, simulate_micrograph

Rings = Callable[..., np.ndarray]

DATA = Path(__file__).parents[3] / "shared" / "data" / "micrographs"


def angle_between(a_deg: float, b_deg: float) -> float:
    return abs((a_deg - b_deg + 90) % 180 - 90)


def check(fit: CtfFit, truth: CTF, percent: float = 1.0, degrees: float = 5.0) -> None:
    assert fit.defocus_A == pytest.approx(truth.defocus_A, rel=percent / 100)
    assert angle_between(fit.defocus_angle_deg, float(truth.astigmatism_angle_deg)) < degrees


@pytest.mark.parametrize(
    ("defocus_A", "astigmatism_A", "angle_deg", "pixel_size_A"),
    [
        (5_500.0, 900.0, 20.0, 1.1),
        (9_000.0, 500.0, 95.0, 1.7),
        (18_000.0, 1_400.0, 160.0, 1.4),
        (32_000.0, 2_200.0, 60.0, 1.9),
    ],
)
def test_defocus_and_astigmatism_are_found(
    noise_with_rings: Rings,
    defocus_A: float,
    astigmatism_A: float,
    angle_deg: float,
    pixel_size_A: float,
) -> None:
    truth = CTF(defocus_A, astigmatism_A, angle_deg, amplitude_contrast=0.1, b_factor_A2=80.0)
    fit = estimate_ctf(noise_with_rings(truth, pixel_size_A), pixel_size_A)
    check(fit, truth)
    assert fit.defocus_u_A - fit.defocus_v_A == pytest.approx(astigmatism_A, abs=150)
    assert fit.fit_resolution_A < 7


def test_particles_do_not_mislead_it() -> None:
    model = MicrographModel(
        shape=(1400, 1400), kind="shell", diameter_A=125.0, count=250, snr=0.1, astigmatism_A=800.0
    )
    fit = estimate_ctf(simulate_micrograph(model, 3).image, model.pixel_size_A)
    check(fit, model.ctf)


def test_no_rings_no_trust(noise_with_rings: Rings) -> None:
    noise = np.random.default_rng(1).normal(size=(1400, 1400))
    fit = estimate_ctf(noise, 1.4)
    assert fit.score < 0.1
    assert fit.fit_resolution_A == pytest.approx(30)
    rings = estimate_ctf(noise_with_rings(CTF(15_000.0, b_factor_A2=100.0)), 1.4)
    assert rings.score > 2 * fit.score


def test_blurred_micrographs_fit_to_a_coarser_resolution(noise_with_rings: Rings) -> None:
    sharp, blurred = (
        estimate_ctf(noise_with_rings(CTF(15_000.0, b_factor_A2=b)), 1.4) for b in (40.0, 300.0)
    )
    assert sharp.fit_resolution_A < blurred.fit_resolution_A - 2 < 15
    assert sharp.score > blurred.score


def test_a_wrong_pixel_size_scales_the_defocus_with_its_square(noise_with_rings: Rings) -> None:
    pixels = noise_with_rings(CTF(20_000.0, cs_mm=0.0, amplitude_contrast=0.1, b_factor_A2=80.0))
    params = CtfParams(cs_mm=0.0)
    right, wrong = estimate_ctf(pixels, 1.4, params), estimate_ctf(pixels, 1.4 * 1.1, params)
    assert wrong.defocus_A / right.defocus_A == pytest.approx(1.1**2, rel=0.01)


def test_a_turned_micrograph_has_turned_astigmatism(noise_with_rings: Rings) -> None:
    pixels = noise_with_rings(CTF(15_000.0, 1_000.0, 25.0, b_factor_A2=80.0))
    turned = estimate_ctf(np.rot90(pixels), 1.4)
    mirrored = estimate_ctf(pixels[::-1], 1.4)
    assert angle_between(turned.defocus_angle_deg, 115.0) < 5
    assert angle_between(mirrored.defocus_angle_deg, 155.0) < 5


def test_without_astigmatism_both_defoci_are_one(noise_with_rings: Rings) -> None:
    truth = CTF(15_000.0, 0.0, b_factor_A2=80.0)
    fit = estimate_ctf(noise_with_rings(truth), 1.4, CtfParams(astigmatism=False))
    assert fit.defocus_u_A == fit.defocus_v_A
    assert fit.defocus_A == pytest.approx(15_000, rel=0.01)


def test_a_phase_plate_is_found(noise_with_rings: Rings) -> None:
    truth = CTF(12_000.0, 400.0, 70.0, amplitude_contrast=0.1, phase_shift_deg=75.0)
    fit = estimate_ctf(noise_with_rings(truth), 1.4, CtfParams(phase_plate=True))
    assert fit.phase_shift_deg == pytest.approx(75, abs=8)
    check(fit, truth, percent=1.5)


def test_large_pixels_are_fitted_as_far_as_they_go(noise_with_rings: Rings) -> None:
    truth = CTF(20_000.0, 800.0, 45.0, b_factor_A2=80.0)
    fit = estimate_ctf(noise_with_rings(truth, 3.5), 3.5)
    assert fit.fitted_A[1] == pytest.approx(7 / 0.95)
    check(fit, truth)


def test_it_gives_the_same_twice(noise_with_rings: Rings) -> None:
    pixels = noise_with_rings(CTF(15_000.0, 600.0, 25.0))
    one, other = estimate_ctf(pixels, 1.4), estimate_ctf(pixels, 1.4)
    assert (one.defocus_u_A, one.score) == (other.defocus_u_A, other.score)


@pytest.mark.parametrize(
    ("params", "pixel_size_A", "problem"),
    [
        (CtfParams(min_defocus_A=20_000, max_defocus_A=10_000), 1.4, "not below"),
        (CtfParams(), 14.0, "nothing to fit"),
        (CtfParams(low_resolution_A=5.0, high_resolution_A=6.0), 1.4, "nothing to fit"),
    ],
)
def test_what_cannot_be_fitted_is_said(
    params: CtfParams, pixel_size_A: float, problem: str
) -> None:
    pixels = np.random.default_rng(0).normal(size=(800, 800))
    with pytest.raises(CryoAIError, match=problem):
        estimate_ctf(pixels, pixel_size_A, params)


@pytest.mark.skipif(not DATA.is_dir(), reason="the real micrographs are not at hand")
def test_rings_of_real_micrographs_fit_to_6_A() -> None:
    paths = sorted(DATA.glob("May08*"))
    micrographs, _ = open_micrographs(paths, pixel_size_A=1.5)
    assert len(micrographs) == 6
    fits = [estimate_ctf(m.read(), 1.5, CtfParams(amplitude_contrast=0.07)) for m in micrographs]
    for fit in fits:
        assert 15_000 < fit.defocus_A < 26_000
        assert fit.fit_resolution_A <= 6.0
    # One session, one stigmator: the astigmatism points the same way on all of them.
    angles = [fit.defocus_angle_deg for fit in fits]
    assert max(angle_between(a, float(np.median(angles))) for a in angles) < 25


@pytest.mark.skipif(not DATA.is_dir(), reason="the real micrographs are not at hand")
def test_halves_of_a_real_micrograph_agree() -> None:
    (micrograph,), _ = open_micrographs([next(DATA.glob("May08_05.35*"))], pixel_size_A=1.5)
    pixels = micrograph.read()
    top, bottom = (estimate_ctf(half, 1.5) for half in (pixels[:640], pixels[-640:]))
    assert top.defocus_A == pytest.approx(bottom.defocus_A, rel=0.02)
