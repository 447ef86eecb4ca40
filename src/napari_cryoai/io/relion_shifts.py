"""Particles that a refinement shifted: where on the micrograph they lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import StarTable
from napari_cryoai.io.columns import Floats, numbers
from napari_cryoai.io.star import table_length

GROUP = "rlnOpticsGroup"
SHIFTS_A = ("rlnOriginXAngst", "rlnOriginYAngst")
SHIFTS_PX = ("rlnOriginX", "rlnOriginY")


@dataclass(frozen=True)
class Shifts:
    """Origin offsets that a refinement found, to be subtracted from the coordinates.

    RELION 3.1 and later gives them in Angstrom; RELION 3.0 in pixels of the particle images.
    """

    yx: Floats
    image_A: Floats | None
    micrograph_A: Floats | None
    path: Path

    @classmethod
    def of(cls, table: StarTable, optics: StarTable, path: Path) -> Shifts:
        """The shifts that a table of particles tells, with what it says of pixel sizes."""
        labels = SHIFTS_A if SHIFTS_A[0] in table else SHIFTS_PX
        n = table_length(table)
        if not all(label in table for label in labels):
            return cls(np.zeros((n, 2)), None, None, path)
        x, y = (numbers(table[label], label, path) for label in labels)
        micrograph_A = _from_optics(table, optics, "rlnMicrographPixelSize", path)
        if micrograph_A is None:
            micrograph_A = _from_optics(table, optics, "rlnMicrographOriginalPixelSize", path)
        image_A = np.ones(n) if labels is SHIFTS_A else _detector_A(table, path)
        return cls(np.stack([y, x], -1), image_A, micrograph_A, path)

    def in_pixels(self, micrograph_A: Floats) -> Floats:
        """`(n, 2)` shifts in pixels of the micrographs, whose pixel size is NaN if not known."""
        if not self.yx.any():
            return np.zeros_like(self.yx)
        if self.micrograph_A is not None:
            micrograph_A = np.where(np.isnan(micrograph_A), self.micrograph_A, micrograph_A)
        if self.image_A is None or not (micrograph_A > 0).all():
            raise CryoAIError(
                "shifts its particles by Angstroms (rlnOrigin...), and the pixel size of the "
                "micrographs is not known",
                path=self.path,
                remedy="Open the micrographs first, with their pixel size (--pixel-size-A)",
            )
        return self.yx * (self.image_A / micrograph_A)[:, None]


def _detector_A(table: StarTable, path: Path) -> Floats | None:
    """Pixel size of the particle images in a RELION 3.0 file."""
    labels = ("rlnDetectorPixelSize", "rlnMagnification")
    if not all(label in table for label in labels):
        return None
    detector_um, magnification = (numbers(table[label], label, path) for label in labels)
    with np.errstate(divide="ignore", invalid="ignore"):
        return detector_um / magnification * 1e4


def _from_optics(table: StarTable, optics: StarTable, label: str, path: Path) -> Floats | None:
    """A value of each particle's optics group; NaN for groups that the file does not describe."""
    if label not in optics or GROUP not in optics or GROUP not in table:
        return None
    values = dict(zip(optics[GROUP], numbers(optics[label], label, path).tolist(), strict=True))
    return np.array([values.get(group, np.nan) for group in table[GROUP]])
