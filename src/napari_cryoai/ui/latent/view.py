"""The part of a plane that a plot shows: ticks, zoom, and where a pixel lies."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cryoai.core.raster import Range, extent

_STRAY = 3.0


@dataclass(frozen=True)
class View:
    """A rectangle of the plane, drawn on `width` x `height` pixels with y going up.

    Attributes
    ----------
    x, y
        Lower and upper end.
    width, height
        In pixels.
    """

    x: Range
    y: Range
    width: float = 1.0
    height: float = 1.0

    def to_pixels(self, points: ArrayLike) -> NDArray[np.float64]:
        """Pixels `(n, 2)`, x and y from the upper left corner, of points `(n, 2)`."""
        points = np.asarray(points, float).reshape(-1, 2)
        across = (points[:, 0] - self.x[0]) / (self.x[1] - self.x[0]) * self.width
        down = (self.y[1] - points[:, 1]) / (self.y[1] - self.y[0]) * self.height
        return np.stack([across, down], 1)

    def to_points(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """Points `(n, 2)` of pixels `(n, 2)`."""
        pixels = np.asarray(pixels, float).reshape(-1, 2)
        x = self.x[0] + pixels[:, 0] / self.width * (self.x[1] - self.x[0])
        y = self.y[1] - pixels[:, 1] / self.height * (self.y[1] - self.y[0])
        return np.stack([x, y], 1)

    def sized(self, width: float, height: float) -> View:
        """The same part of the plane on another number of pixels."""
        return replace(self, width=max(width, 1.0), height=max(height, 1.0))

    def zoomed(self, factor: float, pixel: tuple[float, float]) -> View:
        """Closer by a factor, with what lies under a pixel staying there."""
        ((x, y),) = self.to_points([pixel])
        return replace(self, x=_about(self.x, x, factor), y=_about(self.y, y, factor))

    def moved(self, across: float, down: float) -> View:
        """What is shown goes along with the mouse by so many pixels."""
        dx = across / self.width * (self.x[1] - self.x[0])
        dy = down / self.height * (self.y[1] - self.y[0])
        return replace(self, x=(self.x[0] - dx, self.x[1] - dx), y=(self.y[0] + dy, self.y[1] + dy))


def whole(xy: NDArray[np.floating]) -> View:
    """A view of points `(n, 2)`: all of them, unless a few strays would squeeze the others."""
    return View(_range(xy[:, 0]), _range(xy[:, 1]))


def ticks(ends: Range, pixels: float, apart: float = 60.0) -> list[float]:
    """Round numbers between the ends, at least so many pixels apart."""
    low, high = ends
    least = (high - low) * apart / max(pixels, apart)
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= least * 0.999)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [i * step for i in range(first, last + 1)]


def _about(ends: Range, value: float, factor: float) -> Range:
    low, high = (value + (end - value) / factor for end in ends)
    # float32 points have no more places to tell apart.
    finest = 1e-5 * max(abs(low), abs(high), 1e-30)
    return (float(low), float(high)) if high - low > finest else ends


def _range(values: NDArray[np.floating]) -> Range:
    finite = values[np.isfinite(values)]
    if len(finite) < 100:
        return extent(values, 0.06)
    some = finite[:: max(1, len(finite) // 200_000)]
    low, high = (float(v) for v in np.quantile(some, (0.0005, 0.9995)))
    all_low, all_high = float(finite.min()), float(finite.max())
    if all_high - all_low < _STRAY * (high - low):
        low, high = all_low, all_high
    return extent(np.array([low, high]), 0.05)
