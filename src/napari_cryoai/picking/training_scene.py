"""Fields to learn picking from: every kind of specimen, microscope and processing, at random.

A field is simulated on a coarse grid, just finer than the one that `preprocess.prepare` takes it
to. What lies beyond its Nyquist frequency would be thrown away anyway, and noise and contrast at
all lower frequencies are those of a micrograph of any finer pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.physics.simulators.micrograph_model import MicrographModel
from napari_cryoai.picking.preprocess import DIAMETER_PX

Floats = NDArray[np.float32]

COARSE_PX = 2 * DIAMETER_PX
"""Pixels per particle diameter of the grid that fields are simulated on."""

SNR_PIXEL_A = 1.5
"""Pixel size that the range of signal-to-noise ratios refers to."""

SNR = (0.015, 0.15)
LEAST_TOTAL_SNR = 80.0
"""Signal-to-noise ratio times the particle's area in pixels: what a matched filter would see."""

EMPTY, DIRTY, FILTERED, BROKEN = 1 / 8, 0.4, 0.3, 0.4
"""Share of fields without particles, with dirt, that someone has filtered already, and where some
particles have come apart."""


def draw_model(
    rng: np.random.Generator, diameter_A: float, frame_px: tuple[int, int]
) -> MicrographModel:
    """Draw how a field looks and how it was recorded.

    Parameters
    ----------
    diameter_A
        Of the particle.
    frame_px
        `(ny, nx)` of the coarse grid.
    """
    pixel_size_A = diameter_A / COARSE_PX
    model = MicrographModel(
        shape=frame_px,
        pixel_size_A=pixel_size_A,
        kind="small",
        diameter_A=diameter_A,
        structure_seed=int(rng.integers(1 << 31)),
        clustering=rng.uniform(0, 0.3),
        snr=_snr(rng, diameter_A) * (pixel_size_A / SNR_PIXEL_A) ** 2,
        contrast_spread=rng.uniform(0.05, 0.3),
        preferred_fraction=rng.uniform(0, 1) if rng.random() < 0.3 else 0.0,
        defocus_A=rng.uniform(5_000, 35_000),
        astigmatism_A=rng.uniform(0, 800),
        astigmatism_angle_deg=rng.uniform(0, 180),
        voltage_kV=300.0 if rng.random() < 0.75 else 200.0,
        amplitude_contrast=rng.uniform(0.06, 0.12),
        b_factor_A2=rng.uniform(40, 250),
        drift_A=rng.exponential(1.5),
        dose_e_per_A2=rng.uniform(15, 60),
        solvent=rng.uniform(0.2, 1.0),
        low_frequency_A=rng.uniform(30, 200),
        ice_gradient=rng.exponential(0.06),
    )
    model = _filled(model, rng)
    if not model.count or rng.random() < DIRTY:
        model = _soiled(model, rng)
    return _filtered(model, rng) if rng.random() < FILTERED else model


def _snr(rng: np.random.Generator, diameter_A: float) -> float:
    """Even on a logarithmic scale; small particles that cannot be seen at all are left out."""
    snr = float(np.exp(rng.uniform(*np.log(SNR))))
    area_px = np.pi / 4 * (diameter_A / SNR_PIXEL_A) ** 2
    return max(snr, LEAST_TOTAL_SNR / area_px)


def _filled(model: MicrographModel, rng: np.random.Generator) -> MicrographModel:
    """With particles, from a few to as many as fit; the longest extent is no limit to nearness."""
    distance_A = model.diameter_A * rng.uniform(0.55, 1.1)
    fits = 0.55 * np.prod(model.shape) * (model.pixel_size_A / distance_A) ** 2
    count = 0 if rng.random() < EMPTY else int(np.ceil(fits * np.exp(-2.5 * rng.random() ** 2)))
    pieces = fits * rng.uniform(0.05, 0.8) if rng.random() < BROKEN else 0
    return replace(model, count=count, min_distance_A=distance_A, n_fragments=round(pieces))


def _soiled(model: MicrographModel, rng: np.random.Generator) -> MicrographModel:
    """With carbon, contamination, aggregates, unfolded particles; not all of them everywhere."""
    carbon, ice, heaps, unfolded = rng.random(4) < (0.45, 0.6, 0.35, 0.3)
    return replace(
        model,
        carbon=rng.uniform(0.03, 0.45) if carbon else 0.0,
        carbon_roughness=np.exp(rng.uniform(0, np.log(8))),
        hole_radius_A=rng.uniform(3_000, 10_000),
        n_ice=int(rng.integers(1, 7)) if ice else 0,
        ice_size_A=model.diameter_A * np.exp(rng.uniform(np.log(0.4), np.log(2.5))),
        n_aggregates=int(rng.integers(1, 4)) if heaps else 0,
        n_denatured=int(rng.integers(1, 8)) if unfolded else 0,
    )


