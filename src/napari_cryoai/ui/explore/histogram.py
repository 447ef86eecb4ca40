"""Histogram of a column, in the colours of the scatter plot, with a threshold that is dragged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QWidget

from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.marker_histogram import MarkerHistogram
from napari_cryoai.ui.latent.colours import Tint, colours_of
from napari_cryoai.ui.latent.marks import numbers
from napari_cryoai.ui.latent.view import ticks

BINS = 80

COUNTED = 200_000
"""Of more values the ends of the axis are those of a sample."""


class ColumnHistogram(MarkerHistogram):
    """Particles by a number; the marker parts those above from those below."""

    height_px = 104
    foot_px = 18
    empty = "No region yet"

    def __init__(self, parent: QWidget | None = None):
        tip = "Particles by their density in the region. Drag the marker to part them."
        super().__init__("Threshold", tip, parent)
        self.tint = Tint()
        self._counts = np.zeros(BINS)

    @property
    def threshold(self) -> float:
        """Where the marker is."""
        return self.marker or 0.0

    def set_values(self, values: NDArray[np.float32] | None) -> None:
        """Show another column; the threshold begins where it parts the values best."""
        self.span = self.marker = None
        if values is not None and len(values):
            self.tint = Tint.of(values, labels=False)
            self.span = span = _ends(values)
            self._counts = np.histogram(np.clip(values, *span), BINS, span)[0].astype(float)
            self.marker = _otsu(self._counts, span)
        self.update()

    def draw(self, painter: QPainter, area: QRectF) -> None:
        edges = np.linspace(*(self.span or (0.0, 1.0)), BINS + 1)
        rgb = colours_of((edges[1:] + edges[:-1]) / 2, self.tint)
        heights = np.sqrt(self._counts / self._counts.max())
        wide = area.width() / BINS
        for i, height in enumerate(heights * area.height()):
            fill = QColor.fromRgbF(*(float(c) for c in rgb[i]))
            fill.setAlphaF(1.0 if edges[i] >= self.threshold else 0.35)
            bar = QRectF(area.left() + i * wide, area.bottom() - height, wide - 0.5, height)
            painter.fillRect(bar, fill)
        values = ticks(self.span or (0.0, 1.0), area.width(), 56)
        painter.setPen(theme.colour("text").darker(115))
        for value, label in zip(values, numbers(values), strict=True):
            length = painter.fontMetrics().horizontalAdvance(label) + 2
            left = np.clip(self.x_of(value, area) - length / 2, 0, self.width() - length)
            place = QRectF(left, area.bottom() + 1, length, 16)  # a minus cut off is another number
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, label)


def _ends(values: NDArray[np.float32]) -> tuple[float, float]:
    """What the axis reaches from and to: nearly all values, and never nothing."""
    some = values[:: max(1, len(values) // COUNTED)]
    low, high = (float(v) for v in np.quantile(some, (0.001, 0.999)))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _otsu(counts: NDArray[np.floating], span: tuple[float, float]) -> float:
    """The threshold that parts a histogram in two groups that differ most (Otsu 1979)."""
    edges = np.linspace(*span, len(counts) + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    low, total = np.cumsum(counts), np.cumsum(counts * middles)
    high = low[-1] - low
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = total / low - (total[-1] - total) / high
    return float(edges[1 + int(np.nan_to_num(low * high * apart**2)[:-1].argmax())])
