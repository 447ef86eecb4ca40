"""What is put on the screen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.ui.micrographs.images import View, ViewCache, bin_mean, filtered_copy, make_view


def test_binning_averages_blocks() -> None:
    pixels = np.arange(24, dtype=np.uint16).reshape(4, 6)
    assert bin_mean(pixels, 2).tolist() == [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]]


def test_the_filtered_copy_lies_exactly_on_the_micrograph() -> None:
    """A dark spot is found at the same place in Angstrom, whatever the binning."""
    y, x = np.mgrid[:600, :800]
    pixels = 10 - 5 * np.exp(-((y - 203.0) ** 2 + (x - 501.0) ** 2) / (2 * 20.0**2))
    small, binning = filtered_copy(pixels.astype(np.float32), 1.0)
    assert binning == 5
    weight = np.clip(-small - 1, 0, None)
    yx = [np.average(np.arange(n), weights=weight.sum(1 - i)) for i, n in enumerate(small.shape)]
    found = np.array(yx) * binning + (binning - 1) / 2
    assert found == pytest.approx([203, 501], abs=0.5)


def test_the_filtered_copy_has_an_even_background() -> None:
    ramp = np.linspace(0, 100, 2000)[None, :] + np.zeros((2000, 1))
    noise = np.random.default_rng(0).normal(size=ramp.shape)
    small, _ = filtered_copy((ramp + noise).astype(np.float32), 2.0)
    left, right = small[:, 200:300].mean(), small[:, -300:-200].mean()
    assert abs(left - right) < 2


def test_pixels_that_are_shown_as_recorded_are_not_copied() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    micrograph = Micrograph("a", Path("a"), (64, 64), 1.0, lambda: pixels)
    view = make_view(micrograph, filtered=False)
    assert view.pixels is pixels
    assert view.binning == 1
    assert view.limits[0] < view.limits[1]


def test_a_blank_micrograph_has_limits_too() -> None:
    micrograph = Micrograph("a", Path("a"), (64, 64), None, lambda: np.zeros((64, 64), np.uint8))
    for filtered in (True, False):
        low, high = make_view(micrograph, filtered=filtered).limits
        assert low < high


def test_the_cache_forgets_what_was_used_the_longest_ago() -> None:
    cache = ViewCache(2)
    views = [View(n, np.zeros((2, 2)), 1, (0, 1), True, np.zeros((2, 2), np.uint8)) for n in "abc"]
    cache.put(views[0])
    cache.put(views[1])
    assert cache.get("a", filtered=True) is views[0]
    cache.put(views[2])
    assert cache.get("b", filtered=True) is None
    assert cache.get("a", filtered=True) is views[0]
    assert cache.get("a", filtered=False) is None
