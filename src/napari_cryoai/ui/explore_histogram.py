"""Histogram of a column, in the colours of the scatter plot, with a threshold that is dragged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_cryoai.ui import theme
from napari_cryoai.ui.latent_colours import Tint, colours_of
from napari_cryoai.ui.latent_marks import numbers
from napari_cryoai.ui.latent_view import ticks

BINS = 80
_MARGIN, _FOOT = 8, 18


class ColumnHistogram(QWidget):
    """Particles by a number; the marker parts those above from those below.

    Signals
    -------
    moved(threshold)
        The marker is dragged, or moved with the arrow keys.
    """

    moved = Signal(float)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.tint = Tint()
        self.threshold = 0.0
        self._counts = np.zeros(BINS)
        self._span = (0.0, 1.0)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Threshold")
        self.setToolTip("Particles by their density in the region. Drag the marker to part them.")

    def sizeHint(self) -> QSize:
        return QSize(280, 104)

    def set_values(self, values: NDArray[np.float32] | None) -> None:
        """Show another column; the threshold begins where it parts the values best."""
        self.tint = Tint() if values is None else Tint.of(values, labels=False)
        self._counts = np.zeros(BINS)
        if values is not None and len(values):
            low, high = (
                float(v)
                for v in np.quantile(values[:: max(1, len(values) // 200_000)], (0.001, 0.999))
            )
            self._span = (low, high) if high > low else (low - 0.5, low + 0.5)
            self._counts = np.histogram(np.clip(values, *self._span), BINS, self._span)[0].astype(
                float
            )
            self.threshold = _otsu(self._counts, self._span)
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._drag_to(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._drag_to(event.position().x())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: -5, Qt.Key.Key_Up: 5}
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self._choose(self.threshold + step * (self._span[1] - self._span[0]) / 200)

    def _drag_to(self, x: float) -> None:
        low, high = self._span
        t = (x - _MARGIN) / max(1, self.width() - 2 * _MARGIN)
        self._choose(low + float(np.clip(t, 0, 1)) * (high - low))

    def _choose(self, threshold: float) -> None:
        if self._counts.any():
            self.threshold = float(np.clip(threshold, *self._span))
            self.update()
            self.moved.emit(self.threshold)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.colour("background").darker(112))
        area = QRectF(self.rect()).adjusted(_MARGIN, 8, -_MARGIN, -_FOOT)
        if not self._counts.any():
            painter.setPen(theme.colour("text").darker(140))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "No region yet")
            return
        low, high = self._span
        edges = np.linspace(low, high, BINS + 1)
        rgb = colours_of((edges[1:] + edges[:-1]) / 2, self.tint)
        heights = np.sqrt(self._counts / self._counts.max())
        wide = area.width() / BINS
        for i, height in enumerate(heights * area.height()):
            fill = QColor.fromRgbF(*(float(c) for c in rgb[i]))
            fill.setAlphaF(1.0 if edges[i] >= self.threshold else 0.35)
            bar = QRectF(area.left() + i * wide, area.bottom() - height, wide - 0.5, height)
            painter.fillRect(bar, fill)
        self._axis(painter, area)
        self._marker(painter, area)

    def _axis(self, painter: QPainter, area: QRectF) -> None:
        values, (low, high) = ticks(self._span, area.width(), 56), self._span
        painter.setPen(theme.colour("text").darker(115))
        for value, label in zip(values, numbers(values), strict=True):
            x = area.left() + (value - low) / (high - low) * area.width()
            place = QRectF(x - 28, area.bottom() + 1, 56, 16)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, label)

    def _marker(self, painter: QPainter, area: QRectF) -> None:
        low, high = self._span
        x = area.left() + (self.threshold - low) / (high - low) * area.width()
        painter.setPen(QPen(theme.colour("text"), 2))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        painter.setBrush(theme.colour("text"))
        top = area.top() - 6
        grip = [QPointF(x - 5, top), QPointF(x + 5, top), QPointF(x, top + 8)]
        painter.drawPolygon(QPolygonF(grip))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour("current"), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))


def _otsu(counts: NDArray[np.floating], span: tuple[float, float]) -> float:
    """The threshold that parts a histogram in two groups that differ most (Otsu 1979)."""
    edges = np.linspace(*span, len(counts) + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    low, total = np.cumsum(counts), np.cumsum(counts * middles)
    high = low[-1] - low
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = total / low - (total[-1] - total) / high
    return float(edges[1 + int(np.nan_to_num(low * high * apart**2)[:-1].argmax())])
