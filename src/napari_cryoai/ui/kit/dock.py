"""What every panel of ours does as a dock of napari's window."""

from __future__ import annotations

from functools import partial
from typing import Any

from napari.settings import get_settings
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QWidget

from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.background import Background


class DockPanel(QWidget):
    """A panel that takes dropped files, follows the theme, and ends its work when it is closed.

    Attributes
    ----------
    background
        Threads for its work.
    """

    def __init__(self, parent: QWidget | None = None):
        self._docked = self._closed = False  # Qt asks for them while it builds the widget
        super().__init__(parent)
        self.background = Background()
        self.setAcceptDrops(True)
        get_settings().appearance.events.theme.connect(self._on_theme)
        self.destroyed.connect(partial(_let_go, self.background))

    def drop(self, paths: list[str]) -> None:
        """Open files that were dropped on it."""
        raise NotImplementedError

    def release(self) -> None:
        """Let go of all that outlives the panel."""

    def shut_down(self) -> None:
        """Stop the work; once is enough."""
        if self._closed:
            return
        self._closed = True
        get_settings().appearance.events.theme.disconnect(self._on_theme)
        self.release()
        self.background.close()

    def _on_theme(self, _event: Any = None) -> None:
        QTimer.singleShot(0, lambda: theme.dress_again(self))

    # Qt -----------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            self.drop(paths)
        event.acceptProposedAction()

    def event(self, event: QEvent) -> bool:
        handled = super().event(event)
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._docked = True
            elif self._docked:  # the dock was closed: napari takes its widget out, and no more
                self.shut_down()
        return bool(handled)

    def closeEvent(self, event: Any) -> None:
        self.shut_down()
        super().closeEvent(event)


def _let_go(background: Background, *_: object) -> None:
    """Stop the threads, even if the window went without a word."""
    background.close()
