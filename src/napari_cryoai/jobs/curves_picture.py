"""FSC curves as a picture, and figures of them as people read them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from napari_cryoai.io.atomic import replacing, write_text
from napari_cryoai.physics.fsc import HALF_MAPS, MAP_TO_MODEL, FscCurve

_SIZE, _LEFT, _TOP, _RIGHT, _BOTTOM = (1200, 800), 110, 70, 1160, 680
_LOW, _HIGH = -0.1, 1.05
_TICKS = 6
_LETTER_PX = 12


def write_curves_table(path: Path, rows: Iterable[tuple[str, ...]]) -> None:
    """Write the rows of curves as CSV."""
    write_text(path, "".join(",".join(row) + "\n" for row in rows))


def write_curves_picture(
    path: Path, curves: Mapping[str, FscCurve], colours: Mapping[str, str], heading: str
) -> None:
    """Draw curves of the same shells over frequency, with the usual thresholds, as PNG.

    Parameters
    ----------
    curves
        By the names that the legend gives them, at least one.
    colours
        Of each name: `"#rrggbb"`.
    heading
        On top.
    """
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image)
    _draw_axes(draw, float(next(iter(curves.values())).frequencies[-1]))
    for name, curve in curves.items():
        draw.line(_points(curve), fill=colours[name], width=3, joint="curve")
    _draw_legend(draw, {name: colours[name] for name in curves})
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


def _draw_legend(draw: ImageDraw.ImageDraw, colours: Mapping[str, str]) -> None:
    left = min(_RIGHT - 250, _RIGHT - 90 - _LETTER_PX * max(len(name) for name in colours))
    for i, (name, colour) in enumerate(colours.items()):
        y = _TOP + 30 + 32 * i
        draw.line((left, y, left + 50, y), fill=colour, width=4)
        draw.text((left + 62, y), name, "black", _font(22), anchor="lm")


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
