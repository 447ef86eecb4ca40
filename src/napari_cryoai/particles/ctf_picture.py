"""A picture of a fitted CTF: rings and model side by side, and the curves along them."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from napari_cryoai.particles.ctf_curves import CtfCurves
from napari_cryoai.particles.ctf_estimation import CtfFit
from napari_cryoai.particles.ctf_phase import Floats, directed_defocus_A, turns

SIZE = 640
_PLOT, _TEXT, _EDGE = 190, 48, 12
_MARGIN = 1.1
"""How much further than the fit the picture reaches."""

BACK, INK, FAINT = "#ffffff", "#222222", "#bbbbbb"
MEASURED, MODEL, AGREEMENT = "#000000", "#d55e00", "#56b4e9"
"""Okabe and Ito's colours, told apart by everybody."""
_N_ANGLES = 360
_TICKS_A = (30, 20, 15, 10, 8, 7, 6, 5, 4.5, 4, 3.5, 3, 2.5)


def ctf_picture(fit: CtfFit, title: str = "") -> bytes:
    """Draw the spectrum (left half) beside its model (right half), and the curves below.

    Returns
    -------
    png
        The bytes of a PNG file.
    """
    largest = min(_MARGIN / fit.fitted_A[1], fit.curves.g[-1])
    picture = Image.new("RGB", (SIZE, SIZE + _PLOT + _TEXT), BACK)
    picture.paste(_grey(halves(fit, largest)), (0, 0))
    draw = ImageDraw.Draw(picture)
    _plot(draw, fit, largest)
    font = ImageFont.load_default(14)
    for line, text in enumerate((title, summary(fit))):
        draw.text((_EDGE, SIZE + _PLOT + 4 + 20 * line), text, INK, font)
    file = io.BytesIO()
    picture.quantize(96).save(file, format="PNG", optimize=True)
    return file.getvalue()


def summary(fit: CtfFit) -> str:
    """The fit in one line."""
    plate = f", phase shift {fit.phase_shift_deg:.0f} deg" if fit.phase_shift_deg else ""
    return (
        f"defocus {fit.defocus_u_A:.0f} / {fit.defocus_v_A:.0f} A at "
        f"{fit.defocus_angle_deg:.1f} deg{plate}, score {fit.score:.3f}, "
        f"fits to {fit.fit_resolution_A:.1f} A"
    )


def halves(fit: CtfFit, largest: float) -> Floats:
    """Spectrum and model over the square up to frequency `largest`, centred, row 0 on top.

    The spectrum is averaged over ten degrees along circles, and has zero mean and unit variance at
    all radii, which makes weak rings as clear as strong ones.
    """
    half = int(largest / fit.spectrum.step)
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
    angle = np.arctan2(y, x) % np.pi / np.pi * _N_ANGLES
    polar = _polar(fit, 2 * half)
    square: Floats = ndimage.map_coordinates(
        polar, [np.hypot(y, x), angle], order=1, mode="grid-wrap"
    )
    square[:, half:] = _model(fit, half)[:, half:]
    return square


def levelled(curves: CtfCurves, width: float) -> Floats:
    """The measured curve with zero mean and unit variance around each point."""
    known = np.isfinite(curves.power)
    at = np.arange(len(known))
    power = np.interp(at, at[known], curves.power[known])
    power = power - ndimage.gaussian_filter1d(power, width)
    spread = np.sqrt(ndimage.gaussian_filter1d(power**2, width))
    levelled: Floats = power / np.maximum(spread, 1e-12)
    return levelled


