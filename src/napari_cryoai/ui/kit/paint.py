"""Excluded regions as a picture: what the brush painted and what the picker found to be junk."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QImage, QPainter, QPen, QPolygonF

from napari_cryoai.core.document import Stroke

PAINTED, JUNK = 1, 2


class Canvas:
    """A coarse label image of one micrograph, onto which strokes are drawn as they come.

    Parameters
    ----------
    shape
        `(ny, nx)` of the micrograph.
    longest
        The most pixels that the label image may have along a side.
    """

    def __init__(self, shape: tuple[int, int], longest: int = 768):
        self.binning = max(1.0, max(shape) / longest)
        self._ny, self._nx = (max(1, round(n / self.binning)) for n in shape)
        self._image = QImage(self._nx, self._ny, QImage.Format.Format_Grayscale8)
        self._image.fill(0)

    def draw(self, stroke: Stroke) -> None:
        """Add one stroke."""
        painter = QPainter(self._image)
        shade = Qt.GlobalColor.black if stroke.erase else Qt.GlobalColor.white
        pen = QPen(shade, 2 * stroke.radius_px / self.binning)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        path = [self._point(yx) for yx in stroke.yx_px]
        if len(path) == 1:
            painter.drawPoint(path[0])
        else:
            painter.drawPolyline(QPolygonF(path))
        painter.end()

    def draw_all(self, strokes: Iterable[Stroke]) -> None:
        """Start from nothing and add strokes in order."""
        self._image.fill(0)
        for stroke in strokes:
            self.draw(stroke)

    def labels(self, junk: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
        """`(ny, nx)` uint8: `PAINTED`, `JUNK` where `junk` (same field of view) is set, or 0."""
        bits = self._image.constBits()
        if hasattr(bits, "setsize"):  # PyQt's pointer does not know its size; PySide's does
            bits.setsize(self._image.sizeInBytes())
        rows = np.frombuffer(bits, np.uint8).reshape(self._ny, self._image.bytesPerLine())
        painted = rows[:, : self._nx] > 127
        labels = np.zeros((self._ny, self._nx), np.uint8)
        if junk is not None:
            rows_at = np.arange(self._ny) * junk.shape[0] // self._ny
            columns_at = np.arange(self._nx) * junk.shape[1] // self._nx
            labels[junk[np.ix_(rows_at, columns_at)]] = JUNK
        labels[painted] = PAINTED
        return labels

    def _point(self, yx_px: tuple[float, float]) -> QPointF:
        y, x = ((v + 0.5) / self.binning for v in yx_px)
        return QPointF(x, y)
