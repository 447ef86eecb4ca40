"""Thon rings of the chosen micrograph, beside what its CTF values predict."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, QTimer
from qtpy.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.particles.ctf_review import COARSEST_A, CtfReview, review_ctf
from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.layout import column
from napari_cryoai.ui.kit.links import Links
from napari_cryoai.ui.kit.parts import hint
from napari_cryoai.ui.micrographs.session import Session

_TICKS_A = (30, 15, 10, 8, 6, 5, 4.5, 4, 3.5, 3, 2.5)
_KEPT = 24
_LATER_MS = 120


class RingsPicture(QWidget):
    """The spectrum on the left, the model on the right; they should meet without a seam."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._image: QImage | None = None
        self._review: CtfReview | None = None
        self.words = ""
        self.setAccessibleName("Thon rings")
        self.setToolTip(
            "Left: the micrograph's power spectrum. Right: what the CTF values predict.\n"
            "If the values are right, bright and dark rings continue across the middle."
        )
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMinimumHeight(200)

    def sizeHint(self) -> QSize:
        return QSize(320, 320)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        """A square, but never so large that the curves below are out of sight."""
        return min(width, max(220, round(0.34 * self.window().height())))

    def show_review(self, review: CtfReview | None, words: str = "") -> None:
        """Draw a review, or words in its place."""
        self._review, self.words = review, words
        self._image = None if review is None else _grey(review.rings)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        painter.fillRect(self.rect(), theme.colour("background").darker(112))
        if self._image is None or self._review is None:
            painter.setPen(theme.colour("text").darker(130))
            area = self.rect().adjusted(16, 8, -16, -8)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(area, flags, self.words)
            return
        side = min(self.width(), self.height())
        square = QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)
        disc = QPainterPath()
        disc.addEllipse(square)
        painter.setClipPath(disc)  # in the corners there is nothing that was measured
        painter.drawImage(square, self._image)
        painter.setClipping(False)
        self._mark(painter, square, self._review)

    def _mark(self, painter: QPainter, square: QRectF, review: CtfReview) -> None:
        """Names of the halves, and the circle up to which the rings fit."""
        reach_A = review.ctf.fit_resolution_A
        if np.isfinite(reach_A):
            radius = square.width() / 2 / reach_A / review.largest
            painter.setPen(QPen(QColor(theme.MATCHED), 1.4, Qt.PenStyle.DashLine))
            painter.drawEllipse(square.center(), radius, radius)
            _tag(painter, square.center() - QPointF(0, radius), f"{reach_A:.1f} Å")
        _tag(painter, square.topLeft() + QPointF(48, 14), "measured")
        _tag(painter, square.topRight() + QPointF(-36, 14), "model")


