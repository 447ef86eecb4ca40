"""A histogram with a marker that is dragged, or moved with the arrow keys."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_cryoai.ui.kit import theme

SIDE = 8
"""Margin at the left and at the right, in pixels."""

STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: -5, Qt.Key.Key_Up: 5}
"""What the arrow keys move the marker by, in 200ths of the axis."""


class MarkerHistogram(QWidget):
    """What all histograms share: the frame, the marker, the mouse and the keys.

    A subclass says in `span` what the axis reaches from and to, in `marker` where the marker is,
    and draws the rest in `draw`.

    Signals
    -------
    moved(value)
        The marker is being dragged, or a key is held.
    released()
        It is let go.

    Attributes
    ----------
    span
        Ends of the axis; None if there is nothing to show.
    marker
        On the axis; None if there is no marker.
    """

    moved = Signal(float)
    released = Signal()

    height_px = 96
    foot_px = 4
    """Below the bars, where a subclass may write numbers."""
    empty = ""
    """What is said where there is nothing to show."""

    def __init__(self, name: str, tip: str, parent: QWidget | None = None):
        super().__init__(parent)
        self.span: tuple[float, float] | None = None
        self.marker: float | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(name)
        self.setToolTip(tip)

    def draw(self, painter: QPainter, area: QRectF) -> None:
        """Draw the bars."""
        raise NotImplementedError

    def sizeHint(self) -> QSize:
        return QSize(280, self.height_px)

    def x_of(self, value: float, area: QRectF) -> float:
        """Where a value lies, within the area."""
        low, high = self.span or (0.0, 1.0)
        t = (value - low) / max(high - low, 1e-30)
        return area.left() + float(np.clip(t, 0, 1)) * area.width()

    # Mouse and keyboard -------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._drag_to(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._drag_to(event.position().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.released.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = STEPS.get(Qt.Key(event.key()))
        if step is None or self.span is None:
            super().keyPressEvent(event)
            return
        low, high = self.span
        start = self.marker if self.marker is not None else low
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
        if self.span is not None:
            low, high = self.span
            t = (x - SIDE) / max(1, self.width() - 2 * SIDE)
            self._choose(low + float(np.clip(t, 0, 1)) * (high - low))

    def _choose(self, value: float) -> None:
        if self.span is not None:
            self.marker = float(np.clip(value, *self.span))
            self.update()
            self.moved.emit(self.marker)

    # Drawing ------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.colour("background").darker(112))
        area = QRectF(self.rect()).adjusted(SIDE, 8, -SIDE, -self.foot_px)
        if self.span is None:
            painter.setPen(theme.colour("text").darker(140))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.empty)
            return
        self.draw(painter, area)
        if self.marker is not None:
            self._mark(painter, area, self.x_of(self.marker, area))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour("current"), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _mark(self, painter: QPainter, area: QRectF, x: float) -> None:
        painter.setPen(QPen(theme.colour("text"), 2))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        painter.setBrush(theme.colour("text"))
        top = area.top() - 5
        grip = [QPointF(x - 5, top), QPointF(x + 5, top), QPointF(x, top + 8)]
        painter.drawPolygon(QPolygonF(grip))


def steps(heights: NDArray[np.floating], area: QRectF) -> QPolygonF:
    """The outline of bars of heights from 0 to 1."""
    line, width = QPolygonF(), area.width() / len(heights)
    for i, height in enumerate(heights):
        y = area.bottom() - height * area.height()
        line.append(QPointF(area.left() + i * width, y))
        line.append(QPointF(area.left() + (i + 1) * width, y))
    return line
