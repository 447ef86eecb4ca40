"""CTF values against the rings of a micrograph made with known ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.particles.ctf_phase import Optics, directed_defocus_A, turns
from napari_cryoai.particles.ctf_review import COARSEST_A, review_pixels

PIXEL_A = 2.0
TRUE = MicrographCtf("m.mrc", 16_500.0, 15_500.0, 30.0, 300.0, 2.7, 0.1, PIXEL_A, 0.0, 0.2, 5.0)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """White noise seen through the true CTF."""
    n = 800
    gy, gx = np.meshgrid(np.fft.fftfreq(n, PIXEL_A), np.fft.rfftfreq(n, PIXEL_A), indexing="ij")
    half, angle = TRUE.astigmatism_A / 2, np.radians(2 * TRUE.defocus_angle_deg)
    yx = (half * np.sin(angle), half * np.cos(angle))
    directed = directed_defocus_A(TRUE.defocus_A, yx, turns(gy, gx))
    phase = Optics(300.0, 2.7, 0.1).phase(directed, gy**2 + gx**2)
    noise = np.fft.rfft2(np.random.default_rng(3).normal(0, 1, (n, n)))
    return np.fft.irfft2(noise * np.sin(phase), (n, n)).astype(np.float32)


def halves_agree(pixels: np.ndarray, ctf: MicrographCtf) -> float:
    """Correlation of the measured half with the model half, turned about the centre."""
    review = review_pixels(pixels, ctf)
    n = len(review.rings)
    middle = n // 2
    y, x = np.mgrid[:n, :n] - middle
    g = np.hypot(y, x) / middle * review.largest
    inside = (x < 0) & (g > 1 / 15) & (g < 1 / 6)
    turned = review.rings[::-1, ::-1]  # the model is the same at opposite frequencies
    return float(np.corrcoef(review.rings[inside], turned[inside])[0, 1])


def test_the_two_halves_continue_each_other_for_the_true_values_alone(pixels: np.ndarray) -> None:
    right = halves_agree(pixels, TRUE)
    assert right > 0.6
    for wrong in (
        replace(TRUE, defocus_u_A=18_500.0, defocus_v_A=17_500.0),
        replace(TRUE, defocus_angle_deg=120.0),
        replace(TRUE, pixel_size_A=2.2),
    ):
        assert halves_agree(pixels, wrong) < 0.75 * right


def test_the_curves_agree_for_the_true_values(pixels: np.ndarray) -> None:
    review = review_pixels(pixels, TRUE)
    assert np.median(review.agreement) > 0.9
    assert review.g[0] >= 1 / COARSEST_A
    assert review.g[-1] <= review.largest
    assert {len(review.measured), len(review.model), len(review.agreement)} == {len(review.g)}


def test_it_looks_somewhat_further_than_the_rings_fit(pixels: np.ndarray) -> None:
    assert 1 / review_pixels(pixels, TRUE).largest < 5.0
    far = review_pixels(pixels, replace(TRUE, fit_resolution_A=4.2))
    assert 1 / far.largest >= 2 * PIXEL_A  # but not further than the pixels go
    untold = review_pixels(pixels, replace(TRUE, fit_resolution_A=float("nan")))
    assert 1 / untold.largest <= 5.0


def test_a_blank_micrograph_is_refused() -> None:
    with pytest.raises(CryoAIError, match="same value everywhere"):
        review_pixels(np.zeros((800, 800), np.float32), TRUE)
