"""What lies on a grid besides particles: carbon, ice crystals and ethane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Canvas:
    """The field that is simulated: the micrograph and a margin around it.

    Attributes
    ----------
    shape
        `(ny, nx)` with the margin.
    margin_px
        Its width on every side, at least; more may lie at the far sides.
    frame
        `(ny, nx)` of the micrograph.
    pixel_size_A
        Side of a pixel.
    """

    shape: tuple[int, int]
    margin_px: int
    frame: tuple[int, int]
    pixel_size_A: float

    def crop(self, image: NDArray[np.generic]) -> NDArray[np.generic]:
        """The micrograph's part of an image of the canvas."""
        m = self.margin_px
        return image[m : m + self.frame[0], m : m + self.frame[1]]


@dataclass
class Dirt:
    """Maps that carbon and contamination are drawn into, each `(ny, nx)` of the canvas.

    Attributes
    ----------
    absorbance
        Natural logarithm of the loss of intensity.
    phase
        Contrast that the CTF acts on: edges get their Fresnel fringes.
    roughness
        Strength of an amorphous texture, relative to that of the solvent.
    junk
        Where no particle can be picked.
    centres_px
        `(y, x)` of each contamination and aggregate.
    """

    absorbance: Floats
    phase: Floats
    roughness: Floats
    junk: NDArray[np.bool_]
    centres_px: list[tuple[float, float]]

    @classmethod
    def none(cls, shape: tuple[int, int]) -> Dirt:
        """A clean canvas."""
        absorbance, phase, roughness = (np.zeros(shape, np.float32) for _ in range(3))
        return cls(absorbance, phase, roughness, np.zeros(shape, np.bool_), [])


def add_carbon(
    dirt: Dirt,
    canvas: Canvas,
    rng: np.random.Generator,
    *,
    hole_radius_A: float,
    coverage: float,
    absorbance: float,
    roughness: float = 1.5,
) -> None:
    """The film around a hole: its edge is an arc, its surface rough.

    Parameters
    ----------
    coverage
        How far the edge reaches into the micrograph, as a fraction of half its diagonal.
    absorbance
        Of the film; it is darker than the ice in the hole by about this fraction.
    roughness
        Of the film, see `Dirt.roughness`.
    """
    ny, nx = canvas.frame
    angle = 2 * np.pi * rng.random()
    reach = np.hypot(ny, nx) / 2 * (1 - 2 * coverage) - hole_radius_A / canvas.pixel_size_A
    towards = np.array([np.sin(angle), np.cos(angle)])
    centre = canvas.margin_px + np.array([ny, nx]) / 2 + reach * towards
    y, x = np.ogrid[: canvas.shape[0], : canvas.shape[1]]
    outside_A = np.hypot(y - centre[0], x - centre[1]).astype(np.float32)
    outside_A = outside_A * np.float32(canvas.pixel_size_A) - np.float32(hole_radius_A)
    outside_A += _waves(np.arctan2(y - centre[0], x - centre[1]), 60, 12.0, rng)
    film = _step(outside_A, 25.0)
    dirt.absorbance += np.float32(absorbance) * film
    dirt.phase += np.float32(0.7 * absorbance) * film
    dirt.roughness += np.float32(roughness) * film
    dirt.junk |= outside_A > -20.0


def add_ice(
    dirt: Dirt, canvas: Canvas, rng: np.random.Generator, *, count: int, size_A: float
) -> None:
    """Crystals of ice and drops of ethane: dark, faceted or round, of log-normal sizes.

    Parameters
    ----------
    size_A
        Median diameter.
    """
    for _ in range(count):
        centre = canvas.margin_px + rng.random(2) * canvas.frame
        radius_A = float(np.clip(size_A / 2 * np.exp(0.5 * rng.normal()), 30.0, 1500.0))
        _add_crystal(dirt, canvas, rng, centre, radius_A)
        dirt.centres_px.append((centre[0] - canvas.margin_px, centre[1] - canvas.margin_px))


