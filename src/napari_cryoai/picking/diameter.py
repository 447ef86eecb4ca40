"""The particle's diameter, from the micrograph alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.picking.blob import detect_blobs
from napari_cryoai.picking.preprocess import DIAMETER_PX, prepare

CANDIDATES_A = np.geomspace(60, 420, 14)
"""Diameters that are tried, 16 % apart."""


def estimate_diameter(micrographs: Iterable[tuple[NDArray[Any], float]]) -> float:
    """The diameter whose own radial template fits its best matches best.

    Every candidate is searched for on its own resampled grid, so that all templates span the same
    number of pixels and their correlations compare. Expect it to be right within 20 % in about
    half of the cases: it is a start for the eye to correct.

    Parameters
    ----------
    micrographs
        `(pixels, pixel_size_A)` of a few micrographs; they are looked at together.

    Returns
    -------
    diameter_A
        In Angstrom.
    """
    curves = [_fit_curve(pixels, size_A) for pixels, size_A in micrographs]
    curves = [curve for curve in curves if not np.isnan(curve).all()]
    fit = np.mean(curves, axis=0) if curves else np.full(1, np.nan)
    if np.isnan(fit).all():
        raise CryoAIError(
            "the particle's diameter cannot be estimated from so small an image",
            remedy="Give it with --diameter-A, or in the widget's 'Diameter' field",
        )
    best = int(np.nanargmax(fit))
    return float(np.exp(np.log(CANDIDATES_A[best]) + _vertex(fit, best) * _STEP))


_STEP = np.log(CANDIDATES_A[1] / CANDIDATES_A[0])


def _fit_curve(pixels: NDArray[Any], pixel_size_A: float) -> NDArray[np.float64]:
    return np.array([_fit(pixels, d / pixel_size_A) for d in CANDIDATES_A])


def _fit(pixels: NDArray[Any], diameter_px: float) -> float:
    """Mean correlation of the best matches, as many as fill a seventh of the image."""
    if min(pixels.shape) < 6 * diameter_px or diameter_px < 8:
        return np.nan
    prepared = prepare(pixels, diameter_px)
    if prepared.is_blank:
        return np.nan
    _, score, _ = detect_blobs(prepared)
    return float(score[: max(10, int(0.15 * prepared.white.size / DIAMETER_PX**2))].mean())


def _vertex(values: NDArray[np.float64], i: int) -> float:
    if not 0 < i < len(values) - 1 or np.isnan(values[[i - 1, i + 1]]).any():
        return 0.0
    left, middle, right = values[i - 1 : i + 2]
    return float(np.clip(0.5 * (left - right) / (left - 2 * middle + right), -0.5, 0.5))
