"""FSC curves over frequency, painted without a plotting library."""

from __future__ import annotations

import math

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_cryoai.ui import theme
from napari_cryoai.ui.fsc_work import THRESHOLDS, FscResult, resolution

# Okabe and Ito's, told apart with any colour vision; on the dark and on the light theme.
SHADES = {
    "unmasked": "#56b4e9",
    "masked": "#e69f00",
    "randomised": "#999999",
    "corrected": "#2bb58a",
}
_LOW, _HIGH = -0.1, 1.05
_TICKS_A = (50.0, 20.0, 10.0, 8.0, 6.0, 5.0, 4.0, 3.5, 3.0, 2.5, 2.0, 1.8, 1.5, 1.2, 1.0)


class FscPlot(QWidget):
    """All curves of a result; labels where the one to report crosses 0.5 and 0.143."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.result: FscResult | None = None
        self.setMinimumHeight(200)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setAccessibleName("Fourier shell correlation")

    def sizeHint(self) -> QSize:
        return QSize(300, 230)

    def set_result(self, result: FscResult | None) -> None:
        """Draw other curves."""
        self.result = result
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.result is None:
            return
        area, at = self._area(), event.position()
        part = (at.x() - area.left()) / area.width()
        if not 0 <= part <= 1:
            return
        shell = round(part * (len(self.result.frequencies) - 1))
        g = float(self.result.frequencies[shell])
        lines = [f"{1 / g:.2f} Å" if g else "mean of the map"]
        lines += [f"{name}: {curve[shell]:.3f}" for name, curve in self.result.curves.items()]
        QToolTip.showText(event.globalPosition().toPoint(), "\n".join(lines), self)

    # Drawing ------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.colour("background").darker(112))
        small = painter.font()
        small.setPointSizeF(small.pointSizeF() * 0.85)
        painter.setFont(small)
        area = self._area()
        self._axes(painter, area)
        if self.result is None:
            return
        for name, curve in self.result.curves.items():
            last = len(curve) - 1
            line = QPolygonF([_at(area, k / last, float(v)) for k, v in enumerate(curve)])
            painter.setPen(QPen(QColor(SHADES[name]), 2.4 if name == self.result.best else 1.3))
            painter.setClipRect(area)
            painter.drawPolyline(line)
            painter.setClipping(False)
        self._legend(painter, area)
        self._crossings(painter, area)

    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(36, 12, -12, -36)

    def _axes(self, painter: QPainter, area: QRectF) -> None:
        grid, text = theme.colour("foreground"), theme.colour("text").darker(115)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
            painter.setPen(QPen(grid, 1))
            painter.drawLine(_at(area, 0, tick), _at(area, 1, tick))
            painter.setPen(text)
            y = _at(area, 0, tick).y()
            painter.drawText(QRectF(0, y - 8, area.left() - 6, 16), right, f"{tick:.1f}")
        painter.setPen(QPen(theme.colour("text").darker(140), 1, Qt.PenStyle.DashLine))
        for threshold in THRESHOLDS:
            painter.drawLine(_at(area, 0, threshold), _at(area, 1, threshold))
        self._resolution_ticks(painter, area, grid, text)

    def _resolution_ticks(
        self, painter: QPainter, area: QRectF, grid: QColor, text: QColor
    ) -> None:
        centre = Qt.AlignmentFlag.AlignCenter
        painter.setPen(text)
        caption = QRectF(area.left(), self.height() - 18, area.width(), 16)
        painter.drawText(caption, centre, "resolution (Å)")
        if self.result is None:
            painter.drawText(area, centre, "Choose two half maps")
            return
        highest, taken = float(self.result.frequencies[-1]), -math.inf
        for tick_A in (*_TICKS_A, self.result.nyquist_A):
            part = 1 / tick_A / highest
            x = area.left() + part * area.width()
            if part > 1.0001 or x - taken < 26:
                continue
            taken = x
            painter.setPen(QPen(grid, 1))
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            painter.setPen(text)
            painter.drawText(QRectF(x - 20, area.bottom() + 2, 40, 16), centre, f"{tick_A:.3g}")

    def _legend(self, painter: QPainter, area: QRectF) -> None:
        assert self.result is not None  # noqa: S101 - drawn only with one
        if len(self.result.curves) < 2:
            return
        for i, name in enumerate(self.result.curves):
            y = area.top() + 10 + 15 * i
            painter.setPen(QPen(QColor(SHADES[name]), 2.4))
            painter.drawLine(QPointF(area.right() - 86, y), QPointF(area.right() - 70, y))
            painter.setPen(theme.colour("text"))
            place = QRectF(area.right() - 66, y - 8, 66, 16)
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, name)

    def _crossings(self, painter: QPainter, area: QRectF) -> None:
        assert self.result is not None  # noqa: S101 - drawn only with one
        highest = float(self.result.frequencies[-1])
        for threshold, value_A in self.result.resolutions_A[self.result.best].items():
            if not math.isfinite(value_A):
                continue
            point = _at(area, 1 / value_A / highest, threshold)
            painter.setPen(QPen(theme.colour("text"), 1.5))
            painter.setBrush(QColor(SHADES[self.result.best]))
            painter.drawEllipse(point, 4, 4)
            label = resolution(value_A)
            width = painter.fontMetrics().horizontalAdvance(label) + 8
            # On the side where there is room, and above its line.
            left = point.x() + 6 if point.x() + width + 8 < area.right() else point.x() - width - 6
            box = QRectF(left, point.y() - 19, width, 16)
            back = theme.colour("background").darker(112)
            back.setAlpha(210)
            painter.fillRect(box, back)
            painter.setPen(theme.colour("text"))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, label)


def _at(area: QRectF, part: float, value: float) -> QPointF:
    height = (value - _LOW) / (_HIGH - _LOW)
    return QPointF(area.left() + part * area.width(), area.bottom() - height * area.height())
