"""FSC curves over frequency, painted without a plotting library."""

from __future__ import annotations

import math

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.maps.fsc_work import THRESHOLDS, FscResult, resolution

# Okabe and Ito's, told apart with any colour vision; on the dark and on the light theme.
SHADES = {
    "unmasked": "#56b4e9",
    "masked": "#e69f00",
    "randomised": "#999999",
    "corrected": "#2bb58a",
    "raw": "#999999",
    "denoised": "#56b4e9",
    "cross": "#2bb58a",
    "phase": "#e0692a",
}
_OTHERS = ("#cc79a7", "#e69f00", "#f0e442", "#0072b2", "#d55e00")
_LEGEND_PX = 16
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
        return QSize(300, 230 + _LEGEND_PX * self._legend_rows)

    def set_result(self, result: FscResult | None) -> None:
        """Draw other curves."""
        self.result = result
        self.setMinimumHeight(200 + _LEGEND_PX * self._legend_rows)
        self.updateGeometry()
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
            painter.setPen(self._pen(name))
            painter.setClipRect(area)
            painter.drawPolyline(line)
            painter.setClipping(False)
        self._legend(painter, area)
        self._crossings(painter, area)

    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(36, 12, -12, -36 - _LEGEND_PX * self._legend_rows)

    @property
    def _legend_rows(self) -> int:
        curves = 0 if self.result is None else len(self.result.curves)
        return (curves + 1) // 2 if curves > 1 else 0

    def _pen(self, name: str) -> QPen:
        """Each curve has a colour of its own; of several of one kind, the later ones are dashed."""
        assert self.result is not None  # noqa: S101 - drawn only with one
        shade, dash = _styles(tuple(self.result.curves))[name]
        pen = QPen(QColor(shade), 2.4 if name == self.result.best else 1.4)
        if dash:
            pen.setDashPattern(dash)
        return pen

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
        caption = QRectF(area.left(), area.bottom() + 18, area.width(), 16)
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
        """Below the plot, in two columns."""
        assert self.result is not None  # noqa: S101 - drawn only with one
        if not self._legend_rows:
            return
        left, wide = area.left() - 24, (area.width() + 24) / 2
        for i, name in enumerate(self.result.curves):
            x, y = left + (i % 2) * wide, area.bottom() + 44 + _LEGEND_PX * (i // 2)
            painter.setPen(self._pen(name))
            painter.drawLine(QPointF(x, y), QPointF(x + 24, y))
            painter.setPen(theme.colour("text"))
            place = QRectF(x + 30, y - 8, wide - 34, 16)
            text = painter.fontMetrics().elidedText(
                name, Qt.TextElideMode.ElideRight, int(place.width())
            )
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, text)

    def _crossings(self, painter: QPainter, area: QRectF) -> None:
        assert self.result is not None  # noqa: S101 - drawn only with one
        highest = float(self.result.frequencies[-1])
        for threshold, value_A in self.result.resolutions_A[self.result.best].items():
            if not math.isfinite(value_A):
                continue
            point = _at(area, 1 / value_A / highest, threshold)
            painter.setPen(QPen(theme.colour("text"), 1.5))
            painter.setBrush(self._pen(self.result.best).color())
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


def _styles(names: tuple[str, ...]) -> dict[str, tuple[str, list[float]]]:
    """Colour and dashes of curves: by the kind in their name, dashed from the second one on."""
    styles: dict[str, tuple[str, list[float]]] = {}
    taken: dict[str, int] = {}
    others = list(_OTHERS)
    for name in names:
        kind = next((word for word in (name, *name.split()) if word in SHADES), None)
        shade = SHADES[kind] if kind is not None else others.pop(0) if others else "#999999"
        dashes: tuple[list[float], ...] = ([], [5, 2.5], [1.5, 2])
        styles[name] = shade, dashes[min(taken.get(shade, 0), 2)]
        taken[shade] = taken.get(shade, 0) + 1
    return styles