def _filtered(model: MicrographModel, rng: np.random.Generator) -> MicrographModel:
    """With a low-pass of up to more than half the diameter, most with a high-pass."""
    return replace(
        model,
        low_pass_A=model.diameter_A * np.exp(rng.uniform(np.log(0.08), np.log(0.65))),
        high_pass_A=model.diameter_A * rng.uniform(1.5, 5.0) if rng.random() < 0.7 else 0.0,
    )


@dataclass(frozen=True)
class Wear:
    """What a micrograph suffers after it was recorded.

    Attributes
    ----------
    rounding
        Error of storing it in few bits, relative to its standard deviation.
    block_px
        Side of the blocks, in coarse pixels, that share an error: JPEG rounds blocks of 8 x 8.
    smeared_px
        `(4,)` rows and columns at the top, bottom, left and right that repeat their neighbours, as
        the correction of motion leaves them.
    specks
        Tiny spots of extreme values.
    """

    rounding: float
    block_px: int
    smeared_px: tuple[int, int, int, int]
    specks: int


def draw_wear(rng: np.random.Generator, *, filtered: bool) -> Wear:
    """Draw it; filtered micrographs are those that were stored as pictures."""
    rounding = np.exp(rng.uniform(np.log(0.001), np.log(0.1 if filtered else 0.02)))
    width = rng.integers(2, int(1.5 * COARSE_PX), 4)
    sides = np.where(rng.random(4) < 0.5, width, 0) * (rng.random() < 0.12)
    top, bottom, left, right = sides.tolist()
    specks = int(rng.integers(1, 8)) if rng.random() < 0.15 else 0
    return Wear(rounding, int(rng.integers(1, 6)), (top, bottom, left, right), specks)


def worn(
    image: Floats, wear: Wear, smooth_px: float, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.bool_]]:
    """Wear an image, and say where nothing can be picked for it.

    Parameters
    ----------
    smooth_px
        Width that an earlier low-pass gave to the finest detail, as a Gaussian.
    """
    spoilt = np.zeros(image.shape, np.bool_)
    spread = float(image.std())
    image = image + _specks(spoilt, wear.specks, smooth_px, rng) * np.float32(spread)
    image = _smear(image, wear.smeared_px, spoilt)
    ny, nx = (-(-n // wear.block_px) for n in image.shape)
    error = rng.uniform(-1, 1, (ny, nx)).astype(np.float32)
    error = error.repeat(wear.block_px, 0).repeat(wear.block_px, 1)
    image += error[: image.shape[0], : image.shape[1]] * np.float32(wear.rounding * spread)
    return image, spoilt


def _specks(
    spoilt: NDArray[np.bool_], count: int, smooth_px: float, rng: np.random.Generator
) -> Floats:
    """Spots in units of the image's standard deviation; marks them."""
    spots = np.zeros(spoilt.shape, np.float32)
    for y, x in rng.random((count, 2)) * spoilt.shape:
        width = np.hypot(rng.uniform(0.5, 2.5), smooth_px)
        half = int(np.ceil(4 * width))
        rows = slice(max(0, int(y) - half), int(y) + half + 1)
        columns = slice(max(0, int(x) - half), int(x) + half + 1)
        gy, gx = (np.arange(n)[at] for n, at in zip(spoilt.shape, (rows, columns), strict=True))
        distance2 = (gy[:, None] - y) ** 2 + (gx - x) ** 2
        height = rng.uniform(3, 15) * (1 if rng.random() < 0.3 else -1)
        spots[rows, columns] += height * np.exp(-distance2 / (2 * width**2))
        spoilt[rows, columns] |= distance2 < (2 * width) ** 2
    return spots


def _smear(
    image: Floats, smeared_px: tuple[int, int, int, int], spoilt: NDArray[np.bool_]
) -> Floats:
    """Repeat the outermost good rows and columns; marks the rest."""
    top, bottom, left, right = smeared_px
    ny, nx = image.shape
    good = image[top : ny - bottom, left : nx - right]
    inside = np.zeros(image.shape, np.bool_)
    inside[top : ny - bottom, left : nx - right] = True
    spoilt |= ~inside
    return np.pad(good, ((top, bottom), (left, right)), mode="edge")
