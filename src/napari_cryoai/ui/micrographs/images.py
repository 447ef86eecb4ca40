"""Pixels for the screen: read, filtered for the eye, and kept while they may be wanted again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_cryoai.core.micrograph import Micrograph

FILTER_A = 20.0
"""Resolution of the filtered view, as manual pickers use by default."""

FLATTEN_A = 1500.0
"""Slower changes than this (ice gradient) are taken out of the filtered view."""


@dataclass(frozen=True)
class View:
    """A micrograph as it is put on the screen.

    Attributes
    ----------
    name
        The micrograph.
    pixels
        `(ny, nx)` as recorded, or a smaller filtered copy of it.
    binning
        Pixels of the micrograph per pixel of the view.
    limits
        Contrast limits.
    filtered
        Whether this is the filtered copy.
    thumbnail
        `(48, 48)` uint8.
    """

    name: str
    pixels: NDArray[Any]
    binning: int
    limits: tuple[float, float]
    filtered: bool
    thumbnail: NDArray[np.uint8]


def make_view(micrograph: Micrograph, *, filtered: bool) -> View:
    """Read a micrograph and prepare it for the screen; takes up to a second, for a worker.

    Raises
    ------
    CryoAIError
        If the file is broken.
    """
    pixels = micrograph.read()
    small = bin_mean(pixels, max(1, round(max(pixels.shape) / 1024)))
    limits = contrast_limits(small)
    thumb = thumbnail(small)
    if not filtered:
        return View(micrograph.name, pixels, 1, limits, False, thumb)
    view, binning = filtered_copy(pixels, micrograph.pixel_size_A)
    return View(micrograph.name, view, binning, contrast_limits(view), True, thumb)


def blank_view(micrograph: Micrograph, *, filtered: bool) -> View:
    """An empty picture as large as the micrograph, for one that cannot be read."""
    binning = max(1, max(micrograph.shape) // 64)
    ny, nx = (max(1, -(-n // binning)) for n in micrograph.shape)
    pixels, thumb = np.zeros((ny, nx), np.float32), np.zeros((48, 48), np.uint8)
    return View(micrograph.name, pixels, binning, (0.0, 1.0), filtered, thumb)


def bin_mean(pixels: NDArray[Any], by: int) -> NDArray[np.float32]:
    """Mean of `by` x `by` blocks; the rest at the right and lower border is cut off."""
    ny, nx = (n // by * by for n in pixels.shape)
    # Row by row first: a strided sum of the narrow type, with no copy of the whole image as float.
    rows = pixels[:ny, :nx].reshape(ny // by, by, nx).sum(1, dtype=np.float32)
    return np.asarray(rows.reshape(ny // by, nx // by, by).sum(2) / by**2, np.float32)


def filtered_copy(
    pixels: NDArray[Any], pixel_size_A: float | None
) -> tuple[NDArray[np.float32], int]:
    """A smaller copy, low-passed to `FILTER_A` and flattened: what the eye picks best on.

    Without a pixel size the filter is set so that the longer side holds 1024 pixels.
    """
    pixel_A = pixel_size_A or FILTER_A / 4 * 1024 / max(pixels.shape)
    binning = max(1, int(FILTER_A / 4 / pixel_A))
    small = bin_mean(pixels, binning)
    small = np.nan_to_num(small, nan=float(np.nanmean(small)))
    sigma = FILTER_A / (2 * np.pi) / (pixel_A * binning)
    coarse = bin_mean(small, 8)
    background = gaussian_filter(coarse, FLATTEN_A / (2 * np.pi) / (pixel_A * binning * 8))
    smooth = gaussian_filter(small, sigma, truncate=3)
    ny, nx = background.shape
    smooth[: ny * 8, : nx * 8] -= np.repeat(np.repeat(background, 8, 0), 8, 1)
    smooth[ny * 8 :] -= background.mean()
    smooth[: ny * 8, nx * 8 :] -= background.mean()
    return smooth, binning


def contrast_limits(small: NDArray[np.float32]) -> tuple[float, float]:
    """Limits that saturate one pixel in a hundred."""
    finite = small[np.isfinite(small)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.percentile(finite, (0.5, 99.5))
    return float(low), float(high if high > low else low + 1)


def thumbnail(small: NDArray[np.float32]) -> NDArray[np.uint8]:
    """`(48, 48)` uint8 picture of a binned micrograph, cropped to a square."""
    by = max(1, min(small.shape) // 48)
    crop = bin_mean(small[: by * 48, : by * 48], by)
    low, high = contrast_limits(crop)
    return np.asarray(np.clip((crop - low) / (high - low) * 255, 0, 255), np.uint8)


class ViewCache:
    """The views used last, a handful of them; safe to use from worker threads."""

    def __init__(self, size: int = 4):
        self._size = size
        self._views: OrderedDict[tuple[str, bool], View] = OrderedDict()
        self._lock = Lock()

    def get(self, name: str, *, filtered: bool) -> View | None:
        """A view that is at hand, or None."""
        with self._lock:
            view = self._views.get((name, filtered))
            if view is not None:
                self._views.move_to_end((name, filtered))
            return view

    def put(self, view: View) -> None:
        """Keep a view, and let go of the one that was used the longest ago."""
        with self._lock:
            self._views[(view.name, view.filtered)] = view
            while len(self._views) > self._size:
                self._views.popitem(last=False)

    def clear(self) -> None:
        """Forget all, as when the pixel size changes."""
        with self._lock:
            self._views.clear()
