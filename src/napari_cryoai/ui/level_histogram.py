"""Histogram of a map's densities with the level of its surface, which is dragged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_cryoai.ui import theme
from napari_cryoai.ui.map_session import OpenMap

BARS = 128
_MARGIN = 8


class LevelHistogram(QWidget):
    """Voxels by density, in logarithms: what lies above the level has the colour of the surface.

    Signals
    -------
    moved(level)
        The marker is being dragged, or a key is held.
    released()
        It is let go.
    """

    moved = Signal(float)
    released = Signal()

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._map: OpenMap | None = None
        self._heights = np.zeros(BARS)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Level of the surface")
        self.setToolTip(
            "How many voxels have which density (logarithmic).\n"
            "Drag the marker, or use the arrow keys, to move the surface."
        )

    def sizeHint(self) -> QSize:
        return QSize(280, 90)

    def set_map(self, opened: OpenMap | None) -> None:
        """Show the densities of a map."""
        self._map = opened
        self._heights = _bars(opened) if opened is not None else np.zeros(BARS)
        self.update()

    # Mouse and keyboard -------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._drag_to(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._drag_to(event.position().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.released.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: -5, Qt.Key.Key_Up: 5}
        step = steps.get(Qt.Key(event.key()))
        if step is None or self._map is None:
            super().keyPressEvent(event)
            return
        low, high = self._map.contour.span
        self._choose(self._map.level + step * (high - low) / 200)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.isAutoRepeat():
            return
        self.released.emit()
        super().keyReleaseEvent(event)

    def _drag_to(self, x: float) -> None:
        if self._map is not None:
            low, high = self._map.contour.span
            t = (x - _MARGIN) / max(1, self.width() - 2 * _MARGIN)
            self._choose(low + float(np.clip(t, 0, 1)) * (high - low))

    def _choose(self, level: float) -> None:
        if self._map is not None:
            self.moved.emit(float(np.clip(level, *self._map.contour.span)))

    # Drawing ------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(_MARGIN, 8, -_MARGIN, -4)
        painter.fillRect(self.rect(), theme.colour("background").darker(112))
        if self._map is None:
            return
        low, high = self._map.contour.span
        at = area.left() + (self._map.level - low) / max(high - low, 1e-30) * area.width()
        self._bars(painter, area, at, QColor(self._map.colour))
        self._marker(painter, area, float(np.clip(at, area.left(), area.right())))
        if self.hasFocus():
            painter.setPen(QPen(theme.colour("current"), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _bars(self, painter: QPainter, area: QRectF, at: float, shade: QColor) -> None:
        outline = QPolygonF([area.bottomLeft()])
        width = area.width() / BARS
        for i, height in enumerate(self._heights):
            y = area.bottom() - height * area.height()
            outline.append(QPointF(area.left() + i * width, y))
            outline.append(QPointF(area.left() + (i + 1) * width, y))
        outline.append(area.bottomRight())
        painter.setPen(Qt.PenStyle.NoPen)
        for colour, left, right in (
            (theme.colour("primary"), area.left(), at),
            (shade, at, area.right()),
        ):
            painter.setClipRect(QRectF(left, 0, max(right - left, 0), self.height()))
            painter.setBrush(colour)
            painter.drawPolygon(outline)
        painter.setClipping(False)

    def _marker(self, painter: QPainter, area: QRectF, x: float) -> None:
        painter.setPen(QPen(theme.colour("text"), 2))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        painter.setBrush(theme.colour("text"))
        top = area.top() - 5
        painter.drawPolygon(
            QPolygonF([QPointF(x - 5, top), QPointF(x + 5, top), QPointF(x, top + 8)])
        )


def _bars(opened: OpenMap) -> NDArray[np.float64]:
    """Heights from 0 to 1 of the voxels in equal steps of the span."""
    contour = opened.contour
    levels = np.linspace(*contour.span, BARS + 1)
    below = np.append(0, np.cumsum(contour.counts))
    counts = np.diff(np.interp(levels, contour.edges, below))
    heights = np.log1p(counts)
    return np.asarray(heights / max(float(heights.max()), 1.0))
