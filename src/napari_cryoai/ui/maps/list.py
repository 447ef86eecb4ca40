"""The open maps: colour, visibility, name; the selected one is what the panel is about."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QWidget

from napari_cryoai.ui.maps.session import MapSession, OpenMap

ROW = 26
_MOST_ROWS = 5


class MapList(QListWidget):
    """Maps of the session; the tick shows and hides a surface, Delete closes a map."""

    def __init__(self, session: MapSession, parent: QWidget | None = None):
        super().__init__(parent)
        self.session = session
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setAccessibleName("Open maps")
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.itemChanged.connect(self._on_ticked)
        self.currentRowChanged.connect(self._on_row)
        for signal in (session.added, session.removed, session.shown_differently):
            signal.connect(self._on_session)
        session.current_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Write the list again."""
        maps = self.session.maps
        with QSignalBlocker(self):
            self.clear()
            for opened in maps:
                self.addItem(_item(opened))
            if self.session.current in maps:
                self.setCurrentRow(maps.index(self.session.current))
        row = self.sizeHintForRow(0) if maps else ROW
        self.setFixedHeight(row * min(max(len(maps), 1), _MOST_ROWS) + 2 * self.frameWidth())

    def keyPressEvent(self, event: object) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):  # type: ignore[attr-defined]
            self.close_current()
            return
        super().keyPressEvent(event)

    def close_current(self) -> None:
        """Close the selected map."""
        if self.session.current is not None:
            self.session.remove(self.session.current)

    def _on_session(self, opened: OpenMap) -> None:
        maps = self.session.maps
        if opened in maps and self.count() == len(maps):
            with QSignalBlocker(self):
                _dress(self.item(maps.index(opened)), opened)
        else:
            self.refresh()

    def _on_ticked(self, item: QListWidgetItem) -> None:
        opened = self.session.maps[self.row(item)]
        self.session.show(opened, visible=item.checkState() == Qt.CheckState.Checked)

    def _on_row(self, row: int) -> None:
        if 0 <= row < len(self.session.maps):
            self.session.choose(self.session.maps[row])


def _item(opened: OpenMap) -> QListWidgetItem:
    item = QListWidgetItem(opened.name)
    item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
    _dress(item, opened)
    return item


def _dress(item: QListWidgetItem, opened: OpenMap) -> None:
    item.setCheckState(Qt.CheckState.Checked if opened.visible else Qt.CheckState.Unchecked)
    item.setIcon(_swatch(opened.colour))
    item.setToolTip(str(opened.path or opened.name))


def _swatch(colour: str) -> QIcon:
    picture = QPixmap(32, 32)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawRoundedRect(3, 3, 26, 26, 6, 6)
    painter.end()
    icon = QIcon(picture)
    icon.addPixmap(picture, QIcon.Mode.Selected)  # Qt would tint it in a selected row
    return icon