class RingCurves(QWidget):
    """The same along the rings: measured, model, and how well they agree."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._review: CtfReview | None = None
        self.setAccessibleName("CTF curves")
        self.setFixedHeight(160)

    def sizeHint(self) -> QSize:
        return QSize(320, 160)

    def show_review(self, review: CtfReview | None) -> None:
        """Draw the curves of a review."""
        self._review = review
        self.update()

    def lines(self, area: QRectF) -> dict[str, QPolygonF]:
        """The curves in a rectangle, by name."""
        review = self._review
        if review is None:
            return {}
        return {
            "agreement": _line(area, review, np.maximum(review.agreement, 0)),
            "model": _line(area, review, review.model),
            "measured": _line(area, review, review.measured),
        }

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.colour("background").darker(112))
        if self._review is None:
            return
        area = QRectF(self.rect()).adjusted(8, 30, -8, -24)
        self._axis(painter, area, self._review)
        pens = {
            "agreement": QPen(QColor(theme.MATCHED), 2),
            "model": QPen(QColor(theme.FALSE), 2),
            "measured": QPen(theme.colour("text"), 1.2),
        }
        for name, line in self.lines(area).items():
            painter.setPen(pens[name])
            painter.drawPolyline(line)
        self._legend(painter, pens)

    def _axis(self, painter: QPainter, area: QRectF, review: CtfReview) -> None:
        grid, ink = theme.colour("foreground"), theme.colour("text").darker(120)
        painter.setPen(QPen(grid, 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        free = area.left() - 1
        for tick_A in _TICKS_A:
            x = _x(area, review, 1 / tick_A)
            text = f"{tick_A:g} Å" if tick_A == COARSEST_A else f"{tick_A:g}"
            width = painter.fontMetrics().horizontalAdvance(text)
            left = min(max(x - width / 2, area.left()), area.right() - width)
            if x > area.right() or left < free:
                continue
            painter.setPen(QPen(grid, 1))
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            painter.setPen(ink)
            painter.drawText(QPointF(left, area.bottom() + 16), text)
            free = left + width + 8

    def _legend(self, painter: QPainter, pens: dict[str, QPen]) -> None:
        x = 10.0
        for name in ("measured", "model", "agreement"):
            painter.setPen(QPen(pens[name].color(), 2.5))
            painter.drawLine(QPointF(x, 13), QPointF(x + 14, 13))
            painter.setPen(theme.colour("text"))
            painter.drawText(QPointF(x + 19, 17), name)
            x += 19 + painter.fontMetrics().horizontalAdvance(name) + 16


class ThonRings(QWidget):
    """Picture and curves of the session's current micrograph, made in the background."""

    def __init__(
        self,
        session: Session,
        background: Background,
        links: Links,
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session = session
        self.background = background
        self.picture = RingsPicture(self)
        self.curves = RingCurves(self)
        self.facts = hint("", self)
        self.shown: CtfReview | None = None
        self._reviews: OrderedDict[MicrographCtf, CtfReview] = OrderedDict()
        self._pending: MicrographCtf | None = None
        self._later = QTimer(self, interval=_LATER_MS, singleShot=True)
        self._later.timeout.connect(self._make)
        column(self.picture, self.curves, self.facts, of=self, spacing=4)
        links.connect(session.current_changed, lambda _name: self.refresh())
        links.connect(session.ctf_changed, self._on_ctf)
        links.connect(session.opened, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the current micrograph's review, or ask for it."""
        ctf = self._wanted()
        if ctf is None:
            self._say("The rings show here once the CTF of this micrograph is estimated or read.")
        elif ctf in self._reviews:
            self._show(self._reviews[ctf])
        else:
            self._say("Computing the rings…")
            self._later.start()  # who runs through the list does not want each of them

    def _wanted(self) -> MicrographCtf | None:
        return self.session.ctf.get(self.session.current or "")

    def _on_ctf(self, names: frozenset[str]) -> None:
        if self.session.current in names:
            self.refresh()

    def _make(self) -> None:
        ctf = self._wanted()
        if ctf is None or ctf in self._reviews or self._pending is not None:
            return
        self._pending = ctf
        work = partial(review_ctf, self.session.micrographs[ctf.name], ctf)
        self.background.submit(work, self._arrived, self._failed)

    def _arrived(self, review: CtfReview) -> None:
        self._pending = None
        self._reviews[review.ctf] = review
        while len(self._reviews) > _KEPT:
            self._reviews.popitem(last=False)
        self.refresh()

    def _failed(self, error: CryoAIError) -> None:
        failed, self._pending = self._pending, None
        if self._wanted() == failed:
            self._say(str(error))
        else:
            self.refresh()

    def _show(self, review: CtfReview) -> None:
        self.shown = review
        ctf = review.ctf
        self.picture.show_review(review)
        self.curves.show_review(review)
        self.curves.show()
        self.facts.setText(
            f"Defocus {ctf.defocus_u_A / 1e4:.3f} / {ctf.defocus_v_A / 1e4:.3f} µm at "
            f"{ctf.defocus_angle_deg:.0f}°"
            + (f", phase shift {ctf.phase_shift_deg:.0f}°" if ctf.phase_shift_deg else "")
        )
        self.facts.show()

    def _say(self, words: str) -> None:
        self.shown = None
        self.picture.show_review(None, words)
        self.curves.show_review(None)
        self.curves.setVisible(False)
        self.facts.setVisible(False)


def _grey(rings: NDArray[np.float64]) -> QImage:
    grey = np.ascontiguousarray(np.clip(127.5 + 55 * rings, 0, 255).astype(np.uint8))
    ny, nx = grey.shape
    return QImage(grey.tobytes(), nx, ny, nx, QImage.Format.Format_Grayscale8).copy()


def _tag(painter: QPainter, middle: QPointF, text: str) -> None:
    """Small words that can be read on any grey."""
    box = QRectF(0, 0, painter.fontMetrics().horizontalAdvance(text) + 10, 17)
    box.moveCenter(middle)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 150))
    painter.drawRoundedRect(box, 4, 4)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QColor("white"))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def _x(area: QRectF, review: CtfReview, g: float) -> float:
    """Where a frequency lies: the axis is linear in the square, so that rings keep their width."""
    low, high = (1 / COARSEST_A) ** 2, review.largest**2
    return float(area.left() + (g**2 - low) / (high - low) * area.width())


def _line(area: QRectF, review: CtfReview, values: NDArray[np.float64]) -> QPolygonF:
    heights = area.bottom() - np.clip(values, -0.02, 1.04) * area.height()
    return QPolygonF(
        [QPointF(_x(area, review, g), y) for g, y in zip(review.g, heights, strict=True)]
    )
