"""Colours of a scatter plot: from counts, means and labels of cells to a picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from napari.utils.colormaps import ensure_colormap
from numpy.typing import NDArray
from qtpy.QtGui import QColor

from napari_cryoai.core.raster import Cells
from napari_cryoai.ui.kit import theme

Rgb = NDArray[np.float32]
Mask = NDArray[np.bool_]
SELECTED = "#f5a623"
"""Stands out from blue and from viridis, with any colour vision."""
LABELS = (
    "#56b4e9", "#e69f00", "#2bb58a", "#cc79a7", "#f0e442", "#0072b2", "#d55e00", "#b4b8c0",
    "#8c6bb1", "#a6d854",
)  # fmt: skip
_STEPS = 256


@dataclass(frozen=True, eq=False)
class Tint:
    """By what points are coloured.

    Attributes
    ----------
    values
        `(n,)` float32; None: all alike.
    limits
        Values at the two ends of the colours.
    labels
        Whether the values are numbers of groups.
    """

    values: NDArray[np.float32] | None = None
    limits: tuple[float, float] = (0.0, 1.0)
    labels: bool = False

    @cached_property
    def groups(self) -> NDArray[np.int32]:
        """`(n,)` labels, -1 where there is none."""
        assert self.values is not None  # noqa: S101 - labels have values
        return np.where(np.isfinite(self.values), self.values, -1).astype(np.int32)

    @classmethod
    def of(cls, values: NDArray[np.float32], *, labels: bool) -> Tint:
        """All but stray values span the colours."""
        finite = values[np.isfinite(values)]
        if labels or not finite.size:
            return cls(values, (0.0, 1.0), labels)
        some = finite[:: max(1, finite.size // 200_000)]
        low, high = (float(v) for v in np.quantile(some, (0.01, 0.99)))
        return cls(values, (low, high if high > low else low + 1e-6 + abs(low) * 1e-6), labels)


def colours_of(values: NDArray[np.floating], tint: Tint) -> Rgb:
    """`(n, 3)` colours from 0 to 1 of values; what is no number is grey."""
    if tint.labels:
        known = np.isfinite(values) & (values >= 0)
        rgb = _labels()[np.where(known, values, 0).astype(np.int64) % len(LABELS)]
    else:
        low, high = tint.limits
        known = np.isfinite(values)
        t = np.clip((np.where(known, values, low) - low) / (high - low), 0, 1)
        rgb = _viridis()[(t * (_STEPS - 1)).astype(np.int64)]
    rgb[~known] = 0.5
    return rgb


def density_picture(
    cells: Cells, counts: NDArray[np.float32], tint: Tint, selected: Mask | None
) -> NDArray[np.uint8]:
    """`(height, width, 4)`, blue, green, red and alpha, row 0 at the top.

    Brightness is the logarithm of the number of particles; the hue is that of the tint, or of the
    selection.

    Parameters
    ----------
    counts
        Of the cells.
    selected
        `(n,)`; None: nothing is.
    """
    there = np.flatnonzero(counts)
    count = counts.ravel()[there]
    level = _levels(count)
    if tint.values is None:
        rgb = _shades()[(level * (_STEPS - 1)).astype(np.int64)]
    else:
        bright = (0.45 + 0.55 * level)[:, None]
        rgb = _behind() + (_hues(cells, tint, there) - _behind()) * bright
    if selected is not None:
        part = (cells.density(selected).ravel()[there] / count)[:, None]
        chosen = rgb if tint.values is not None else _rgb(SELECTED) * (0.6 + 0.4 * level)[:, None]
        others = _behind() + (_grey() - _behind()) * (0.25 + 0.5 * level)[:, None]
        part = np.where(part > 0, np.maximum(part, 0.35), 0)  # the few chosen ones must not drown
        rgb = others + (chosen - others) * part
    return _picture(counts.shape, there, rgb)


def disc_picture(
    pixels: NDArray[np.floating],
    rgb: Rgb,
    shape: tuple[int, int],
    radius: float,
    edge: bool = True,
) -> NDArray[np.uint8]:
    """A disc for each particle, `(height, width, 4)` premultiplied; later ones lie on top.

    Parameters
    ----------
    pixels
        `(m, 2)`, x and y from the upper left corner.
    rgb
        `(m, 3)`.
    radius
        In pixels.
    edge
        Whether a dark rim parts discs that touch.
    """
    h, w = shape
    reach = int(np.ceil(radius + 0.5))
    wide = w + 2 * reach
    picture = np.zeros(((h + 2 * reach) * wide, 4), np.float32)
    at = np.round(pixels).astype(np.int64) + reach
    index = at[:, 1] * wide + at[:, 0]
    bright = np.concatenate([rgb, np.ones((len(rgb), 1))], 1).astype(np.float32)
    dark = bright * np.array([0.4, 0.4, 0.4, 1], np.float32) if edge else bright
    steps = [(dy, dx) for dy in range(-reach, reach + 1) for dx in range(-reach, reach + 1)]
    for dy, dx in steps:
        cover = float(np.clip(radius + 0.5 - np.hypot(dy, dx), 0, 1))
        if cover > 0:
            target = index + dy * wide + dx
            colour = bright if np.hypot(dy, dx) < radius - 0.6 else dark
            # Premultiplied: what lies below shines through an edge that covers a pixel in part.
            picture[target] = colour * cover + picture[target] * (1 - cover)
    cut = picture.reshape(h + 2 * reach, wide, 4)[reach : reach + h, reach : reach + w]
    return np.ascontiguousarray((cut[..., [2, 1, 0, 3]] * 255).astype(np.uint8))


def bar_colours(tint: Tint, steps: int) -> Rgb:
    """`(steps, 3)` for a colour bar, from its low to its high end."""
    return colours_of(np.linspace(*tint.limits, steps), tint)


def plain() -> Rgb:
    """`(3,)` of a single particle."""
    return _shades()[int(_STEPS * 0.72)]


def faded() -> Rgb:
    """`(3,)` of a particle that is not selected while others are."""
    return _behind() * 0.45 + _grey() * 0.55


def chosen() -> Rgb:
    """`(3,)` of a selected one."""
    return _rgb(SELECTED)


def _hues(cells: Cells, tint: Tint, there: NDArray[np.intp]) -> Rgb:
    assert tint.values is not None  # noqa: S101 - callers have checked
    if tint.labels:
        return colours_of(cells.majority(tint.groups).ravel()[there].astype(np.float32), tint)
    return colours_of(cells.mean(tint.values).ravel()[there], tint)


def _levels(count: NDArray[np.floating]) -> NDArray[np.float32]:
    """From 0 to 1 with the logarithm of the count; a single particle is well seen."""
    if not count.size:
        return np.zeros(0, np.float32)
    some = count[:: max(1, count.size // 50_000)]
    top = max(float(np.quantile(some, 0.998)), 2.0)
    level = np.log1p(count) / np.log1p(top)
    return np.clip(0.18 + 0.82 * level, 0, 1).astype(np.float32)


def _picture(shape: tuple[int, ...], there: NDArray[np.intp], rgb: Rgb) -> NDArray[np.uint8]:
    picture = np.zeros((shape[0] * shape[1], 4), np.uint8)
    picture[there, :3] = np.clip(rgb[:, ::-1], 0, 1) * 255
    picture[there, 3] = 255
    return np.ascontiguousarray(picture.reshape(*shape, 4)[::-1])


def _behind() -> Rgb:
    return _rgb(theme.colour("background").darker(112).name())


def _grey() -> Rgb:
    return _rgb(theme.colour("text").name()) * 0.6 + _behind() * 0.4


def _shades() -> Rgb:
    """From the background to what stands out from it most, through blue."""
    return _ramp(theme.colour("background").darker(112).name())


@cache
def _ramp(background: str) -> Rgb:
    dark = QColor(background).lightnessF() < 0.5
    middle = ("#2c5f8d", "#56b4e9", "#f2f9ff") if dark else ("#9ac6e4", "#2f76ad", "#0a2540")
    stops = np.array([_rgb(colour) for colour in (background, *middle)])
    at = np.linspace(0, 1, _STEPS)
    return np.stack([np.interp(at, (0, 0.35, 0.7, 1), stops[:, k]) for k in range(3)], 1).astype(
        np.float32
    )


@cache
def _viridis() -> Rgb:
    return np.asarray(ensure_colormap("viridis").map(np.linspace(0, 1, _STEPS)), np.float32)[:, :3]


@cache
def _labels() -> Rgb:
    return np.array([_rgb(colour) for colour in LABELS], np.float32)


def _rgb(colour: str) -> Rgb:
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32)
