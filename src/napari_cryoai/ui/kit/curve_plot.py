"""A precision-recall curve, painted without a plotting library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from napari_cryoai.ui.kit import theme


class CurvePlot(QWidget):
    """Precision against recall, with a dot where the threshold stands."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._curve = np.empty((0, 2))
        self._dot: tuple[float, float] | None = None
        self.setMinimumHeight(150)
        self.setAccessibleName("Precision-recall curve")

    def sizeHint(self) -> QSize:
        return QSize(280, 170)

    def set_curve(
        self,
        recall: NDArray[np.floating],
        precision: NDArray[np.floating],
        dot: tuple[float, float] | None,
    ) -> None:
        """Draw `(n,)` points, and a dot at (recall, precision)."""
        self._curve, self._dot = np.stack([recall, precision], axis=1), dot
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.colour("background").darker(112))
        area = QRectF(self.rect()).adjusted(34, 10, -10, -26)
        self._axes(painter, area)
        line = QPolygonF([_at(area, *point) for point in self._curve])
        painter.setPen(QPen(QColor(theme.MATCHED), 2))
        painter.drawPolyline(line)
        if self._dot is not None:
            painter.setPen(QPen(theme.colour("text"), 1.5))
            painter.setBrush(QColor(theme.MISSED))
            painter.drawEllipse(_at(area, *self._dot), 4.5, 4.5)

    def _axes(self, painter: QPainter, area: QRectF) -> None:
        grid, text = theme.colour("foreground"), theme.colour("text").darker(120)
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for tick in (0.0, 0.5, 1.0):
            painter.setPen(QPen(grid, 1))
            painter.drawLine(_at(area, 0, tick), _at(area, 1, tick))
            painter.drawLine(_at(area, tick, 0), _at(area, tick, 1))
            painter.setPen(text)
            left = _at(area, 0, tick)
            painter.drawText(QRectF(0, left.y() - 8, area.left() - 5, 16), flags, f"{tick:g}")
        bottom = QRectF(area.left(), area.bottom() + 4, area.width(), 18)
        painter.drawText(bottom, Qt.AlignmentFlag.AlignCenter, "recall")
        painter.drawText(area.adjusted(4, 0, 0, 0), Qt.AlignmentFlag.AlignTop, "precision")


def _at(area: QRectF, recall: float, precision: float) -> QPointF:
    return QPointF(area.left() + recall * area.width(), area.bottom() - precision * area.height())
