"""Power spectra of micrographs."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.particles.power_spectrum import power_spectrum


def noise(shape: tuple[int, int] = (1100, 1300), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_white_noise_has_a_flat_spectrum() -> None:
    spectrum = power_spectrum(noise(), 1.4)
    radial = spectrum.radial_average(spectrum.whitened)[50:]
    assert np.abs(radial).max() < 0.1
    assert spectrum.rejected == 0


def test_waves_are_found_at_their_frequency() -> None:
    y, x = np.mgrid[:1200, :1200]
    pixels = noise((1200, 1200)) + 3 * np.cos(2 * np.pi * 1.25 * (0.6 * y + 0.8 * x) / 10)
    spectrum = power_spectrum(pixels, 1.25)
    row, column = np.unravel_index(spectrum.whitened.argmax(), spectrum.power.shape)
    gy, gx = spectrum.g
    assert (gy[row, 0], gx[0, column]) == pytest.approx((0.06, 0.08), abs=spectrum.step / 2)


def test_grey_values_and_their_offset_do_not_matter() -> None:
    pixels = noise()
    one, other = power_spectrum(pixels, 1.4), power_spectrum(500 + 20 * pixels, 1.4)
    np.testing.assert_allclose(one.whitened, other.whitened, rtol=1e-3, atol=1e-3)


def test_a_fine_pixel_is_binned() -> None:
    fine = power_spectrum(noise((2000, 2000)), 0.7)
    assert fine.nyquist == pytest.approx(1 / 2.8, rel=0.01)
    assert power_spectrum(noise(), 2.0).nyquist == pytest.approx(1 / 4.0)


def test_contamination_is_left_out() -> None:
    pixels = noise((1800, 1800))
    pixels[:500, :500] *= 30
    spectrum = power_spectrum(pixels, 1.4)
    assert 1 <= spectrum.rejected < spectrum.patches
    radial = spectrum.radial_average(spectrum.whitened)[50:]
    assert np.abs(radial).max() < 0.1


def test_blank_corners_are_left_out() -> None:
    pixels = noise((1800, 1800))
    pixels[:900, :900] = 7
    spectrum = power_spectrum(pixels, 1.4)
    assert spectrum.rejected >= 1
    assert np.isfinite(spectrum.whitened).all()


def test_a_blank_micrograph_is_refused() -> None:
    with pytest.raises(CryoAIError, match="same value everywhere"):
        power_spectrum(np.full((1000, 1000), 3, np.int16), 1.4)


def test_a_tiny_micrograph_is_refused() -> None:
    with pytest.raises(CryoAIError, match="too small"):
        power_spectrum(noise((128, 128)), 1.4)
