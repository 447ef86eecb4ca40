"""The open models: visibility and name; the selected one is what the panel is about."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, QSize, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QWidget

from napari_cryoai.ui.kit.parts import counted
from napari_cryoai.ui.maps.list import ROW
from napari_cryoai.ui.models.alignment import lines_of
from napari_cryoai.ui.models.session import ModelSession, OpenModel

_MOST_ROWS = 4


class ModelList(QListWidget):
    """Models of the session; the tick shows and hides one, Delete closes it."""

    def __init__(self, session: ModelSession, parent: QWidget | None = None):
        super().__init__(parent)
        self.session = session
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setAccessibleName("Open models")
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.itemChanged.connect(self._on_ticked)
        self.currentRowChanged.connect(self._on_row)
        signals = (session.added, session.removed, session.shown_differently, session.replaced)
        for signal in signals:
            signal.connect(self._on_session)
        session.current_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Write the list again."""
        models = self.session.models
        with QSignalBlocker(self):
            self.clear()
            for opened in models:
                self.addItem(_item(opened))
            if self.session.current in models:
                self.setCurrentRow(models.index(self.session.current))
        self.setFixedHeight(ROW * min(max(len(models), 1), _MOST_ROWS) + 2 * self.frameWidth())

    def close_current(self) -> None:
        """Close the model that the panel is about."""
        if self.session.current is not None:
            self.session.remove(self.session.current)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.close_current()
            return
        super().keyPressEvent(event)

    def _on_session(self, _opened: OpenModel) -> None:
        self.refresh()

    def _on_ticked(self, item: QListWidgetItem) -> None:
        opened = self.session.models[self.row(item)]
        self.session.show(opened, visible=item.checkState() == Qt.CheckState.Checked)

    def _on_row(self, row: int) -> None:
        if 0 <= row < len(self.session.models):
            self.session.choose(self.session.models[row])


def _item(opened: OpenModel) -> QListWidgetItem:
    name = f"{opened.name}, not saved" if opened.unsaved else opened.name
    item = QListWidgetItem(name)
    item.setSizeHint(QSize(0, ROW))
    item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
    item.setCheckState(Qt.CheckState.Checked if opened.visible else Qt.CheckState.Unchecked)
    item.setToolTip(f"{opened.path or opened.name}\n{in_words(opened)}")
    return item


def in_words(opened: OpenModel) -> str:
    """How much there is of it: "318 residues in 2 chains, 12 missing"."""
    model = opened.model
    chains = len(set(model.residues.chains.tolist()))
    words = f"{counted(len(model.residues), 'residue')} in {counted(chains, 'chain')}"
    missing = sum(len(line) - line.built for line in lines_of(model))
    return f"{words}, {missing:,} missing" if missing else words
