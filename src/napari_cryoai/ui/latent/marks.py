"""What is drawn around and on top of the particles: axes, colour bar, cursor, path, lasso."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF

from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.latent.colours import LABELS, SELECTED, Tint, bar_colours
from napari_cryoai.ui.latent.energy import FreeEnergy
from napari_cryoai.ui.latent.tools import LatentTool, Stroke
from napari_cryoai.ui.latent.view import View, ticks

PATH = "#e05d9a"
"""Pink: neither a colour of particles nor that of a selection."""
_CENTRE = Qt.AlignmentFlag.AlignCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_BAR_PX = 12


@dataclass(frozen=True, eq=False)
class Path:
    """A path in the plane.

    Attributes
    ----------
    anchors
        `(a, 2)` points that the user has set.
    line
        `(m, 2)` points along it.
    at
        Which of these is shown; None while the path is not played.
    """

    anchors: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    line: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    at: int | None = None


NO_PATH = Path()


def draw_axes(painter: QPainter, area: QRectF, view: View, x: str, y: str) -> None:
    """A frame with ticks, their numbers, and the names of the columns."""
    grid, text = theme.colour("foreground"), theme.colour("text").darker(115)
    painter.save()
    small = painter.font()
    small.setPointSizeF(small.pointSizeF() * 0.85)
    painter.setFont(small)
    across, up = ticks(view.x, area.width(), 64), ticks(view.y, area.height(), 46)
    for value, label in zip(across, numbers(across), strict=True):
        at = area.left() + (value - view.x[0]) / (view.x[1] - view.x[0]) * area.width()
        painter.setPen(QPen(grid, 1))
        painter.drawLine(QPointF(at, area.top()), QPointF(at, area.bottom()))
        painter.setPen(text)
        painter.drawText(QRectF(at - 30, area.bottom() + 2, 60, 15), _CENTRE, label)
    for value, label in zip(up, numbers(up), strict=True):
        at = area.bottom() - (value - view.y[0]) / (view.y[1] - view.y[0]) * area.height()
        painter.setPen(QPen(grid, 1))
        painter.drawLine(QPointF(area.left(), at), QPointF(area.right(), at))
        painter.setPen(text)
        painter.drawText(QRectF(0, at - 8, area.left() - 5, 16), _RIGHT, label)
    painter.setPen(theme.colour("text"))
    painter.drawText(QRectF(area.left(), area.bottom() + 17, area.width(), 16), _CENTRE, x)
    painter.translate(7, area.center().y())
    painter.rotate(-90)
    painter.drawText(QRectF(-area.height() / 2, -8, area.height(), 16), _CENTRE, y)
    painter.restore()


def draw_bar(painter: QPainter, area: QRectF, tint: Tint, name: str) -> None:
    """What the colours mean, to the right of the particles."""
    painter.save()
    small = painter.font()
    small.setPointSizeF(small.pointSizeF() * 0.8)
    painter.setFont(small)
    left = area.right() + 8
    if tint.labels:
        _draw_legend(painter, left, area, tint)
    else:
        _draw_scale(painter, QRectF(left, area.top() + 16, _BAR_PX, area.height() - 22), tint)
    painter.setPen(theme.colour("text"))
    metrics = painter.fontMetrics()
    words = metrics.elidedText(name, Qt.TextElideMode.ElideRight, 56)
    painter.drawText(QRectF(left - 4, area.top() - 4, 60, 16), _LEFT, words)
    painter.restore()


def draw_cursor(painter: QPainter, view: View, point: ArrayLike) -> None:
    """A cross in a ring, light with a dark rim: seen on any colour."""
    (centre,) = _pixels(view, point)
    x, y = centre.x(), centre.y()
    light, dark = theme.colour("text"), theme.colour("background").darker(160)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, wide in ((dark, 4.5), (light, 2.0)):
        painter.setPen(QPen(colour, wide))
        painter.drawEllipse(centre, 7.5, 7.5)
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            start, end = QPointF(x + 4.5 * dx, y + 4.5 * dy), QPointF(x + 13 * dx, y + 13 * dy)
            painter.drawLine(start, end)


def draw_ring(painter: QPainter, view: View, point: ArrayLike) -> None:
    """Around the particle under the mouse."""
    (centre,) = _pixels(view, point)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(theme.colour("text"), 1.4))
    painter.drawEllipse(centre, 4.5, 4.5)


def draw_energy(painter: QPainter, view: View, energy: FreeEnergy) -> None:
    """Contours, the stronger the deeper in the valley, and the level of the longest of each."""
    light, dark = theme.colour("text"), theme.colour("background").darker(140)
    rim = QColor(dark)
    rim.setAlpha(150)
    painter.save()
    small = painter.font()
    small.setPointSizeF(small.pointSizeF() * 0.8)
    painter.setFont(small)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    lines = [(c.level_kT, QPolygonF(_pixels(view, c.points))) for c in energy.contours]
    for colour, more in ((rim, 1.6), (light, 0.0)):
        for level, line in lines:
            painter.setPen(QPen(colour, max(0.7, 1.9 - 0.3 * level) + more))
            painter.drawPolyline(line)
    longest = dict(sorted(lines, key=lambda item: len(item[1])))
    for i, (level, line) in enumerate(sorted(longest.items())):
        # Contours lie close together: each is labelled at another place along it.
        _draw_words(painter, line[len(line) * i // len(longest)], f"{level:g}", light, dark)
    painter.restore()


def draw_note(painter: QPainter, width: float, words: str) -> None:
    """Words in the upper left corner, on a ground of their own."""
    if not words:
        return
    room = QRectF(0, 0, width - 16, 200)
    flags = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
    ground = theme.colour("background")
    ground.setAlpha(220)
    box = painter.boundingRect(room.translated(8, 6), int(flags), words)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(box.adjusted(-5, -3, 5, 3), 4, 4)
    painter.setPen(theme.colour("text"))
    painter.drawText(box, int(flags), words)


def draw_path(painter: QPainter, view: View, path: Path) -> None:
    """Its line, its anchors with their numbers, and where it is played."""
    rim = theme.colour("background").darker(140)
    line = QPolygonF(_pixels(view, path.line))
    for colour, wide in ((rim, 4.5), (QColor(PATH), 2.2)):
        pen = QPen(colour, wide)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.drawPolyline(line)
    painter.setPen(QPen(rim, 1))
    painter.setBrush(QColor(PATH))
    for place in line:
        painter.drawEllipse(place, 2.6, 2.6)
    for number, place in enumerate(_pixels(view, path.anchors), 1):
        painter.setPen(QPen(rim, 1.2))
        painter.setBrush(QColor(PATH))
        painter.drawEllipse(place, 8, 8)
        painter.setPen(QColor("white"))
        painter.drawText(QRectF(place.x() - 8, place.y() - 8, 16, 16), _CENTRE, str(number))


def draw_stroke(painter: QPainter, stroke: Stroke, brush_px: float) -> None:
    """The lasso or the brush stroke that is being drawn."""
    line = QPolygonF([QPointF(x, y) for x, y in stroke.pixels])
    taken = stroke.combine == "subtract"
    shade = theme.colour("error") if taken else QColor(SELECTED)
    fill = QColor(shade)
    fill.setAlpha(50)
    if stroke.tool is LatentTool.BRUSH:
        fill.setAlpha(90)
        pen = QPen(fill, 2 * brush_px)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(line) if len(line) > 1 else painter.drawPoint(line[0])
        return
    painter.setPen(QPen(shade, 1.6))
    painter.setBrush(fill)
    painter.drawPolygon(line)


def draw_brush(painter: QPainter, pixel: tuple[float, float], brush_px: float) -> None:
    """How far the brush reaches."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(SELECTED), 1.5))
    painter.drawEllipse(QPointF(*pixel), brush_px, brush_px)


