"""FSC curves of two half maps as a picture and as a table."""

from __future__ import annotations

from pathlib import Path

from napari_cryoai.jobs.curves_picture import (
    resolution_text,
    write_curves_picture,
    write_curves_table,
)
from napari_cryoai.physics.fsc import HALF_MAPS, HalfMapFsc

__all__ = ["COLOURS", "resolution_text", "write_fsc_picture", "write_fsc_table"]

COLOURS = {
    "unmasked": "#0072b2",
    "masked": "#e69f00",
    "randomised": "#999999",
    "corrected": "#000000",
}
"""Okabe and Ito's, told apart by everybody; black for the curve to report."""


def write_fsc_table(path: Path, curves: HalfMapFsc) -> None:
    """Write all curves as CSV, a row for each shell."""
    write_curves_table(path, curves.rows())


def write_fsc_picture(
    path: Path, curves: HalfMapFsc, title: str = "", threshold: float = HALF_MAPS
) -> None:
    """Draw all curves over frequency, with their thresholds, as PNG.

    Parameters
    ----------
    title
        Put before the resolution of the curve to report.
    threshold
        That it is read at: `MAP_TO_MODEL` for a map against something without noise.
    """
    resolution = resolution_text(curves.best.resolution_A(threshold))
    heading = f"{title}{': ' if title else ''}{resolution} at FSC = {threshold}"
    write_curves_picture(path, curves.curves(), COLOURS, heading)