def _add_crystal(
    dirt: Dirt,
    canvas: Canvas,
    rng: np.random.Generator,
    centre: NDArray[np.float64],
    radius_A: float,
) -> None:
    y, x = _window(centre, 1.8 * radius_A / canvas.pixel_size_A + 8, canvas.shape)
    turn, stretch = np.pi * rng.random(), rng.uniform(1.0, 1.5)
    along, across = y - centre[0], x - centre[1]
    dy = (np.cos(turn) * along + np.sin(turn) * across) * stretch
    dx = np.cos(turn) * across - np.sin(turn) * along
    distance_A = (np.hypot(dy, dx) * canvas.pixel_size_A).astype(np.float32)
    angle = np.arctan2(dy, dx)
    faces = int(rng.integers(5, 8)) if rng.random() < 0.6 else 0
    outline_A = radius_A * _outline(angle, faces, rng)
    outline_A += _waves(angle, 9, 0.03 * radius_A, rng)
    inside_A = outline_A.astype(np.float32) - distance_A
    body = _step(inside_A, 12.0)
    # Thicker in the middle; bend contours make bands of it, as they do on real crystals.
    depth = np.clip(inside_A / radius_A, 0, 1) ** 0.5
    tilt = rng.normal(size=2) * 2 / radius_A * canvas.pixel_size_A
    bands = 1 + 0.25 * np.sin(tilt[0] * dy + tilt[1] * dx + 3 * depth)
    strength = rng.uniform(0.15, 0.5) * min(1.0, (radius_A / 150) ** 0.5)
    here = (slice(y[0, 0], y[-1, 0] + 1), slice(x[0, 0], x[0, -1] + 1))
    dirt.absorbance[here] += strength * body * (0.4 + 0.6 * depth) * bands
    dirt.phase[here] += 0.5 * strength * body
    dirt.roughness[here] += body
    dirt.junk[here] |= inside_A > -10.0


def _outline(angle: NDArray[np.float64], faces: int, rng: np.random.Generator) -> Floats:
    """Radius of a regular polygon of unit inner radius in each direction; a circle without."""
    if not faces:
        return np.ones(angle.shape, np.float32)
    sector = 2 * np.pi / faces
    turned = np.mod(angle + rng.random() * sector, sector) - sector / 2
    polygon: Floats = (1 / np.cos(turned)).astype(np.float32)
    return polygon


def _waves(
    angle: NDArray[np.float64], count: int, amplitude: float, rng: np.random.Generator
) -> Floats:
    """A random periodic function of an angle, of standard deviation `amplitude`."""
    table = np.linspace(-np.pi, np.pi, 2048)
    order = np.arange(1, count + 1)[:, None]
    phase = 2 * np.pi * rng.random((count, 1))
    values = (np.cos(order * table + phase) * rng.normal(size=(count, 1)) / order**0.5).sum(0)
    scaled = amplitude * values / values.std()
    waves: Floats = np.interp(angle, table, scaled).astype(np.float32)
    return waves


def _step(inside_A: Floats, width_A: float) -> Floats:
    """From 0 outside to 1 inside, smoothly over `width_A`."""
    t = np.clip(inside_A / np.float32(width_A) + np.float32(0.5), 0, 1)
    smooth: Floats = t * t * (3 - 2 * t)
    return smooth


def _window(
    centre: NDArray[np.float64], half_px: float, shape: tuple[int, int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Open grid of the pixels within `half_px` of a point, clipped to the canvas."""
    low = np.clip((centre - half_px).astype(int), 0, np.array(shape) - 1)
    high = np.clip((centre + half_px).astype(int) + 1, low + 1, shape)
    y, x = np.ogrid[low[0] : high[0], low[1] : high[1]]
    return y, x


def mark_blobs(dirt: Dirt, canvas: Canvas, yx_px: NDArray[np.float64], radius_A: float) -> None:
    """Mark discs around points of the canvas as junk."""
    seeds = np.ones(canvas.shape, np.bool_)
    rows, columns = np.clip(np.rint(yx_px).astype(int), 0, np.array(canvas.shape) - 1).T
    seeds[rows, columns] = False
    dirt.junk |= ndimage.distance_transform_edt(seeds) * canvas.pixel_size_A < radius_A
