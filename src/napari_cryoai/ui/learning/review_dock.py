"""Where the review strip opens: below the micrograph, if the viewer has a window."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer

from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.dock import lie_below
from napari_cryoai.ui.learning.review_panel import ReviewPanel
from napari_cryoai.ui.learning.run import LearnRun
from napari_cryoai.ui.micrographs.navigator import Navigator

_HEIGHT = 200


class ReviewDock:
    """The strip, and the dock that it is in while it is open."""

    def __init__(self, viewer: Any, run: LearnRun, navigator: Navigator):
        self.viewer = viewer
        self.panel = ReviewPanel(run, navigator)
        self.panel.closed.connect(self.close)
        run.session.opened.connect(self.close)
        self._dock: Any = None

    @property
    def is_open(self) -> bool:
        """Whether the strip is there."""
        return self._dock is not None

    def open(self) -> None:
        """Show the strip and begin a round."""
        window = getattr(self.viewer, "window", None)
        if self._dock is None and window is not None:
            self._dock = window.add_dock_widget(self.panel, name="Review", area="bottom")
            dock = getattr(self._dock, "__wrapped__", self._dock)  # napari gives a proxy
            lie_below(dock, _HEIGHT)
            dock.visibilityChanged.connect(self._on_visible)
        theme.dress_again(self.panel)  # napari's theme may be another one since
        self.panel.show()
        self.panel.begin()
        QTimer.singleShot(0, self.panel.setFocus)

    def close(self) -> None:
        """Take the strip away; what was decided stays."""
        self.panel.queue.stop()
        dock, self._dock = self._dock, None
        if dock is not None:
            self.viewer.window.remove_dock_widget(dock)
        self.panel.hide()

    def release(self) -> None:
        """The panel goes, and the strip with it."""
        self.close()
        self.panel.deleteLater()

    def _on_visible(self, visible: bool) -> None:
        """The cross of the dock hides it; then the round is over."""
        if not visible and self._dock is not None and self._dock.isHidden():
            self.close()
