"""The places along a path as bars, as high as there are particles, and which of them is shown."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.latent.marks import PATH


class SeriesBar(QWidget):
    """A slider along a path.

    Signals
    -------
    moved(at)
        Another place is chosen.
    """

    moved = Signal(int)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.counts = np.zeros(0)
        self.at = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Place along the path")
        self.setToolTip("Bars: particles nearest to each place. Drag, or use the arrow keys.")

    def sizeHint(self) -> QSize:
        return QSize(280, 56)

    def set_counts(self, counts: NDArray[Any]) -> None:
        """Particles `(m,)` nearest to each place."""
        self.counts = np.asarray(counts, float)
        self.update()

    def set_at(self, at: int) -> None:
        """Mark a place, without a signal."""
        self.at = at
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._choose(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._choose(event.position().x())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: -5, Qt.Key.Key_Up: 5,
            Qt.Key.Key_Home: -len(self.counts), Qt.Key.Key_End: len(self.counts),
        }  # fmt: skip
        step = steps.get(Qt.Key(event.key()))
        if step is None or not len(self.counts):
            super().keyPressEvent(event)
        else:
            self.moved.emit(int(np.clip(self.at + step, 0, len(self.counts) - 1)))

    def _choose(self, x: float) -> None:
        if len(self.counts):
            at = int(x / max(self.width(), 1) * len(self.counts))
            self.moved.emit(int(np.clip(at, 0, len(self.counts) - 1)))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colour("background").darker(112))
        m = len(self.counts)
        if not m:
            painter.setPen(theme.colour("text").darker(140))
            words = "Take the path tool (P), and click two places or more"
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, words)
        wide, high = self.width() / max(m, 1), self.height() - 6
        tall = np.sqrt(self.counts / max(float(self.counts.max(initial=1)), 1.0))
        for i, part in enumerate(tall):
            shade = QColor(PATH) if i == self.at else theme.colour("primary")
            height = max(2.0, part * high)
            painter.fillRect(QRectF(i * wide, self.height() - height, wide - 1, height), shade)
        if self.hasFocus():
            painter.setPen(QPen(theme.colour("current"), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
