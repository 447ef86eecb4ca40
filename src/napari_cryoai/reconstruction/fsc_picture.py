"""FSC curves as a picture and as a table."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from napari_cryoai.io.atomic import replacing, write_text
from napari_cryoai.physics.fsc import HALF_MAPS, MAP_TO_MODEL, FscCurve, HalfMapFsc

COLOURS = {
    "unmasked": "#0072b2",
    "masked": "#e69f00",
    "randomised": "#999999",
    "corrected": "#000000",
}
"""Okabe and Ito's, told apart by everybody; black for the curve to report."""
_SIZE, _LEFT, _TOP, _RIGHT, _BOTTOM = (1200, 800), 110, 70, 1160, 680
_LOW, _HIGH = -0.1, 1.05
_TICKS = 6


def write_fsc_table(path: Path, curves: HalfMapFsc) -> None:
    """Write all curves as CSV, a row for each shell."""
    write_text(path, "".join(",".join(row) + "\n" for row in curves.rows()))


def write_fsc_picture(path: Path, curves: HalfMapFsc, title: str = "") -> None:
    """Draw all curves over frequency, with their thresholds, as PNG.

    Parameters
    ----------
    title
        Put before the resolution of the curve to report.
    """
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image)
    _draw_axes(draw, float(curves.unmasked.frequencies[-1]))
    for name, curve in curves.curves().items():
        draw.line(_points(curve), fill=COLOURS[name], width=3, joint="curve")
    _draw_legend(draw, list(curves.curves()))
    resolution = resolution_text(curves.best.resolution_A(HALF_MAPS))
    heading = f"{title}{': ' if title else ''}{resolution} at FSC = {HALF_MAPS}"
    draw.text(((_LEFT + _RIGHT) / 2, 35), heading, "black", _font(28), anchor="mm")
    with replacing(path) as part:
        image.save(part, format="PNG")


def resolution_text(resolution_A: float) -> str:
    """A resolution for people; the first shell may already lie below the threshold."""
    return f"{resolution_A:.2f} A" if math.isfinite(resolution_A) else "none"


def _draw_axes(draw: ImageDraw.ImageDraw, highest: float) -> None:
    for level in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        y = _y(level)
        draw.line((_LEFT, y, _RIGHT, y), fill="#dddddd", width=1)
        draw.text((_LEFT - 12, y), f"{level:.1f}", "black", _font(20), anchor="rm")
    for level in (HALF_MAPS, MAP_TO_MODEL):
        y = _y(level)
        for dash in range(_LEFT, _RIGHT, 16):
            draw.line((dash, y, dash + 8, y), fill="#d55e00", width=2)
        draw.text((_RIGHT - 4, y - 2), f"{level:g}", "#d55e00", _font(20), anchor="rb")
    for i in range(_TICKS + 1):
        x = _LEFT + (_RIGHT - _LEFT) * i / _TICKS
        g = highest * i / _TICKS
        draw.line((x, _BOTTOM, x, _BOTTOM + 8), fill="black", width=2)
        label = f"{g:.3f}\n({1 / g:.1f} A)" if i else "0"
        draw.multiline_text((x, _BOTTOM + 14), label, "black", _font(20), anchor="ma")
    draw.rectangle((_LEFT, _TOP, _RIGHT, _BOTTOM), outline="black", width=2)
    middle = ((_LEFT + _RIGHT) / 2, _SIZE[1] - 24)
    draw.text(middle, "frequency [1/A] (resolution)", "black", _font(22), anchor="mm")
    draw.text((14, _TOP - 30), "FSC", "black", _font(22), anchor="lm")


def _draw_legend(draw: ImageDraw.ImageDraw, names: list[str]) -> None:
    for i, name in enumerate(names):
        x, y = _RIGHT - 250, _TOP + 30 + 32 * i
        draw.line((x, y, x + 50, y), fill=COLOURS[name], width=4)
        draw.text((x + 62, y), name, "black", _font(22), anchor="lm")


def _points(curve: FscCurve) -> list[tuple[float, float]]:
    last = curve.values.numel() - 1
    width = _RIGHT - _LEFT
    values = curve.values.detach().cpu().tolist()
    return [(_LEFT + width * k / last, _y(v)) for k, v in enumerate(values)]


def _y(value: float) -> float:
    part = (min(max(value, _LOW), _HIGH) - _LOW) / (_HIGH - _LOW)
    return _BOTTOM - part * (_BOTTOM - _TOP)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
