"""The sequences of the current model: what is built in its colours, and what is not in grey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QRect, QSize, Qt
from qtpy.QtGui import QColor, QFontDatabase, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QScrollArea, QSizePolicy, QToolTip, QWidget

from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.parts import counted
from napari_cryoai.ui.models.alignment import Line, lines_of
from napari_cryoai.ui.models.colouring import SELECTED
from napari_cryoai.ui.models.session import ModelSession
from napari_cryoai.ui.models.table import residue_in_words

_GROUP = 10
_HEIGHT = 190


@dataclass(frozen=True)
class _Strip:
    """A row on screen: the head of a chain, or some of its letters."""

    line: Line
    first: int
    last: int

    @property
    def is_head(self) -> bool:
        return self.last <= self.first


class SequencePanel(QScrollArea):
    """Scrolls over the sequences."""

    def __init__(self, session: ModelSession, parent: QWidget | None = None):
        super().__init__(parent)
        self.view = SequenceView(session, self)
        self.setWidget(self.view)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedHeight(_HEIGHT)
        session.selected_changed.connect(self._follow)

    def _follow(self, *_: object) -> None:
        """Bring the selected residue into view, unless the user is at work here."""
        place = self.view.place_of_selected()
        if place is not None and not self.view.underMouse():
            self.ensureVisible(place.center().x(), place.center().y(), 0, 40)


class SequenceView(QWidget):
    """Letters of all chains; a click selects, with Shift up to there."""

    def __init__(self, session: ModelSession, parent: QWidget | None = None):
        super().__init__(parent)
        self.session = session
        self.lines: list[Line] = []
        self._strips: list[_Strip] = []
        self._anchor: tuple[Line, int] | None = None
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(max(self.font().pointSizeF(), 9.0))
        self.setFont(font)
        self.setMouseTracking(True)
        self.setAccessibleName("Sequences")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        session.current_changed.connect(self.reset)
        session.replaced.connect(self.reset)
        session.shown_differently.connect(lambda _opened: self.update())
        session.selected_changed.connect(lambda _fly: self.update())
        self.reset()

    def reset(self, *_: object) -> None:
        """Another model, or other atoms."""
        opened = self.session.current
        self.lines = lines_of(opened.model) if opened is not None else []
        self._anchor = None
        self._wrap()

    def place_of_selected(self) -> QRect | None:
        """Where the first selected residue is."""
        if not len(self.session.selected):
            return None
        row = self.session.selected[0]
        for i, strip in enumerate(self._strips):
            inside = np.flatnonzero(strip.line.rows[strip.first : strip.last] == row)
            if len(inside):
                return self._cell(i, int(inside[0]))
        return None

    def letter_at(self, point: QPoint) -> tuple[Line, int] | None:
        """Which letter of which chain is there."""
        i = (point.y() - 2) // self._row
        if not 0 <= i < len(self._strips) or self._strips[i].is_head:
            return None
        strip = self._strips[i]
        for k in range(strip.last - strip.first):
            if self._cell(i, k).contains(point):
                return strip.line, strip.first + k
        return None

    # Layout -------------------------------------------------------------------------------------

    @property
    def _row(self) -> int:
        return self.fontMetrics().height() + 4

    @property
    def _letter(self) -> int:
        return self.fontMetrics().horizontalAdvance("W") + 1

    @property
    def _margin(self) -> int:
        """Room for the number of a row's first letter."""
        return self.fontMetrics().horizontalAdvance("00000") + 6

    def _wrap(self) -> None:
        room = max(self.width() - self._margin - 4, 1)
        groups = max(1, room // (_GROUP * self._letter + self._gap))
        step = groups * _GROUP
        self._strips = []
        for line in self.lines:
            self._strips.append(_Strip(line, 0, 0))
            for first in range(0, len(line), step):
                self._strips.append(_Strip(line, first, min(first + step, len(line))))
        self.setFixedHeight(max(len(self._strips), 1) * self._row + 6)
        self.update()

    @property
    def _gap(self) -> int:
        return 5

    def _cell(self, strip: int, k: int) -> QRect:
        x = self._margin + k * self._letter + k // _GROUP * self._gap
        return QRect(x, 2 + strip * self._row, self._letter, self._row - 2)

    def sizeHint(self) -> QSize:
        return QSize(300, self.height())

    def resizeEvent(self, event: QEvent) -> None:
        super().resizeEvent(event)
        self._wrap()

    # Painting -----------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        opened = self.session.current
        if opened is None:
            return
        painter = QPainter(self)
        colours, chosen = opened.colours.rgb, set(self.session.selected.tolist())
        first = max(0, (event.rect().top() - 2) // self._row)
        last = min(len(self._strips), event.rect().bottom() // self._row + 1)
        for i in range(first, last):
            if self._strips[i].is_head:
                self._paint_head(painter, i)
            else:
                self._paint_letters(painter, i, colours, chosen)

    def _paint_head(self, painter: QPainter, i: int) -> None:
        line = self._strips[i].line
        text = f"Chain {line.name}: {line.built:,} of {counted(len(line), 'residue')}"
        painter.setPen(theme.colour("text"))
        place = QRect(4, 2 + i * self._row, self.width() - 8, self._row)
        painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_letters(
        self, painter: QPainter, i: int, colours: np.ndarray, chosen: set[int]
    ) -> None:
        strip = self._strips[i]
        dim = theme.colour("text")
        dim.setAlpha(120)
        painter.setPen(dim)
        number = QRect(0, 2 + i * self._row, self._margin - 6, self._row - 2)
        at = Qt.AlignmentFlag.AlignCenter
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(number, right, str(strip.line.numbers[strip.first]))
        ink = QColor("#17191d")
        for k in range(strip.last - strip.first):
            row, cell = int(strip.line.rows[strip.first + k]), self._cell(i, k)
            letter = strip.line.letters[strip.first + k]
            if row < 0:
                painter.setPen(dim)
                painter.drawText(cell, at, letter)
                continue
            shade = QColor(*(int(v) for v in colours[row]))
            painter.fillRect(cell, QColor(SELECTED) if row in chosen else shade)
            painter.setPen(ink)
            painter.drawText(cell, at, letter)

    # Mouse --------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        found = self.letter_at(event.position().toPoint())
        if found is None:
            return
        line, k = found
        first = k
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self._anchor is not None:
            first = self._anchor[1] if self._anchor[0] is line else k
        else:
            self._anchor = found
        rows = line.rows[min(first, k) : max(first, k) + 1]
        rows = rows[rows >= 0]
        if len(rows):
            self.session.select(rows, fly=True)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.words_at(event.pos()), self)
            return True
        return bool(super().event(event))

    def words_at(self, point: QPoint) -> str:
        """What is known of the letter there; of one that is not built, why."""
        found, opened = self.letter_at(point), self.session.current
        if found is None or opened is None:
            return ""
        line, k = found
        if line.rows[k] >= 0:
            return residue_in_words(opened, int(line.rows[k]))
        return f"{line.letters[k]} {line.numbers[k]} of chain {line.name}: {line.reasons[k]}"
