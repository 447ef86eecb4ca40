"""The scatter plot of all particles, with a cursor that is dragged through the latent space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.latent import marks
from napari_cryoai.ui.latent.energy import FreeEnergy
from napari_cryoai.ui.latent.picture import ParticlePicture
from napari_cryoai.ui.latent.session import LatentSession
from napari_cryoai.ui.latent.tools import LatentTool, Stroke, combine_of
from napari_cryoai.ui.latent.view import View, whole

_LEFT, _TOP, _RIGHT, _BOTTOM = 46, 10, 12, 36
_BAR = 54
_SETTLE_MS = 180
"""After the wheel or a key, the cursor is at rest when nothing has come for so long."""
_ZOOM = 1.18
Points = NDArray[np.float64]


class LatentScatter(QWidget):
    """All particles in the plane of the session; what is drawn is told by signals.

    Signals
    -------
    cursor_moved(point, final)
        The cursor is dragged, or moved with the arrow keys.
    stroke_drawn(tool, points, combine)
        A lasso or a brush stroke has ended; `points` `(m, 2)` in the plane.
    path_touched(point, phase)
        With the path tool: "press", "move", "release", and "remove" for the right button.
    hovered(point)
        Where the mouse rests, or None.
    view_changed()
        Another part of the plane is shown.
    """

    cursor_moved = Signal(object, bool)
    stroke_drawn = Signal(object, object, str)
    path_touched = Signal(object, str)
    hovered = Signal(object)
    view_changed = Signal()

    def __init__(self, session: LatentSession, parent: QWidget | None = None):
        super().__init__(parent)
        self.session = session
        self.tool = LatentTool.CURSOR
        self.brush_px = 24.0
        self.path: marks.Path = marks.NO_PATH
        self.energy: FreeEnergy | None = None
        self.note = ""
        self.view = View((0.0, 1.0), (0.0, 1.0))
        self.picture = ParticlePicture()
        self._image: QImage | None = None
        self._stroke: Stroke | None = None
        self._panned_from: QPointF | None = None
        self._space = False
        self._mouse: QPointF | None = None
        self._marked: int | None = None
        self._rest = QTimer(self, interval=_SETTLE_MS, singleShot=True)
        self._rest.timeout.connect(self._settle)
        self._hover = QTimer(self, interval=120, singleShot=True)
        self._hover.timeout.connect(self._tell_hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(200)
        self.setAccessibleName("Particles in the latent space")
        session.opened.connect(self.go_home)
        session.plane_changed.connect(self.go_home)
        session.tint_changed.connect(self.refresh)
        session.selection_changed.connect(self.refresh)
        session.place_changed.connect(self._on_place)

    def sizeHint(self) -> QSize:
        return QSize(400, 330)

    # What others may ask ------------------------------------------------------------------------

    def go_home(self) -> None:
        """Show all particles."""
        self._marked = None
        if self.session.source is not None:
            self.view = whole(self.session.plane.xy)
        self._show(self.view)

    def refresh(self) -> None:
        """Draw the particles anew."""
        self._image = None
        self.update()

    def set_path(self, path: marks.Path) -> None:
        """Draw a path on the particles."""
        self.path = path
        self.update()

    def set_energy(self, energy: FreeEnergy | None) -> None:
        """Draw contours of the free energy on the particles, or none."""
        self.energy = energy
        self.update()

    def set_note(self, words: str) -> None:
        """Write a few words into the corner of the plot."""
        if words != self.note:
            self.note = words
            self.update()

    def mark(self, row: int | None) -> None:
        """Ring a particle."""
        self._marked = row
        self.update()

    def take(self, tool: LatentTool) -> None:
        """Take up a tool."""
        self.tool, self._stroke = tool, None
        shape = {
            LatentTool.PAN: Qt.CursorShape.OpenHandCursor,
            LatentTool.CURSOR: Qt.CursorShape.ArrowCursor,
        }
        self.setCursor(shape.get(tool, Qt.CursorShape.CrossCursor))
        self.update()

    def zoom(self, factor: float) -> None:
        """Closer to the middle."""
        self._show(self.view.zoomed(factor, (self.view.width / 2, self.view.height / 2)))

    @property
    def area(self) -> QRectF:
        """Where the particles are drawn."""
        bar = _BAR if self.session.tint.values is not None else 0
        return QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT - bar, -_BOTTOM)

    # Mouse and keyboard -------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.session.source is None:
            return
        at = self._pixel(event.position())
        left = event.button() == Qt.MouseButton.LeftButton
        if self.tool is LatentTool.PATH and event.button() == Qt.MouseButton.RightButton:
            self._touch_path(at, "remove")
        elif not left or self.tool is LatentTool.PAN or self._space:
            self._panned_from = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self.tool is LatentTool.CURSOR:
            self._move_cursor(at, final=False)
        elif self.tool is LatentTool.PATH:
            self._touch_path(at, "press")
        else:
            self._stroke = Stroke(self.tool, combine_of(event.modifiers()))
            self._stroke.add(*at)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._mouse = event.position()
        if self._panned_from is not None:
            step = event.position() - self._panned_from
            self._panned_from = event.position()
            self._show(self.view.moved(step.x(), step.y()))
        elif self._stroke is not None:
            self._stroke.add(*self._pixel(event.position()))
            self.update()
        elif event.buttons() & Qt.MouseButton.LeftButton and self.tool is LatentTool.CURSOR:
            self._move_cursor(self._pixel(event.position()), final=False)
        elif event.buttons() & Qt.MouseButton.LeftButton and self.tool is LatentTool.PATH:
            self._touch_path(self._pixel(event.position()), "move")
        else:
            self._hover.start()
            if self.tool is LatentTool.BRUSH:
                self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._panned_from is not None:
            self._panned_from = None
            self.take(self.tool)
        elif self._stroke is not None:
            stroke, self._stroke = self._stroke, None
            points = stroke.points(self.view.to_points)
            self.stroke_drawn.emit(stroke.tool, points, stroke.combine)
            self.update()
        elif event.button() == Qt.MouseButton.LeftButton:
            if self.tool is LatentTool.CURSOR:
                self._move_cursor(self._pixel(event.position()), final=True)
            elif self.tool is LatentTool.PATH:
                self._touch_path(self._pixel(event.position()), "release")

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self.tool in (LatentTool.PAN, LatentTool.CURSOR):
            self.go_home()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.session.source is not None:
            factor = _ZOOM ** (event.angleDelta().y() / 120)
            self._show(self.view.zoomed(factor, self._pixel(event.position())))
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        self._mouse = None
        self._hover.start()
        self.update()
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        steps = {
            Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, 1), Qt.Key.Key_Down: (0, -1),
        }  # fmt: skip
        if self.session.source is None:
            super().keyPressEvent(event)
        elif key in steps:
            far = 10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
            self._step(*(far * s for s in steps[key]))
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(_ZOOM)
        elif key == Qt.Key.Key_Minus:
            self.zoom(1 / _ZOOM)
        elif key == Qt.Key.Key_Home:
            self.go_home()
        elif key == Qt.Key.Key_Space:
            self._space = True
        elif key == Qt.Key.Key_Escape and self._stroke is not None:
            self._stroke = None
            self.update()
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
        super().keyReleaseEvent(event)

    def _step(self, across: int, up: int) -> None:
        (x0, x1), (y0, y1) = self.view.x, self.view.y
        by = np.array([across * (x1 - x0), up * (y1 - y0)]) / 200
        self.cursor_moved.emit(self.session.point + by, False)
        self._rest.start()

    def _settle(self) -> None:
        self.session.place_changed.emit(True)

    def _move_cursor(self, pixel: tuple[float, float], *, final: bool) -> None:
        self.cursor_moved.emit(self.view.to_points([pixel])[0], final)

    def _touch_path(self, pixel: tuple[float, float], phase: str) -> None:
        self.path_touched.emit(self.view.to_points([pixel])[0], phase)

    def _tell_hover(self) -> None:
        if self.session.source is None:
            return
        inside = self._mouse is not None and self.area.contains(self._mouse)
        if inside and self._mouse is not None:
            self.hovered.emit(self.view.to_points([self._pixel(self._mouse)])[0])
        else:
            self.hovered.emit(None)

    def _pixel(self, position: QPointF) -> tuple[float, float]:
        area = self.area
        return position.x() - area.left(), position.y() - area.top()

    def _show(self, view: View) -> None:
        self.view = view
        self.refresh()
        self.view_changed.emit()

    def _on_place(self, _final: bool) -> None:
        self.update()

    # Drawing ------------------------------------------------------------------------------------

    def resizeEvent(self, event: QEvent) -> None:
        super().resizeEvent(event)
        self.refresh()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        self.refresh()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.colour("background").darker(112))
        if self.session.source is None:
            return
        area = self.area
        if (self.view.width, self.view.height) != (area.width(), area.height()):
            self.view = self.view.sized(area.width(), area.height())
        plane = self.session.plane
        marks.draw_axes(painter, area, self.view, plane.x.name, plane.y.name)
        painter.drawImage(area.topLeft(), self._particles())
        if self.session.tint.values is not None:
            marks.draw_bar(painter, area, self.session.tint, self.session.coloured_by)
        painter.setClipRect(area)
        painter.translate(area.topLeft())
        if self.energy is not None:
            marks.draw_energy(painter, self.view, self.energy)
        marks.draw_path(painter, self.view, self.path)
        if self._marked is not None and self._marked < len(plane.xy):
            marks.draw_ring(painter, self.view, plane.xy[self._marked])
        marks.draw_cursor(painter, self.view, self.session.point)
        self._draw_tool(painter)
        marks.draw_note(painter, area.width(), self.note)
        painter.resetTransform()
        painter.setClipping(False)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(theme.colour("current"))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _particles(self) -> QImage:
        if self._image is None:
            session = self.session
            selected = session.selections.current if session.selections.count else None
            self._image = self.picture.make(
                session.plane.xy, self.view, session.tint, selected, self.devicePixelRatioF()
            )
        return self._image

    def _draw_tool(self, painter: QPainter) -> None:
        if self._stroke is not None:
            marks.draw_stroke(painter, self._stroke, self.brush_px)
        elif self.tool is LatentTool.BRUSH and self._mouse is not None:
            marks.draw_brush(painter, self._pixel(self._mouse), self.brush_px)
