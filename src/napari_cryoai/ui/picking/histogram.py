"""Histogram of scores with a threshold that is dragged, or moved with the arrow keys."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRectF
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QWidget

from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.marker_histogram import MarkerHistogram, steps

BINS = 64


class ScoreHistogram(MarkerHistogram):
    """Counts by score: of all micrographs as bars, of the one on screen as an outline.

    The bars carry the colours of the circles, so the histogram is their legend too. Counts are
    drawn as square roots: the few good picks must not drown in the many poor ones.
    """

    empty = "No scored picks yet"

    def __init__(self, parent: QWidget | None = None):
        tip = (
            "Bars: scores on all micrographs. Line: on this one.\n"
            "Drag the marker, or use the arrow keys, to hide the picks that score less.\n"
            "Nothing is deleted."
        )
        super().__init__("Score threshold", tip, parent)
        self._all = np.zeros(BINS)
        self._current = np.zeros(BINS)

    def set_scores(
        self,
        everywhere: NDArray[np.floating],
        here: NDArray[np.floating],
        span: tuple[float, float],
    ) -> None:
        """Count `(n,)` scores of all micrographs and of the one on screen; NaN is left out."""
        self._all = _binned(everywhere, span)
        self._current = _binned(here, span)
        self.span = span if self._all.any() else None
        self.update()

    def set_threshold(self, threshold: float | None) -> None:
        """Move the marker without a signal."""
        if threshold != self.marker:
            self.marker = threshold
            self.update()

    def draw(self, painter: QPainter, area: QRectF) -> None:
        self._bars(painter, area)
        heights = _heights(self._current)
        if heights.any():
            painter.setPen(QPen(theme.colour("text"), 1.2))
            painter.drawPolyline(steps(heights, area))

    def _bars(self, painter: QPainter, area: QRectF) -> None:
        span = self.span or (0.0, 1.0)
        edges = np.linspace(*span, BINS + 1)
        middles = (edges[1:] + edges[:-1]) / 2
        colours = theme.score_rgba(middles, span)
        hidden = theme.colour("primary")
        heights = _heights(self._all)
        width = area.width() / BINS
        for i in range(BINS):
            above = self.marker is None or middles[i] >= self.marker
            fill = QColor.fromRgbF(*(float(c) for c in colours[i])) if above else hidden
            height = heights[i] * area.height()
            bar = QRectF(area.left() + i * width, area.bottom() - height, width - 0.6, height)
            painter.fillRect(bar, fill)


def _binned(score: NDArray[np.floating], span: tuple[float, float]) -> NDArray[np.float64]:
    finite = score[np.isfinite(score)]
    counts, _ = np.histogram(np.clip(finite, *span), BINS, span)
    return counts.astype(float)


def _heights(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    root = np.sqrt(counts)
    return np.asarray(root / max(float(root.max()), 1.0))
