"""The list of micrographs: what each holds, and what is still to be looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractListModel, QModelIndex, QPoint, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QKeyEvent, QPainter, QPixmap
from qtpy.QtWidgets import QListView, QMenu, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from napari_cryoai.ui.kit import icons, theme
from napari_cryoai.ui.micrographs.session import Session

ROW = 34
NameRole = Qt.ItemDataRole.UserRole


class MicrographModel(QAbstractListModel):
    """The micrographs of a session, with counts that follow the sliders."""

    def __init__(self, session: Session, parent: Any = None):
        super().__init__(parent)
        self.session = session
        self.names: list[str] = []
        self.counts: dict[str, int] = {}
        self.problems: dict[str, str] = {}
        self.thumbnails: dict[str, QPixmap] = {}
        self.waiting: set[str] = set()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.names):
            return None
        name = self.names[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, NameRole):
            return name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return self.describe(name)
        return None

    def reset(self) -> None:
        """Another set was opened."""
        self.beginResetModel()
        self.names = list(self.session.micrographs)
        self.problems, self.thumbnails, self.waiting = {}, {}, set()
        self.counts = self.session.counts()
        self.endResetModel()

    def refresh(self) -> None:
        """Counts or flags changed."""
        self.counts = self.session.counts()
        self.changed()

    def changed(self) -> None:
        """Redraw the rows."""
        if self.names:
            self.dataChanged.emit(self.index(0), self.index(len(self.names) - 1))

    def set_thumbnail(self, name: str, grey: NDArray[np.uint8]) -> None:
        """Show the micrograph itself in its row."""
        grey = np.ascontiguousarray(grey)
        ny, nx = grey.shape
        image = QImage(grey.tobytes(), nx, ny, nx, QImage.Format.Format_Grayscale8)
        self.thumbnails[name] = QPixmap.fromImage(image)
        self.changed()

    def is_picked(self, name: str) -> bool:
        """Whether the picker, an import or the user has put picks there."""
        return name in self.session.picked

    def describe(self, name: str) -> str:
        """A row in words."""
        document = self.session.document
        words = [name]
        if name in self.problems:
            return f"{name}\n{self.problems[name]}"
        words.append(
            f"{self.counts.get(name, 0):,} picks" if self.is_picked(name) else "not picked yet"
        )
        words += ["reviewed"] * (name in document.reviewed)
        words += ["junk: none of its picks is exported"] * (name in document.junk)
        return "\n".join(words)


class MicrographDelegate(QStyledItemDelegate):
    """Draws a row: thumbnail, name, count, and a sign for its state."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(200, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        model: MicrographModel = index.model()
        name = index.data(NameRole)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, theme.colour("current"))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(option.rect, theme.colour("foreground"))
        junk = name in model.session.document.junk
        text = theme.colour("text")
        if junk:
            text.setAlpha(120)
        self._thumbnail(painter, option.rect, model, name, junk)
        right = self._state(painter, option.rect, model, name, text)
        self._words(painter, option, name, right, text)
        painter.restore()

    def _thumbnail(
        self, painter: QPainter, rect: QRect, model: MicrographModel, name: str, junk: bool
    ) -> None:
        box = QRect(rect.left() + 3, rect.top() + 3, ROW - 6, ROW - 6)
        picture = model.thumbnails.get(name)
        painter.setOpacity(0.35 if junk else 1.0)
        if picture is not None:
            painter.drawPixmap(box, picture)
        else:
            painter.fillRect(box, theme.colour("primary"))
            sign = icons.pixmap("image", theme.colour("text").darker(150), 18)
            painter.drawPixmap(box.center() - QPoint(8, 8), sign)
        painter.setOpacity(1.0)

    def _state(
        self, painter: QPainter, rect: QRect, model: MicrographModel, name: str, text: QColor
    ) -> int:
        """Draw count and sign; returns where the name must end."""
        document = model.session.document
        sign, tint = None, text
        if name in model.problems:
            sign, tint = "warning", theme.colour("warning")
        elif name in document.junk:
            sign = "junk"
        elif name in document.reviewed:
            sign, tint = "check", QColor(theme.MATCHED)
        elif name in model.waiting:
            sign = "wait"
        right = rect.right() - 24
        if sign:
            painter.drawPixmap(right + 2, rect.center().y() - 8, icons.pixmap(sign, tint, 18))
        count = f"{model.counts.get(name, 0):,}" if model.is_picked(name) else "-"
        width = max(44, painter.fontMetrics().horizontalAdvance(count) + 8)
        painter.setPen(text)
        box = QRect(right - width, rect.top(), width - 4, rect.height())
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, count)
        return right - width

    def _words(
        self, painter: QPainter, option: QStyleOptionViewItem, name: str, right: int, text: QColor
    ) -> None:
        left = option.rect.left() + ROW + 4
        width = right - left
        words = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, width)
        painter.setPen(text)
        box = QRect(left, option.rect.top(), width, option.rect.height())
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, words)


class MicrographList(QListView):
    """The list itself; what is clicked is shown.

    Signals
    -------
    flag_requested(flag, name, on)
        Chosen from the context menu.
    """

    flag_requested = Signal(str, str, bool)

    def __init__(self, session: Session, parent: Any = None):
        super().__init__(parent)
        self.session = session
        self.rows = MicrographModel(session, self)
        self.setModel(self.rows)
        self.setItemDelegate(MicrographDelegate(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setAccessibleName("Micrographs")
        self.customContextMenuRequested.connect(self._menu)
        self.selectionModel().currentChanged.connect(self._on_current)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.text().isalnum() or event.text() in ("?", " "):
            event.ignore()  # letters are the shortcuts of the window, not a search in the list
        else:
            super().keyPressEvent(event)

    def show_current(self) -> None:
        """Let the highlighted row follow the session."""
        if self.session.current in self.rows.names:
            index = self.rows.index(self.rows.names.index(self.session.current))
            self.setCurrentIndex(index)
            self.scrollTo(index)

    def _on_current(self, index: QModelIndex, before: QModelIndex) -> None:
        if index.isValid():
            self.session.go_to(index.data(NameRole))

    def _menu(self, at: QPoint) -> None:
        index = self.indexAt(at)
        if index.isValid():
            self.menu_for(index.data(NameRole)).exec(self.viewport().mapToGlobal(at))

    def menu_for(self, name: str) -> QMenu:
        """What can be done to one micrograph."""
        document = self.session.document
        menu = QMenu(self)
        for flag, title in (("reviewed", "Reviewed"), ("junk", "Junk (export none of its picks)")):
            action = menu.addAction(title)
            action.setCheckable(True)
            action.setChecked(name in getattr(document, flag))
            action.toggled.connect(lambda on, flag=flag: self.flag_requested.emit(flag, name, on))
        return menu
