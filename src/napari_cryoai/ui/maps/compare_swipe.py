"""What lies over the canvas while maps are compared: their names, and the divider to drag."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QLabel, QMainWindow, QWidget

from napari_cryoai.ui.maps.compare import Comparison

_WIDE, _TOP, _STEP = 25, 10, 0.02
_AROUND, _LEAST = 38, 80


def canvas_of(widget: QWidget) -> QWidget | None:
    """The canvas of the window that a docked widget belongs to."""
    found: QWidget | None = widget
    while found is not None and not isinstance(found, QMainWindow):
        found = found.parentWidget()
    centre = found.centralWidget() if found is not None else None
    return centre.findChild(QOpenGLWidget) if centre is not None else None


class Divider(QWidget):
    """A vertical line with a handle.

    Signals
    -------
    moved(fraction)
        It is dragged, or moved with the arrow keys; 0 is the left edge of the canvas.
    """

    moved = Signal(float)

    def __init__(self, canvas: QWidget):
        super().__init__(canvas)
        self.canvas = canvas
        self.fraction = 0.5
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAccessibleName("Divider between the two maps")
        self.setToolTip("Drag, or click and use the arrow keys")
        self.hide()

    def place(self, fraction: float) -> None:
        """Stand at a fraction of the canvas's width."""
        self.fraction = fraction
        left = round(fraction * self.canvas.width()) - _WIDE // 2
        self.setGeometry(left, 0, _WIDE, self.canvas.height())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = self.mapToParent(event.position().toPoint()).x()
        self.moved.emit(min(max(x / max(1, self.canvas.width()), 0.0), 1.0))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -_STEP, Qt.Key.Key_Right: _STEP}
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.moved.emit(min(max(self.fraction + step, 0.0), 1.0))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x, y = self.width() / 2, self.height() / 2
        for shade, width in (("#000000", 4), ("#ffffff", 2)):
            painter.setPen(QPen(QColor(shade), width))
            painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))
        painter.setBrush(QColor("#262930"))
        painter.drawEllipse(QPointF(x, y), 11, 11)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor("#ffffff"))
        for side in (-1, 1):
            tip, back = x + side * 7.5, x + side * 3
            corners = (QPointF(tip, y), QPointF(back, y - 4), QPointF(back, y + 4))
            painter.drawPolygon(QPolygonF(corners))


class CompareOverlay(QObject):
    """Keeps divider and names in step with a comparison, on the canvas of a window."""

    def __init__(self, comparison: Comparison, canvas: QWidget):
        super().__init__(canvas)
        self.comparison = comparison
        self.canvas = canvas
        self.divider = Divider(canvas)
        self.names = (_Name(canvas), _Name(canvas))
        self.divider.moved.connect(comparison.move_divider)
        comparison.changed.connect(self.refresh)
        canvas.installEventFilter(self)
        self.refresh()

    def refresh(self) -> None:
        """Show what the comparison says."""
        comparison = self.comparison
        layout = comparison.layout
        self.divider.setVisible(layout == "swipe")
        self.divider.place(comparison.fraction)
        pair = (comparison.first, comparison.second)
        for i, (label, opened) in enumerate(zip(self.names, pair, strict=True)):
            seen = layout in ("swipe", "beside") or bool(i) == comparison.second_shown
            label.setVisible(layout != "off" and opened is not None and seen)
            if opened is not None:
                room = self._room(i)
                label.setVisible(label.isVisibleTo(self.canvas) and room > _LEAST)
                label.say(opened.name, opened.colour, room)
                label.move(round(self._left(i, label.width())), _TOP)
        self.divider.raise_()

    def let_go(self) -> None:
        """Take everything off the canvas."""
        self.comparison.changed.disconnect(self.refresh)
        self.canvas.removeEventFilter(self)
        for widget in (self.divider, *self.names):
            widget.hide()
            widget.deleteLater()
        self.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self.refresh()
        return False

    def _room(self, i: int) -> float:
        """How wide a name may be."""
        wide, layout = self.canvas.width(), self.comparison.layout
        if layout == "swipe":
            at = self.comparison.fraction * wide
            return (at if i == 0 else wide - at) - _WIDE
        return wide / 2 - 8 if layout == "beside" else wide - 16

    def _left(self, i: int, width: int) -> float:
        wide, layout = self.canvas.width(), self.comparison.layout
        if layout == "swipe":
            at = self.comparison.fraction * wide
            return at - width - _WIDE / 2 if i == 0 else at + _WIDE / 2
        if layout == "beside":
            return wide * (0.25 + 0.5 * i) - width / 2
        return wide / 2 - width / 2


class _Name(QLabel):
    """The name of a map on the canvas, with its colour; the mouse goes through it."""

    def __init__(self, canvas: QWidget):
        super().__init__(canvas)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._colour = QColor()
        self.setStyleSheet(
            "QLabel { color: white; background: rgba(38, 41, 48, 215); border-radius: 4px;"
            " padding: 3px 8px 3px 26px; font-weight: 600; }"
        )
        self.hide()

    def say(self, name: str, colour: str, room: float) -> None:
        """Another name, as much of it as there is room for."""
        self._colour = QColor(colour)
        wide = round(min(room - _AROUND, 300))
        short = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, wide)
        self.setText(short)
        self.adjustSize()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._colour)
        painter.drawRoundedRect(QRectF(8, self.height() / 2 - 6, 12, 12), 3, 3)
