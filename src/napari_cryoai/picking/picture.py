"""A picture of picks on a micrograph, for a first look and for reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.atomic import replacing
from napari_cryoai.picking.evaluate import Comparison
from napari_cryoai.picking.preprocess import DIAMETER_PX, resample

PICK, MATCHED, FALSE, MISSED = "#56b4e9", "#56b4e9", "#e69f00", "#f0e442"
"""Okabe and Ito's colours, told apart by everybody."""


def write_picture(
    path: Path,
    micrograph: Micrograph,
    picks: PickTable,
    diameter_A: float,
    reference: PickTable | None = None,
    comparison: Comparison | None = None,
) -> None:
    """Draw picks as circles on the micrograph, low-passed by its reduction in size.

    With a comparison to a reference, matched picks are blue, false ones orange, and missed
    reference centres yellow squares.

    Parameters
    ----------
    picks, reference
        Over any micrographs; those of this one are drawn.
    comparison
        Of these very tables.
    """
    diameter_px = diameter_A / micrograph.require_pixel_size()
    image, _ = resample(micrograph.read(), diameter_px)
    scale = 2 * np.array(image.shape) / np.array(micrograph.shape)
    canvas = _grey(image).resize((2 * image.shape[1], 2 * image.shape[0]), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(canvas)
    false = set(comparison.false.tolist()) if comparison else set()
    for row in picks.rows_of(micrograph.name):
        colour = FALSE if row in false else MATCHED if comparison else PICK
        draw.ellipse(_box(picks.yx_px[row] * scale, DIAMETER_PX), outline=colour, width=2)
    if comparison and reference is not None:
        mine = set(reference.rows_of(micrograph.name).tolist())
        for row in mine & set(comparison.missed.tolist()):
            box = _box(reference.yx_px[row] * scale, 0.7 * DIAMETER_PX)
            draw.rectangle(box, outline=MISSED, width=2)
    with replacing(path) as part:
        canvas.save(part, format="PNG")


def _grey(image: NDArray[np.float32]) -> Image.Image:
    low, high = np.percentile(image[::2, ::2], (0.5, 99.5))
    grey = np.clip((image - low) / max(float(high - low), 1e-12) * 255, 0, 255)
    return Image.fromarray(grey.astype(np.uint8)).convert("RGB")


def _box(yx: NDArray[np.float64], radius: float) -> tuple[float, float, float, float]:
    y, x = yx
    return x - radius, y - radius, x + radius, y + radius
