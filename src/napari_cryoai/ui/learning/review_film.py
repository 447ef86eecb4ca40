"""Crops in a row like the pictures of a film: the one to decide about is the large one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget
from scipy.ndimage import map_coordinates

from napari_cryoai.core.picks import State
from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.learning.review_queue import Item, ReviewQueue
from napari_cryoai.ui.micrographs.images import View

CROP = 96
"""Pixels of a crop."""

FIELD = 3.0
"""Diameters that a crop shows."""

BEYOND = 0.2
"""Grey beyond the border of the micrograph, from black to white."""

GAP = 8
_LARGE = 1.75
_BEHIND = 2
"""Decided crops that stay in view."""


class ReviewFilm(QWidget):
    """Paints the queue around its current item.

    Signals
    -------
    chosen(index)
        The user clicked on a crop.
    """

    chosen = Signal(int)

    def __init__(self, queue: ReviewQueue, parent: QWidget | None = None):
        super().__init__(parent)
        self.queue = queue
        self.view: View | None = None
        self.diameter_px = 40.0
        self._images: dict[int, QImage] = {}
        self.setMinimumSize(QSize(300, 120))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Picks to review")
        queue.changed.connect(lambda: self.update())

    def sizeHint(self) -> QSize:
        return QSize(900, 170)

    def set_micrograph(self, view: View | None, diameter_px: float) -> None:
        """Cut crops from these pixels from now on."""
        self.view, self.diameter_px = view, diameter_px
        self._images.clear()
        self.update()

    # Where things are ---------------------------------------------------------------------------

    def places(self) -> list[tuple[int, QRectF]]:
        """Index and place of each crop in view, from left to right; the current one is large."""
        large = float(min(self.height() - 2, CROP * _LARGE + 40))
        small = large / _LARGE
        at = self.queue.at
        left = GAP / 2 + min(at, _BEHIND) * (small + GAP)
        found = []
        for index in range(max(0, at - _BEHIND), len(self.queue.items)):
            if index < at:
                place = left - (at - index) * (small + GAP), small
            elif index == at:
                place = left, large
            else:
                place = left + large + GAP + (index - at - 1) * (small + GAP), small
            x, side = place
            if x > self.width():
                break
            found.append((index, QRectF(x, (self.height() - side) / 2, side, side)))
        return found

    def mousePressEvent(self, event: QMouseEvent) -> None:
        for index, place in self.places():
            if place.contains(event.position()):
                self.chosen.emit(index)
                return

    # Drawing ------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        for index, place in self.places():
            self._draw(painter, place, self.queue.items[index], current=index == self.queue.at)

    def _draw(self, painter: QPainter, place: QRectF, item: Item, *, current: bool) -> None:
        decision = self.queue.decision(item)
        faded = decision is not None and not current
        painter.setOpacity(0.45 if faded else 1.0 if current else 0.8)
        painter.drawImage(place, self._image(item))
        painter.setOpacity(1.0)
        r, g, b, _ = theme.score_rgba(np.array([item.score]), (0.0, 1.0))[0]
        colour = QColor.fromRgbF(float(r), float(g), float(b))
        if decision == State.KEPT:
            colour = QColor.fromRgbF(*(float(c) for c in theme.MANUAL))
        radius = place.width() / FIELD / 2
        if decision == State.REJECTED:
            self._cross(painter, place.center(), radius)
        else:
            painter.setPen(QPen(colour, 2.2 if current else 1.6))
            painter.drawEllipse(place.center(), radius, radius)
        if current:
            painter.setPen(QPen(theme.colour("current").lighter(130), 2))
            painter.drawRect(place.adjusted(1, 1, -1, -1))

    def _cross(self, painter: QPainter, centre: QPointF, radius: float) -> None:
        painter.setPen(QPen(QColor(theme.FALSE), 2.2, cap=Qt.PenCapStyle.RoundCap))
        d = radius * 0.7
        painter.drawLine(centre - QPointF(d, d), centre + QPointF(d, d))
        painter.drawLine(centre + QPointF(-d, d), centre + QPointF(d, -d))

    def _image(self, item: Item) -> QImage:
        if item.id not in self._images:
            self._images[item.id] = self._crop(item)
        return self._images[item.id]

    def _crop(self, item: Item) -> QImage:
        if self.view is None:
            grey = np.full((CROP, CROP), 90, np.uint8)
        else:
            grey = crop(self.view, item.yx_px, self.diameter_px * FIELD)
        image = QImage(grey.tobytes(), CROP, CROP, CROP, QImage.Format.Format_Grayscale8)
        return image.copy()


def crop(view: View, yx_px: tuple[float, float], side_px: float) -> NDArray[np.uint8]:
    """`(CROP, CROP)` grey levels of a square of the micrograph around a point.

    Beyond the border there is an even dark grey.
    """
    step = (np.arange(CROP) + 0.5) / CROP - 0.5
    y, x = ((c + step * side_px + 0.5) / view.binning - 0.5 for c in yx_px)
    low, high = view.limits
    at = np.meshgrid(y, x, indexing="ij")
    beyond = low + BEYOND * (high - low)
    pixels = map_coordinates(view.pixels, at, np.float32, order=1, cval=beyond)
    return np.asarray(np.clip((pixels - low) / (high - low), 0, 1) * 255, np.uint8)
