"""What every panel of ours does as a dock of napari's window."""

from __future__ import annotations

from functools import partial
from typing import Any

from napari.settings import get_settings
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.parts import Banners
from napari_cryoai.ui.kit.settings import PLUGIN

_BY = f" ({PLUGIN})"
"""What napari writes behind the name of a panel; a tab has no room for it."""
HEIGHT = 330
"""Of a panel below the canvas, in pixels; a third of the window is the most."""


class DockPanel(QWidget):
    """A panel that takes dropped files, follows the theme, and ends its work when it is closed.

    It lies behind a tab where another panel of ours is already: below it, there would be no room
    for either.

    Attributes
    ----------
    background
        Threads for its work.
    banners
        Its messages.
    """

    def __init__(self, parent: QWidget | None = None):
        # Qt asks for them while it builds the widget.
        self._docked = self._placed = self._closed = False
        super().__init__(parent)
        self.background = Background()
        self.background.failed.connect(self.report)
        self.banners = Banners(self)
        self.setAcceptDrops(True)
        get_settings().appearance.events.theme.connect(self._on_theme)
        self.destroyed.connect(partial(_let_go, self.background))

    def drop(self, paths: list[str]) -> None:
        """Open files that were dropped on it."""
        raise NotImplementedError

    def report(self, error: CryoAIError) -> None:
        """Put up what went wrong and what to do."""
        self.banners.show_message(str(error), "error")

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

    def come_forward(self) -> None:
        """Be the one in front of its tabs, also of one that is being added now."""
        QTimer.singleShot(0, self._raise)

    @property
    def _dock(self) -> QDockWidget | None:
        """The dock that it is in, if it is in one."""
        found = self.parentWidget()
        while found is not None and not isinstance(found, QDockWidget):
            found = found.parentWidget()
        return found

    def _share_place(self) -> None:
        """Lie behind a tab with the panel of ours that was last in front in this area."""
        dock = self._dock
        window = dock.parentWidget() if dock is not None else None
        if dock is None or not isinstance(window, QMainWindow):
            return
        dock.setWindowTitle(dock.windowTitle().removesuffix(_BY))
        area = window.dockWidgetArea(dock)
        panels = [p for p in window.findChildren(DockPanel) if p._placed and p is not self]
        docks = [panel._dock for panel in panels if panel._dock is not None]
        there = [d for d in docks if not d.isFloating() and window.dockWidgetArea(d) == area]
        if there:
            window.tabifyDockWidget(there[-1], dock)
        elif area == Qt.DockWidgetArea.BottomDockWidgetArea:
            lie_below(dock)
        dock.show()  # Qt has a tab only for what is shown
        dock.raise_()
        self._placed = True

    def _raise(self) -> None:
        if (dock := self._dock) is not None:
            dock.raise_()

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
                QTimer.singleShot(0, self._share_place)  # when it has been added to a window
            elif self._docked:  # the dock was closed: napari takes its widget out, and no more
                self.shut_down()
        elif event.type() == QEvent.Type.Show and self._placed and not event.spontaneous():
            self.come_forward()  # it was hidden, and the user wants it again
        return bool(handled)

    def closeEvent(self, event: Any) -> None:
        self.shut_down()
        super().closeEvent(event)


def lie_below(dock: QDockWidget, height: int = HEIGHT) -> None:
    """Lie below the canvas, but beside the panels on the right: they need their height."""
    window = dock.parentWidget()
    if isinstance(window, QMainWindow):
        window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
        dock.show()  # Qt gives no height to what is not shown
        height = min(height, window.height() // 3)
        window.resizeDocks([dock], [height], Qt.Orientation.Vertical)


def _let_go(background: Background, *_: object) -> None:
    """Stop the threads, even if the window went without a word."""
    background.close()
