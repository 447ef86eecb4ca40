"""What the surface is coloured by, and the bar that tells what its colours mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSignalBlocker, QSize, Qt
from qtpy.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.layout import column, row
from napari_cryoai.ui.kit.parts import Kind, drop_down
from napari_cryoai.ui.maps.colouring import SCALES, Colouring, Scale, limits_of
from napari_cryoai.ui.maps.denoise_work import local_resolution_of
from napari_cryoai.ui.maps.session import MapSession, OpenMap
from napari_cryoai.ui.maps.sources import HalfMapChoice

ONE_COLOUR, LOCAL = "One colour", "Local resolution"


class ColourBy(QWidget):
    """Chooses what the current map's surface is coloured by."""

    def __init__(
        self,
        session: MapSession,
        choice: HalfMapChoice,
        background: Background,
        say: Callable[[str, Kind], object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session, self.choice, self.background, self.say = session, choice, background, say
        self.waiting: set[OpenMap] = set()
        self._told: tuple[object, ...] = ()
        self.by = drop_down("Colour the surface by", self, 12)
        self.bar = ColourBar(self)
        column(row("Colour by", (self.by, 1)), self.bar, of=self, spacing=5)
        self.by.activated.connect(self._chosen)
        for signal in (
            session.current_changed, session.added, session.removed, session.replaced,
            session.shown_differently, choice.changed,
        ):  # fmt: skip
            signal.connect(self.refresh)
        self.refresh()

    def names(self) -> list[str]:
        """What the current map can be coloured by."""
        opened = self.session.current
        if opened is None:
            return [ONE_COLOUR]
        names = [ONE_COLOUR, *(n for n in opened.colourings if not n.startswith(_VALUES))]
        if self.choice.half1 and self.choice.half2 and LOCAL not in names:
            names.append(LOCAL)
        return names + [_VALUES + o.name for o in self.session.maps if o is not opened]

    def refresh(self, *_: object) -> None:
        """Show what the session says of the current map."""
        opened, names = self.session.current, self.names()
        state = (opened, names, opened and opened.coloured_by, opened and opened.colouring)
        if (*state, opened in self.waiting) == self._told:
            return
        self._told = (*state, opened in self.waiting)
        with QSignalBlocker(self.by):
            self.by.clear()
            self.by.addItems(names)
            by = opened.coloured_by if opened is not None else None
            self.by.setCurrentText(by if by in names else ONE_COLOUR)
        self.bar.set_colouring(opened.colouring if opened is not None else None)
        if opened in self.waiting:
            self.by.setCurrentText(LOCAL)
            self.bar.set_waiting("Looking at the half maps…")

    def choose(self, name: str) -> None:
        """Colour the current map's surface by something."""
        opened = self.session.current
        if opened is None:
            return
        if name == ONE_COLOUR:
            self.session.show(opened, coloured_by=None)
        elif name in opened.colourings and not name.startswith(_VALUES):
            self.session.show(opened, coloured_by=name)
        elif name == LOCAL:
            self._local_resolution(opened)
        else:
            self._values(opened, name)

    def next(self) -> None:
        """Go through what is known already; values of other maps are left to the list."""
        opened = self.session.current
        if opened is not None:
            names = [ONE_COLOUR, *opened.colourings]
            now = names.index(opened.coloured_by) if opened.coloured_by in names else 0
            self.choose(names[(now + 1) % len(names)])

    def _chosen(self, index: int) -> None:
        self.choose(self.by.itemText(index))

    def _local_resolution(self, opened: OpenMap) -> None:
        half1, half2 = self.choice.half1, self.choice.half2
        if half1 is None or half2 is None or opened in self.waiting:
            return
        self.waiting.add(opened)
        self.refresh()
        work = partial(local_resolution_of, half1, half2, opened.density, opened.level)
        self.background.submit(work, partial(self._arrived, opened), partial(self._fail, opened))

    def _values(self, opened: OpenMap, name: str) -> None:
        other = next((o for o in self.session.maps if _VALUES + o.name == name), None)
        if other is not None:
            limits = limits_of(other.density, opened.density, opened.level)
            self._arrived(opened, Colouring(name, other.density, limits))

    def _arrived(self, opened: OpenMap, colouring: Colouring) -> None:
        self.waiting.discard(opened)
        if opened in self.session.maps:
            opened.colourings[colouring.name] = colouring
            self.session.show(opened, coloured_by=colouring.name)
        self.refresh()

    def _fail(self, opened: OpenMap, error: CryoAIError) -> None:
        self.waiting.discard(opened)
        self.refresh()
        self.say(str(error), "error")


_VALUES = "Values of "


class ColourBar(QWidget):
    """The colours with numbers below them."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.colouring: Colouring | Scale | None = None
        self._words = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_colouring(None)

    def sizeHint(self) -> QSize:
        return QSize(280, 34)

    def set_colouring(self, colouring: Colouring | Scale | None) -> None:
        """Other colours; none hides the bar."""
        self.colouring, self._words = colouring, ""
        self.setVisible(colouring is not None)
        if colouring is not None:
            low, high = colouring.limits
            self.setAccessibleName(
                f"{colouring.name} from {low:.3g} to {high:.3g} {colouring.unit}"
            )
        self.update()

    def set_waiting(self, words: str) -> None:
        """The colours are on their way."""
        self.colouring, self._words = None, words
        self.show()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = theme.colour("text")
        if self.colouring is None:
            painter.setPen(text)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._words)
            return
        area = QRectF(self.rect()).adjusted(14, 1, -14, -20)
        colours = SCALES[self.colouring.scale]
        gradient = QLinearGradient(area.topLeft(), area.topRight())
        for i, colour in enumerate(colours):
            gradient.setColorAt(i / (len(colours) - 1), QColor(colour))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(gradient)
        painter.drawRoundedRect(area, 2, 2)
        small = painter.font()
        small.setPointSizeF(small.pointSizeF() * 0.85)
        painter.setFont(small)
        self._numbers(painter, area, text)

    def _numbers(self, painter: QPainter, area: QRectF, text: QColor) -> None:
        assert self.colouring is not None  # noqa: S101 - drawn only with one
        low, high = self.colouring.limits
        painter.setPen(QPen(text, 1))
        for tick in ticks_between(low, high):
            x = area.left() + (tick - low) / (high - low) * area.width()
            painter.drawLine(QPointF(x, area.bottom()), QPointF(x, area.bottom() + 3))
            place = QRectF(x - 30, area.bottom() + 3, 60, 15)
            unit = f" {self.colouring.unit}" if self.colouring.unit else ""
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, f"{tick:.4g}{unit}")
        shade = QColor("#202226")
        painter.setPen(shade)
        inner = area.adjusted(5, 0, -5, 0)
        flags = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight)
        for words, side in zip(self.colouring.meaning, flags, strict=True):
            painter.drawText(inner, side | Qt.AlignmentFlag.AlignVCenter, words)


def ticks_between(low: float, high: float, most: int = 5) -> list[float]:
    """A few round numbers from low to high."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return []
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if span / (power * m) <= most)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [float(np.round(i * step, 12)) for i in range(first, last + 1)]
