"""Noise seen through a known CTF: the quickest thing with Thon rings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from napari_cryoai.physics.ctf import CTF
from napari_cryoai.physics.fourier import frequencies


@pytest.fixture(scope="session")
def noise_with_rings() -> Callable[..., np.ndarray]:
    """A micrograph of a given CTF."""
    return _noise_with_rings


def _noise_with_rings(
    ctf: CTF,
    pixel_size_A: float = 1.4,
    shape: tuple[int, int] = (1200, 1400),
    *,
    strength: float = 0.7,
    seed: int = 0,
) -> np.ndarray:
    """A specimen of white noise recorded through `ctf`, and the noise of a detector."""
    rng = np.random.default_rng(seed)
    gy, gx = frequencies(shape, pixel_size_A, dtype=torch.float64)
    spectrum = np.fft.rfft2(rng.normal(size=shape)) * ctf.at(gy, gx).numpy()
    image = strength * np.fft.irfft2(spectrum, s=shape) + rng.normal(size=shape)
    return (image + 50).astype(np.float32)