def _polar(fit: CtfFit, n: int) -> Floats:
    """`(n, angles from 0 to 180 degrees)`: the spectrum smoothed and levelled."""
    power = fit.spectrum.whitened
    limit = len(power) // 2 - 1
    radius = np.minimum(np.arange(n), limit)[:, None]
    angle = np.arange(_N_ANGLES) * np.pi / _N_ANGLES
    y, x = radius * np.sin(angle), radius * np.cos(angle)
    # Half of the plane is there: the other is its image in the point of frequency 0.
    sign = np.where(x < 0, -1, 1)
    at = [(y * sign) % len(power), np.abs(x)]
    polar = ndimage.map_coordinates(power, at, order=1, mode="grid-wrap")
    polar = ndimage.gaussian_filter(polar, (0.7, 5 * _N_ANGLES / 180), mode=("nearest", "wrap"))
    polar -= ndimage.gaussian_filter1d(polar.mean(1), 10)[:, None]
    variance = ndimage.gaussian_filter1d((polar**2).mean(1), 10)
    levelled: Floats = polar / np.sqrt(np.maximum(variance, 1e-12))[:, None]
    return levelled


def _model(fit: CtfFit, half: int) -> Floats:
    g = fit.spectrum.step * np.arange(-half, half + 1)
    gy, gx = np.meshgrid(g, g, indexing="ij")
    mean, difference = fit.defocus_A, (fit.defocus_u_A - fit.defocus_v_A) / 2
    angle = np.radians(2 * fit.defocus_angle_deg)
    yx = (difference * np.sin(angle), difference * np.cos(angle))
    g2 = gy**2 + gx**2
    phase = fit.optics.phase(
        directed_defocus_A(mean, yx, turns(gy, gx)), g2, np.radians(fit.phase_shift_deg)
    )
    fitted = (g2 >= fit.fitted_A[0] ** -2) & (g2 <= fit.fitted_A[1] ** -2)
    model: Floats = np.where(fitted, -np.sqrt(2) * np.cos(2 * phase), 0.0)
    return model


def _grey(values: Floats) -> Image.Image:
    grey = np.clip(127.5 + 55 * values, 0, 255).astype(np.uint8)
    return Image.fromarray(grey).resize((SIZE, SIZE), Image.Resampling.BICUBIC).convert("RGB")


def _plot(draw: ImageDraw.ImageDraw, fit: CtfFit, largest: float) -> None:
    left, right = _EDGE, SIZE - _EDGE
    top, bottom = SIZE + _EDGE, SIZE + _PLOT - 22
    shown = fit.curves.g <= largest
    x = left + fit.curves.g[shown] / largest * (right - left)
    _axis(draw, largest, (left, right), (top, bottom))

    def line(values: NDArray[np.float64], colour: str, width: int) -> None:
        y = bottom - np.clip(values[shown], -0.15, 1.15) * (bottom - top) / 1.2
        from_here = fit.curves.g[shown] >= 1 / fit.fitted_A[0]
        points = np.stack([x, y], 1)[from_here].ravel().tolist()
        draw.line(points, colour, width, joint="curve")

    line(np.maximum(fit.curves.agreement, 0.0), AGREEMENT, 2)
    line(fit.curves.model, MODEL, 2)
    line(0.5 + levelled(fit.curves, 14) * 0.354, MEASURED, 1)
    end = left + 1 / fit.fitted_A[1] / largest * (right - left)
    draw.line((end, top, end, bottom), FAINT)


def _axis(
    draw: ImageDraw.ImageDraw, largest: float, x: tuple[int, int], y: tuple[int, int]
) -> None:
    font = ImageFont.load_default(11)
    draw.line((x[0], y[1], x[1], y[1]), INK)
    free = float(x[0])
    for tick_A in _TICKS_A:
        at = x[0] + 1 / tick_A / largest * (x[1] - x[0])
        text = f"{tick_A:g} A"
        if not free <= at <= x[1] - 20:
            continue
        draw.line((at, y[1], at, y[1] + 4), INK)
        draw.text((at, y[1] + 5), text, INK, font, anchor="mt")
        free = at + 34
    legend = (("measured", MEASURED), ("model", MODEL), ("agreement", AGREEMENT))
    for i, (text, colour) in enumerate(legend):
        draw.text((x[1] - 230 + 80 * i, y[0] - 10), text, colour, font)
