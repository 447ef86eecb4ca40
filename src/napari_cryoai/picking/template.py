"""Detection by reference images: the `template` detector.

References are rotated in the plane and each is correlated with the whitened micrograph, as
Roseman (2003, Ultramicroscopy 94) does; a place scores what the best of them scores there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from napari_cryoai.picking.correlate import Correlator, disc
from napari_cryoai.picking.peaks import find_peaks
from napari_cryoai.picking.preprocess import DIAMETER_PX, Prepared, resample

Image = NDArray[np.float32]

RADIUS = 1.25 * DIAMETER_PX / 2
PEAK_DISTANCE = 0.7 * DIAMETER_PX
ANGLES_DEG = np.arange(0, 360, 12)
"""In-plane steps; at the particle's rim one is two pixels of the prepared grid."""

MASK, _ = disc(RADIUS)


def detect_templates(
    prepared: Prepared, references: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
    """Find the places that look like a reference in some orientation.

    Parameters
    ----------
    references
        `(k, 2 h + 1, 2 h + 1)` on the prepared grid, density bright; see `references_from_stack`
        and `references_from_picks`.

    Returns
    -------
    yx
        `(n, 2)` centres on the prepared grid, best first, down to a correlation of 0.
    score
        `(n,)` correlation coefficients.
    whitened
        The references as they were searched for.
    """
    whitened = np.array([_apply_transfer(image, prepared.transfer) for image in references])
    yx, score = find_peaks(search(prepared.white, whitened), PEAK_DISTANCE)
    return yx, score, whitened


def search(image: Image, references: NDArray[np.float32]) -> Image:
    """The best correlation of any reference at any angle, for each pixel."""
    correlator = Correlator(image, MASK)
    best = np.full(image.shape, -1, np.float32)
    for reference in references:
        for rotated in _rotations(reference):
            np.maximum(best, correlator.correlate(rotated), out=best)
    return best


def references_from_stack(
    stack: NDArray[Any], pixel_size_A: float, diameter_A: float
) -> NDArray[np.float32]:
    """Class averages or projections, brought to the prepared grid.

    Parameters
    ----------
    stack
        `(k, b, b)`, density bright, particle at index `b // 2`.
    """
    resized = (resample(image, diameter_A / pixel_size_A) for image in stack)
    middle = np.array(stack.shape[1:]) // 2
    fitted = [_fitted(small, (middle + 0.5) / zoom - 0.5) for small, zoom in resized]
    return np.array(fitted, np.float32)


def references_from_picks(
    prepared: Sequence[Prepared], picks_yx: Sequence[NDArray[np.float64]], count: int = 3
) -> NDArray[np.float32]:
    """A few averages of the particles that someone has picked already, aligned in the plane.

    Alternates between finding for each particle the best reference and in-plane angle, and
    averaging anew: the reference-free classification of single particles in its plainest form.

    Parameters
    ----------
    picks_yx
        For each micrograph, `(n, 2)` centres on its prepared grid.
    """
    crops = np.concatenate([_crops(p.raw, yx) for p, yx in zip(prepared, picks_yx, strict=True)])
    if not len(crops):
        return np.empty((0, *MASK.shape), np.float32)
    count = max(1, min(count, len(crops) // 10))
    groups = np.arange(len(crops)) % count
    references = np.array([crops[groups == k].mean(0) for k in range(count)])
    for _ in range(8):
        references = _realigned(crops, references)
    return references


def _realigned(crops: NDArray[np.float32], references: NDArray[np.float32]) -> NDArray[np.float32]:
    turned = np.array([r for reference in references for r in _rotations(reference)])
    turned = turned * MASK
    turned /= np.linalg.norm(turned, axis=(1, 2), keepdims=True) + 1e-9
    fit = crops.reshape(len(crops), -1) @ turned.reshape(len(turned), -1).T
    which, angle = np.divmod(fit.argmax(1), len(ANGLES_DEG))
    backs = np.array(
        [_rotate(c, -float(ANGLES_DEG[a])) for c, a in zip(crops, angle, strict=True)], np.float32
    )
    means = [
        backs[which == k].mean(0) if (which == k).any() else references[k]
        for k in range(len(references))
    ]
    return np.array(means, np.float32)


def _crops(image: Image, yx: NDArray[np.float64]) -> NDArray[np.float32]:
    """Squares around points, levelled to zero mean and unit variance; none across the border."""
    half = MASK.shape[0] // 2
    y, x = np.round(np.asarray(yx).reshape(-1, 2)).astype(int).T
    inside = (np.minimum(y, x) >= half) & (y < image.shape[0] - half) & (x < image.shape[1] - half)
    crops = [
        image[a - half : a + half + 1, b - half : b + half + 1]
        for a, b in zip(y[inside], x[inside], strict=True)
    ]
    if not crops:
        return np.empty((0, *MASK.shape), np.float32)
    stack = np.array(crops, np.float32)
    stack -= stack.mean((1, 2), keepdims=True)
    return stack / (stack.std((1, 2), keepdims=True) + 1e-9)


def _rotations(reference: Image) -> list[Image]:
    return [_rotate(reference, float(angle)) for angle in ANGLES_DEG]


def _rotate(image: Image, angle_deg: float) -> Image:
    turned = ndimage.rotate(image, angle_deg, reshape=False, order=1, mode="nearest")
    return np.asarray(turned, np.float32)


def _apply_transfer(image: Image, transfer: NDArray[np.float64]) -> Image:
    """Whiten a reference as its micrograph was whitened."""
    spectrum = fft.dctn(image, norm="ortho")
    g = np.arange(len(image)) / (2 * len(image))
    spectrum *= np.interp(np.hypot(g[:, None], g), np.linspace(0, 0.5, len(transfer)), transfer)
    return np.asarray(fft.idctn(spectrum, norm="ortho"), np.float32)


def _fitted(image: Image, centre_yx: NDArray[np.float64]) -> Image:
    """Cropped or padded with its rim's mean to the size of the mask, about a sub-pixel centre."""
    half = MASK.shape[0] // 2
    rim = float(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]).mean())
    whole = np.round(centre_yx).astype(int)
    moved = ndimage.shift(image, whole - centre_yx, order=3, mode="nearest")
    padded = np.pad(moved, half, constant_values=rim)
    y, x = whole
    return padded[y : y + 2 * half + 1, x : x + 2 * half + 1]
