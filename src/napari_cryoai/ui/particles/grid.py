"""A page of particle images, painted; a click rejects or restores."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QHelpEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPen
from qtpy.QtWidgets import QMenu, QSizePolicy, QToolTip, QWidget

from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.particles.review import ParticleSet, Rows

GAP = 4
_MOST_IMAGES = 3000
_MOST_BYTES = 128 << 20
_STEPS = {
    Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1),
}  # fmt: skip


class ParticleGrid(QWidget):
    """Shows the rows of one page, and knows only the images that were seen lately.

    Signals
    -------
    page_changed()
        Another page, or a page of another length.
    wanted(rows)
        Images that are missing: of the page, then of the next one.
    judged(rows, reject)
        The user rejected particles, or restored them.
    located(row)
        The user wants to see a particle on its micrograph.
    """

    page_changed = Signal()
    wanted = Signal(object)
    judged = Signal(object, bool)
    located = Signal(int)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.particles: ParticleSet | None = None
        self.rows: Rows = np.empty(0, np.intp)
        self.first = 0
        self.cursor = 0
        self.wanted_side = 72
        self._images: OrderedDict[int, QImage] = OrderedDict()
        self._stroke: list[int] = []
        self._rejecting = True
        self.setMinimumSize(QSize(180, 76))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Particles")

    def sizeHint(self) -> QSize:
        return QSize(640, 180)

    # What is shown ------------------------------------------------------------------------------

    def set_particles(self, particles: ParticleSet | None, rows: Rows) -> None:
        """Show these rows of a set, from the first on."""
        self.particles = particles
        self._images.clear()
        self.set_rows(rows)

    def set_rows(self, rows: Rows) -> None:
        """Show other rows, or the same in another order."""
        self.rows, self.first, self.cursor = rows, 0, 0
        self._turned()

    def forget_images(self) -> None:
        """Ask for all images anew: they are to look different."""
        self._images.clear()
        self._turned()

    def set_side(self, side: int) -> None:
        """Draw images about this many pixels wide."""
        self.wanted_side = side
        self._turned()

    @property
    def lines(self) -> int:
        """Images below each other: as many of the wanted size as fit, more or less."""
        return max(1, round((self.height() - GAP) / (self.wanted_side + GAP)))

    @property
    def side(self) -> int:
        """Width of an image on screen; the lines fill the height."""
        return max(16, min((self.height() - GAP) // self.lines, self.width() - GAP) - GAP)

    @property
    def columns(self) -> int:
        """Images beside each other."""
        return max(1, (self.width() - GAP) // (self.side + GAP))

    @property
    def page_size(self) -> int:
        """Images on a page."""
        return self.columns * self.lines

    @property
    def page(self) -> int:
        """Number of the page, from 0."""
        return self.first // self.page_size

    @property
    def pages(self) -> int:
        """How many there are, at least one."""
        return max(1, -(-len(self.rows) // self.page_size))

    def turn_to(self, page: int) -> None:
        """Show a page; beyond the ends, the last or the first."""
        page = min(max(page, 0), self.pages - 1)
        self.first = page * self.page_size
        self.cursor = self.first
        self._turned()

    def on_page(self) -> Rows:
        """The rows on screen."""
        return self.rows[self.first : self.first + self.page_size]

    def put(self, rows: Sequence[int], grey: NDArray[np.uint8]) -> None:
        """Take `(m, n, n)` images of these rows."""
        for row, image in zip(rows, grey, strict=True):
            ny, nx = image.shape
            picture = QImage(image.tobytes(), nx, ny, nx, QImage.Format.Format_Grayscale8)
            self._images[int(row)] = picture.copy()
        if len(grey):
            most = max(2 * self.page_size, min(_MOST_IMAGES, _MOST_BYTES // grey[0].nbytes))
            while len(self._images) > most:
                self._images.popitem(last=False)
        self.update()

    def has(self, row: int) -> bool:
        """Whether the image of a row is there."""
        return row in self._images

    def image(self, row: int) -> QImage | None:
        """The image of a row, if it is there."""
        return self._images.get(row)

    def _turned(self) -> None:
        size = self.page_size
        self.first = self.first // size * size
        if self.first >= len(self.rows):
            self.first = (self.pages - 1) * size
        self.cursor = min(max(self.cursor, self.first), max(len(self.rows) - 1, 0))
        ahead = self.rows[self.first : self.first + 2 * size]
        missing = [int(row) for row in ahead if int(row) not in self._images]
        for row in self.on_page().tolist():
            if row in self._images:
                self._images.move_to_end(row)
        self.page_changed.emit()
        if missing:
            self.wanted.emit(missing)
        self.update()

    # Where things are ---------------------------------------------------------------------------

    def cell(self, place: int) -> QRect:
        """Where the image at a place of the page is drawn."""
        side, columns = self.side, self.columns
        step = side + GAP
        left = max(GAP, (self.width() - columns * step + GAP) // 2)
        return QRect(left + place % columns * step, GAP + place // columns * step, side, side)

    def row_at(self, point: QPointF) -> int | None:
        """The row whose image is under a point."""
        for place, row in enumerate(self.on_page().tolist()):
            if self.cell(place).contains(point.toPoint()):
                return row
        return None

    # Mouse and keyboard -------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        row = self.row_at(event.position())
        if row is None or self.particles is None:
            return
        self._set_cursor(row)
        if event.button() == Qt.MouseButton.LeftButton:
            self._rejecting = not self.particles.rejected[row]
            self._stroke = [row]
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        row = self.row_at(event.position())
        if self._stroke and row is not None and row not in self._stroke:
            self._stroke.append(row)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        stroke, self._stroke = self._stroke, []
        if stroke:
            self.judged.emit(np.array(stroke, np.intp), self._rejecting)

    def contextMenuEvent(self, event: object) -> None:
        row = self.row_at(QPointF(event.pos()))  # type: ignore[attr-defined]
        if row is not None:
            self._set_cursor(row)
            self.menu(row).exec(event.globalPos())  # type: ignore[attr-defined]

    def menu(self, row: int) -> QMenu:
        """What can be done with a particle, and with those around it."""
        menu = QMenu(self)
        menu.addAction("Show on the micrograph\tReturn").triggered.connect(
            lambda _=False: self.located.emit(row)
        )
        menu.addSeparator()
        place = int(np.flatnonzero(self.rows == row)[0])
        choices = (
            ("Reject all on this page", self.on_page(), True),
            ("Restore all on this page", self.on_page(), False),
            (f"Reject this and the {len(self.rows) - place - 1:,} after it",
             self.rows[place:], True),
        )  # fmt: skip
        for title, rows, reject in choices:
            menu.addAction(title).triggered.connect(
                lambda _=False, rows=rows, reject=reject: self.judged.emit(rows.copy(), reject)
            )
        return menu

    def wheelEvent(self, event: object) -> None:
        delta = event.angleDelta().y()  # type: ignore[attr-defined]
        if delta:
            self.turn_to(self.page + (1 if delta < 0 else -1))
        event.accept()  # type: ignore[attr-defined]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        pages = {
            Qt.Key.Key_PageDown: self.page + 1, Qt.Key.Key_PageUp: self.page - 1,
            Qt.Key.Key_Home: 0, Qt.Key.Key_End: self.pages - 1,
        }  # fmt: skip
        if key in pages:
            self.turn_to(pages[key])
        elif key in _STEPS:
            dx, dy = _STEPS[key]
            self._walk(dx + dy * self.columns)
        elif key in (Qt.Key.Key_X, Qt.Key.Key_Space, Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._toggle()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and len(self.rows):
            self.located.emit(int(self.rows[self.cursor]))
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            row = self.row_at(QPointF(event.pos()))
            words = self.particles.describe(row) if self.particles and row is not None else ""
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return bool(super().event(event))

    def resizeEvent(self, event: object) -> None:
        self._turned()

    def _set_cursor(self, row: int) -> None:
        self.cursor = int(np.flatnonzero(self.rows == row)[0])
        self.update()

    def _walk(self, by: int) -> None:
        target = self.cursor + by
        if not 0 <= target < len(self.rows):
            return
        self.cursor = target
        page = target // self.page_size
        if page != self.page:
            self.first = page * self.page_size
            self._turned()
        self.update()

    def _toggle(self) -> None:
        if self.particles is not None and len(self.rows):
            row = int(self.rows[self.cursor])
            self.judged.emit(np.array([row], np.intp), not self.particles.rejected[row])

    # Drawing ------------------------------------------------------------------------------------

    def paintEvent(self, event: object) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        painter.fillRect(self.rect(), theme.colour("background").darker(112))
        if self.particles is None:
            return
        rejected = self.particles.rejected
        for place, row in enumerate(self.on_page().tolist()):
            out = self._rejecting if row in self._stroke else bool(rejected[row])
            self._draw(painter, self.cell(place), row, out)
        self._draw_cursor(painter)

    def _draw(self, painter: QPainter, cell: QRect, row: int, rejected: bool) -> None:
        image = self._images.get(row)
        if image is None:
            painter.fillRect(cell, theme.colour("foreground"))
        else:
            painter.setOpacity(0.3 if rejected else 1.0)
            painter.drawImage(cell, image)
            painter.setOpacity(1.0)
        if rejected:
            painter.setPen(QPen(QColor(theme.FALSE), 2))
            inner = QRectF(cell).adjusted(0.28 * cell.width(), 0.28 * cell.height(),
                                          -0.28 * cell.width(), -0.28 * cell.height())  # fmt: skip
            painter.drawLine(inner.topLeft(), inner.bottomRight())
            painter.drawLine(inner.topRight(), inner.bottomLeft())

    def _draw_cursor(self, painter: QPainter) -> None:
        place = self.cursor - self.first
        if self.hasFocus() and 0 <= place < len(self.on_page()):
            painter.setPen(QPen(theme.colour("current").lighter(130), 2))
            painter.drawRect(self.cell(place).adjusted(-1, -1, 1, 1))
