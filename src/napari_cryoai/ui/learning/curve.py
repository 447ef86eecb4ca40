"""The learning curve: what corrections have brought so far."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.learning.steps import Point

_STEPS = (0.0, 0.5, 0.75, 0.9)
"""Where the vertical axis may begin: as high as the points allow."""


class LearningPlot(QWidget):
    """F1 against the number of corrections: with these themselves, and with a reference."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.points: tuple[Point, ...] = ()
        self.setMinimumHeight(118)
        self.setAccessibleName("Learning curve")
        self.setToolTip(
            "How well the picker agrees with the corrected micrographs, after each time it has\n"
            "learned. 1: there would have been nothing to correct."
        )

    def sizeHint(self) -> QSize:
        return QSize(280, 128)

    def set_points(self, points: Sequence[Point]) -> None:
        """Draw these, oldest first."""
        self.points = tuple(points)
        self.update()

    def lines(self) -> dict[str, list[tuple[int, float]]]:
        """The curves by name: corrections and F1 of each dot."""
        found = {"corrected micrographs": [(p.corrections, p.f1) for p in self.points]}
        reference = [(p.corrections, p.reference) for p in self.points if p.reference is not None]
        return found | ({"reference": reference} if reference else {})

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.colour("background").darker(112))
        lines = self.lines()
        area = QRectF(self.rect()).adjusted(36, 22, -14, -22)
        values = [f1 for line in lines.values() for _, f1 in line]
        low = max(step for step in _STEPS if step <= min(values, default=0.0))
        most = max((n for line in lines.values() for n, _ in line), default=0) or 1
        self._axes(painter, area, low, most)
        x = area.left()
        for (name, line), colour in zip(lines.items(), (theme.MATCHED, theme.MISSED), strict=False):
            at = [_at(area, n / most, (f1 - low) / (1 - low)) for n, f1 in line]
            painter.setPen(QPen(QColor(colour), 2))
            painter.drawPolyline(QPolygonF(at))
            painter.setBrush(QColor(colour))
            for point in at:
                painter.drawEllipse(point, 3, 3)
            words = f"● {name}" if len(lines) > 1 else "F1 with the corrected micrographs"
            painter.drawText(QPointF(x, 15), words)
            x += painter.fontMetrics().horizontalAdvance(words) + 14

    def _axes(self, painter: QPainter, area: QRectF, low: float, most: int) -> None:
        grid, text = theme.colour("foreground"), theme.colour("text").darker(120)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for share in (0.0, 0.5, 1.0):
            left = _at(area, 0, share)
            painter.setPen(QPen(grid, 1))
            painter.drawLine(left, _at(area, 1, share))
            painter.setPen(text)
            label = f"{low + share * (1 - low):.3g}"
            painter.drawText(QRectF(0, left.y() - 8, area.left() - 6, 16), right, label)
        bottom = QRectF(area.left(), area.bottom() + 4, area.width(), 16)
        painter.drawText(bottom, Qt.AlignmentFlag.AlignLeft, "0")
        painter.drawText(bottom, Qt.AlignmentFlag.AlignHCenter, "corrections")
        painter.drawText(bottom, Qt.AlignmentFlag.AlignRight, f"{most:,}")


def _at(area: QRectF, across: float, up: float) -> QPointF:
    return QPointF(area.left() + across * area.width(), area.bottom() - up * area.height())