def numbers(values: list[float]) -> list[str]:
    """Ticks as they are read, all with as many places."""
    if not values:
        return []
    largest = max(abs(v) for v in values)
    if largest >= 1e5 or 0 < largest < 1e-3:
        return [f"{v:.1e}" for v in values]
    step = min((b - a for a, b in pairwise(values)), default=largest or 1.0)
    places = max(0, -int(np.floor(np.log10(step) + 1e-9)))
    rounded = (round(v, places) + 0.0 for v in values)  # 0.0 takes the sign from a zero
    return [f"{v:,.{places}f}" for v in rounded]


def _draw_scale(painter: QPainter, bar: QRectF, tint: Tint) -> None:
    rows = max(2, int(bar.height()))
    for i, rgb in enumerate(bar_colours(tint, rows)[::-1]):
        shade = QColor.fromRgbF(*(float(c) for c in rgb))
        painter.fillRect(QRectF(bar.left(), bar.top() + i, bar.width(), 1.2), shade)
    low, high = tint.limits
    values = ticks(tint.limits, bar.height(), 40)
    painter.setPen(theme.colour("text").darker(115))
    for value, label in zip(values, numbers(values), strict=True):
        y = bar.bottom() - (value - low) / (high - low) * bar.height()
        painter.drawText(QRectF(bar.right() + 4, y - 8, 40, 16), _LEFT, label)


def _draw_legend(painter: QPainter, left: float, area: QRectF, tint: Tint) -> None:
    assert tint.values is not None  # noqa: S101 - drawn only with values
    last = int(np.nanmax(tint.values, initial=0))
    for label in range(last + 1):
        y = area.top() + 18 + 15 * label
        if y > area.bottom() - 10:
            break
        painter.fillRect(QRectF(left, y, 10, 10), QColor(LABELS[label % len(LABELS)]))
        painter.setPen(theme.colour("text").darker(115))
        painter.drawText(QRectF(left + 15, y - 3, 40, 16), _LEFT, str(label))


def _draw_words(painter: QPainter, place: QPointF, words: str, ink: QColor, ground: QColor) -> None:
    """A few letters on a ground of their own, around a place."""
    wide = painter.fontMetrics().horizontalAdvance(words) + 6
    box = QRectF(place.x() - wide / 2, place.y() - 7, wide, 14)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(box, 4, 4)
    painter.setPen(ink)
    painter.drawText(box, _CENTRE, words)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _pixels(view: View, points: ArrayLike) -> list[QPointF]:
    return [QPointF(float(x), float(y)) for x, y in view.to_pixels(points)]
