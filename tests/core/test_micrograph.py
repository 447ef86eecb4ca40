"""A micrograph is its header until its pixels are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph


def test_the_pixels_are_read_only_when_asked_for():
    reads = []

    def load() -> np.ndarray:
        reads.append(1)
        return np.ones((4, 6))

    micrograph = Micrograph("a.mrc", Path("a.mrc"), (4, 6), 1.5, load)
    assert (micrograph.shape, micrograph.pixel_size_A, reads) == ((4, 6), 1.5, [])
    assert micrograph.read().shape == micrograph.shape
    assert reads == [1]


def test_a_missing_pixel_size_is_asked_for_never_guessed():
    micrograph = Micrograph("a.mrc", Path("a.mrc"), (4, 6), None, lambda: np.ones((4, 6)))
    with pytest.raises(CryoAIError, match=r"a\.mrc: the pixel size is missing .*--pixel-size-A"):
        micrograph.require_pixel_size()
    assert micrograph.with_pixel_size(1.77).require_pixel_size() == 1.77
    assert micrograph.pixel_size_A is None
