"""How a training went: one small curve for each thing that was measured in every round."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_cryoai.ui.kit import theme

_ROW_PX, _GAP_PX = 72, 10
_COLOURS = ("#56b4e9", "#e69f00", "#2bb58a", "#cc79a7", "#f0e442")
Rounds = Mapping[str, NDArray[np.float64]]


class TrainingCurves(QWidget):
    """Curves below each other, each in its own span, over the rounds."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.rounds: Rounds = {}
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Training curves")

    def sizeHint(self) -> QSize:
        return QSize(300, max(40, (_ROW_PX + _GAP_PX) * len(self.rounds) + 20))

    def set_rounds(self, rounds: Rounds) -> None:
        """Draw other curves."""
        self.rounds = {name: values for name, values in rounds.items() if len(values)}
        self.setMinimumHeight(self.sizeHint().height())
        self.updateGeometry()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        small = painter.font()
        small.setPointSizeF(small.pointSizeF() * 0.85)
        painter.setFont(small)
        if not self.rounds:
            words = "The folder has no training curves"
            painter.setPen(theme.colour("text").darker(140))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, words)
            return
        for i, (name, values) in enumerate(self.rounds.items()):
            self._curve(painter, self._area(i), name, values, _COLOURS[i % len(_COLOURS)])
        rounds = len(next(iter(self.rounds.values())))
        painter.setPen(theme.colour("text").darker(115))
        foot = QRectF(0, self.height() - 18, self.width(), 16)
        painter.drawText(foot, Qt.AlignmentFlag.AlignCenter, f"{rounds} rounds")

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        for i, (name, values) in enumerate(self.rounds.items()):
            area = self._area(i)
            if area.contains(event.position()):
                part = (event.position().x() - area.left()) / area.width()
                at = round(part * (len(values) - 1))
                words = f"round {at + 1}: {name} {values[at]:.4g}"
                QToolTip.showText(event.globalPosition().toPoint(), words, self)

    def _area(self, i: int) -> QRectF:
        return QRectF(0, i * (_ROW_PX + _GAP_PX), self.width(), _ROW_PX)

    def _curve(
        self, painter: QPainter, area: QRectF, name: str, values: NDArray[np.float64], shade: str
    ) -> None:
        painter.fillRect(area, theme.colour("background").darker(112))
        inner = area.adjusted(8, 20, -8, -8)
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = float(finite.min()), float(finite.max())
            wide = high - low or 1.0
            line = QPolygonF()
            for at, value in enumerate(values):
                if math.isfinite(value):
                    x = inner.left() + at / max(len(values) - 1, 1) * inner.width()
                    line.append(QPointF(x, inner.bottom() - (value - low) / wide * inner.height()))
            painter.setPen(QPen(QColor(shade), 2))
            painter.drawPolyline(line)
        painter.setPen(theme.colour("text"))
        head = QRectF(area.left() + 8, area.top() + 3, area.width() - 16, 14)
        painter.drawText(head, Qt.AlignmentFlag.AlignLeft, name)
        last = f"{finite[0]:.4g} → {finite[-1]:.4g}" if finite.size else "no number"
        painter.drawText(head, Qt.AlignmentFlag.AlignRight, last)
