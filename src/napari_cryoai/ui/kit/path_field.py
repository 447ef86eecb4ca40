"""A path that is typed or chosen."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QLineEdit, QToolButton, QWidget

from napari_cryoai.ui.kit.layout import row


class PathField(QWidget):
    """A path that is typed or chosen.

    Parameters
    ----------
    title
        Of the dialogue.
    kinds
        Files to choose among; "" for a folder.
    empty
        What it means that nothing is there.
    """

    changed = Signal()

    def __init__(self, title: str, kinds: str, parent: QWidget | None = None, *, empty: str = ""):
        super().__init__(parent)
        self._title, self._kinds = title, kinds
        self.text = QLineEdit(self)
        self.text.setAccessibleName(title)
        self.text.setToolTip(title)
        self.text.setPlaceholderText(empty)
        self.text.textChanged.connect(lambda _: self.changed.emit())
        choose = QToolButton(self)
        choose.setText("…")
        choose.setAccessibleName(f"Choose: {title}")
        choose.clicked.connect(lambda _=False: self._ask())
        row((self.text, 1), choose, of=self, spacing=4)

    def path(self) -> Path | None:
        """What is there; None if nothing is."""
        words = self.text.text().strip()
        return Path(words).expanduser() if words else None

    def set_path(self, path: Path) -> None:
        """Fill it in."""
        self.text.setText(str(path))

    def _ask(self) -> None:
        if self._kinds:
            path, _ = QFileDialog.getOpenFileName(self, self._title, "", self._kinds)
        else:
            path = QFileDialog.getExistingDirectory(self, self._title)
        if path:
            self.set_path(Path(path))
