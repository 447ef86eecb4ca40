"""At which level a map shows its molecule, and what a level encloses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.density_map import DensityMap

BINS = 2048
PROTEIN_A3_PER_DA = 1.21
"""Volume of protein: a density of 1.37 g/ml (Erickson 2009, Biol. Proced. Online 11, 32)."""
NOISE_SIGMAS, NOISE_SIGMAS_MASKED = 3.5, 2.5
_SAMPLE = 2_000_000
_OTSU_BINS = 256


@dataclass(frozen=True)
class Contour:
    """Levels of one map.

    Attributes
    ----------
    suggested
        The level to begin with, in the map's own unit; see `contour_of`.
    background
        Value of the solvent.
    span
        The levels that are worth a look: from just below the background to the highest densities.
    counts, edges
        Histogram of all voxels: `(n,)` and `(n + 1,)`.
    voxel_A3
        Volume of a voxel.
    """

    suggested: float
    background: float
    span: tuple[float, float]
    counts: NDArray[np.int64]
    edges: NDArray[np.float64]
    voxel_A3: float

    def volume_A3(self, level: float) -> float:
        """Volume of the voxels above a level, to the width of a bin."""
        above = np.append(np.cumsum(self.counts[::-1])[::-1], 0)
        return float(np.interp(level, self.edges, above)) * self.voxel_A3

    def protein_kDa(self, level: float) -> float:
        """Mass of a protein that would fill the volume above a level."""
        return self.volume_A3(level) / PROTEIN_A3_PER_DA / 1000


def contour_of(density: DensityMap) -> Contour:
    """Look at a map's values and suggest a level.

    The solvent's value is the median on the faces of the box; where a mask left exact zeros, these
    are the solvent and do not count further. Voxels above the solvent are parted in two by Otsu's
    method (1979, IEEE Trans. Syst. Man Cybern. 9, 62): solvent and molecule. In a noisy map this
    falls within the noise; so the level is at least 3.5 times the noise, whose width the
    values below the solvent tell, which no molecule raises. In a mask they are the ringing of a
    sharpened map as much as noise: 2.5 times is enough.

    On ten public maps of 3.2 to 12 A, masked or not, this encloses 0.3 to 1.5 times the volume of
    the molecule: below 1 at high resolution, where density follows the chain and leaves gaps.
    """
    sample = density.data.reshape(-1)[:: max(1, density.data.size // _SAMPLE)]
    faces = _faces(density.data)
    background = float(np.median(faces))
    masked = bool((faces == background).mean() > 0.5)
    beyond = sample[sample != background].astype(np.float64) - background
    lowest, highest = float(density.data.min()), float(density.data.max())
    above, below = beyond[beyond > 0], -beyond[beyond < 0]
    level = otsu(above) if above.size else 0.0
    noise = 1.4826 * float(np.median(below)) if below.size else 0.0
    floor = (NOISE_SIGMAS_MASKED if masked else NOISE_SIGMAS) * noise
    suggested = min(background + max(level, floor), highest)
    counts, edges = np.histogram(density.data, BINS, (lowest, _top(lowest, highest)))
    return Contour(
        suggested=suggested,
        background=background,
        span=_span(above, background, suggested, highest),
        counts=counts,
        edges=edges,
        voxel_A3=density.pixel_size_A**3,
    )


def otsu(values: NDArray[np.floating]) -> float:
    """The threshold that parts values `(n,)` in two groups that differ most (Otsu 1979)."""
    counts, edges = np.histogram(values, _OTSU_BINS)
    middles = (edges[1:] + edges[:-1]) / 2
    low, total = np.cumsum(counts), np.cumsum(counts * middles)
    high = low[-1] - low
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = total / low - (total[-1] - total) / high
    between = np.nan_to_num(low * high * apart**2)[:-1]
    return float(middles[int(between.argmax())])


def _faces(data: NDArray[np.float32]) -> NDArray[np.float32]:
    """The values on the six faces of the box."""
    ends = (data[[0, -1]], data[:, [0, -1]], data[:, :, [0, -1]])
    return np.concatenate([face.ravel() for face in ends])


def _top(lowest: float, highest: float) -> float:
    """Where the histogram ends: float32 must be able to tell its bins apart."""
    finest = float(np.finfo(np.float32).eps) * max(abs(lowest), abs(highest), 1e-20)
    return max(highest, lowest + 4 * BINS * finest)


def _span(
    above: NDArray[np.float64], background: float, suggested: float, highest: float
) -> tuple[float, float]:
    if not above.size:
        return background - 1, background + 1
    # The few highest voxels (a metal, a ghost at the box's centre) must not squeeze the rest.
    top = background + float(np.quantile(above, 0.9999)) * 1.1
    top = min(max(top, 2 * suggested - background), highest)
    return background - (top - background) / 8, top
