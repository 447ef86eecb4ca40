"""Reads two half maps and correlates them; in a thread, and free of Qt."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.density_map import check_same_grid
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.atomic import write_text
from napari_cryoai.ui.maps.sources import Source

THRESHOLDS = (0.5, 0.143)


@dataclass(frozen=True, eq=False)
class FscResult:
    """FSC curves as they are drawn and exported.

    Attributes
    ----------
    frequencies
        `(n,)` in 1/A.
    curves
        `(n,)` each, by name; "corrected" or else "unmasked" is the one to report.
    resolutions_A
        By curve and threshold; infinite where the curve never rises above it.
    rows
        The table, with its header.
    reported
        Name of the curve to report, if it is neither of these.
    """

    frequencies: NDArray[np.float64]
    curves: dict[str, NDArray[np.float64]]
    resolutions_A: dict[str, dict[float, float]]
    rows: tuple[tuple[str, ...], ...]
    reported: str | None = None

    @property
    def best(self) -> str:
        """Name of the curve to report."""
        if self.reported is not None:
            return self.reported
        return "corrected" if "corrected" in self.curves else "unmasked"

    @property
    def nyquist_A(self) -> float:
        """The finest that the voxels can hold."""
        return 1 / float(self.frequencies[-1])


def correlate(half1: Source, half2: Source, mask: Source | None) -> FscResult:
    """The FSC of two half maps, with a mask or without.

    Raises
    ------
    CryoAIError
        If a file cannot be read, or the maps do not lie on the same grid.
    """
    import torch  # it takes seconds to load, and a viewer of maps does without

    from napari_cryoai.physics.fsc import half_map_fsc

    maps = [source.read() for source in (half1, half2, mask) if source is not None]
    for other in maps[1:]:
        # Many programs write no origin: half maps of the same box are compared all the same.
        check_same_grid(maps[0], replace(other, origin_A=maps[0].origin_A), what="half maps")
    if np.array_equal(maps[0].data, maps[1].data):
        raise CryoAIError(
            "the two half maps are the same", remedy="Choose two independent half maps"
        )
    tensors = [torch.from_numpy(m.data) for m in maps]
    found = half_map_fsc(
        tensors[0], tensors[1], maps[0].pixel_size_A, tensors[2] if mask is not None else None
    )
    curves = found.curves()
    return FscResult(
        frequencies=found.unmasked.frequencies.double().numpy(),
        curves={name: curve.values.double().numpy() for name, curve in curves.items()},
        resolutions_A={
            name: {t: curve.resolution_A(t) for t in THRESHOLDS} for name, curve in curves.items()
        },
        rows=tuple(found.rows()),
    )


def write_csv(path: Path, result: FscResult) -> str:
    """Write the curves as a table; returns what was done, in a sentence."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(result.rows)
    write_text(path, text.getvalue())
    return f"Wrote {len(result.rows) - 1} shells to {path}"


def words_for(result: FscResult) -> str:
    """The resolution, in a sentence."""
    at = result.resolutions_A[result.best]
    kind = {"corrected": "masked, corrected", "unmasked": "unmasked"}[result.best]
    return f"{resolution(at[0.143])} at 0.143, {resolution(at[0.5])} at 0.5 ({kind})"


def resolution(value_A: float) -> str:
    """ "4.2 Å", or that there is none."""
    return f"{value_A:.2f} Å" if math.isfinite(value_A) else "no resolution"
