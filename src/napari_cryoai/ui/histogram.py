"""Histogram of scores with a threshold that is dragged, or moved with the arrow keys."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_cryoai.ui import theme

BINS = 64
_MARGIN = 8


class ScoreHistogram(QWidget):
    """Counts by score: of all micrographs as bars, of the one on screen as an outline.

    The bars carry the colours of the circles, so the histogram is their legend too. Counts are
    drawn as square roots: the few good picks must not drown in the many poor ones.
    """

    threshold_changed = Signal(float)
    released = Signal()

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.span = (0.0, 1.0)
        self.threshold: float | None = None
        self._all = np.zeros(BINS)
        self._current = np.zeros(BINS)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Score threshold")
        self.setToolTip(
            "Bars: scores on all micrographs. Line: on this one.\n"
            "Drag the marker, or use the arrow keys, to hide the picks that score less.\n"
            "Nothing is deleted."
        )

    def sizeHint(self) -> QSize:
        return QSize(280, 96)

    def set_scores(
        self,
        everywhere: NDArray[np.floating],
        here: NDArray[np.floating],
        span: tuple[float, float],
    ) -> None:
        """Count `(n,)` scores of all micrographs and of the one on screen; NaN is left out."""
        self.span = span
        self._all = _binned(everywhere, span)
        self._current = _binned(here, span)
        self.update()

    def set_threshold(self, threshold: float | None) -> None:
        """Move the marker without a signal."""
        if threshold != self.threshold:
            self.threshold = threshold
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
        if step is None:
            super().keyPressEvent(event)
            return
        low, high = self.span
        start = self.threshold if self.threshold is not None else low
        self._choose(start + step * (high - low) / 200)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.isAutoRepeat():
            return
        self.released.emit()
        super().keyReleaseEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        self.update()

    def _drag_to(self, x: float) -> None:
        low, high = self.span
        t = (x - _MARGIN) / max(1, self.width() - 2 * _MARGIN)
        self._choose(low + float(np.clip(t, 0, 1)) * (high - low))

    def _choose(self, threshold: float) -> None:
        low, high = self.span
        self.threshold = float(np.clip(threshold, low, high))
        self.update()
        self.threshold_changed.emit(self.threshold)

    # Drawing ------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(_MARGIN, 4, -_MARGIN, -4)
        painter.fillRect(self.rect(), theme.colour("background").darker(112))
        if not self._all.any():
            painter.setPen(theme.colour("text").darker(140))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, "No scored picks yet")
            return
        self._bars(painter, area)
        self._outline(painter, area)
        if self.threshold is not None:
            self._marker(painter, area)
        if self.hasFocus():
            painter.setPen(QPen(theme.colour("current"), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _bars(self, painter: QPainter, area: QRectF) -> None:
        edges = np.linspace(*self.span, BINS + 1)
        middles = (edges[1:] + edges[:-1]) / 2
        colours = theme.score_rgba(middles, self.span)
        hidden = theme.colour("primary")
        heights = _heights(self._all)
        width = area.width() / BINS
        for i in range(BINS):
            above = self.threshold is None or middles[i] >= self.threshold
            fill = QColor.fromRgbF(*(float(c) for c in colours[i])) if above else hidden
            height = heights[i] * area.height()
            bar = QRectF(area.left() + i * width, area.bottom() - height, width - 0.6, height)
            painter.fillRect(bar, fill)

    def _outline(self, painter: QPainter, area: QRectF) -> None:
        heights = _heights(self._current)
        if not heights.any():
            return
        width = area.width() / BINS
        line = QPolygonF()
        for i, height in enumerate(heights):
            y = area.bottom() - height * area.height()
            line.append(QPointF(area.left() + i * width, y))
            line.append(QPointF(area.left() + (i + 1) * width, y))
        painter.setPen(QPen(theme.colour("text"), 1.2))
        painter.drawPolyline(line)

    def _marker(self, painter: QPainter, area: QRectF) -> None:
        low, high = self.span
        t = float(np.clip((self.threshold - low) / max(high - low, 1e-12), 0, 1))  # type: ignore[operator]
        x = area.left() + t * area.width()
        painter.setPen(QPen(theme.colour("text"), 2))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        painter.setBrush(theme.colour("text"))
        top = area.top() - 3
        grip = [QPointF(x - 5, top), QPointF(x + 5, top), QPointF(x, top + 8)]
        painter.drawPolygon(QPolygonF(grip))


def _binned(score: NDArray[np.floating], span: tuple[float, float]) -> NDArray[np.float64]:
    finite = score[np.isfinite(score)]
    counts, _ = np.histogram(np.clip(finite, *span), BINS, span)
    return counts.astype(float)


def _heights(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    root = np.sqrt(counts)
    return np.asarray(root / max(float(root.max()), 1.0))
