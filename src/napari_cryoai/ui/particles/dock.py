"""Where the Particles panel of a viewer is, and where it opens."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow

from napari_cryoai.ui.kit.per_viewer import PanelPerViewer

_HEIGHT = 330
_PANELS = PanelPerViewer()


def particle_panel_of(viewer: Any) -> Any | None:
    """The Particles panel of a viewer, if it is open."""
    return _PANELS.of(viewer)


def set_particle_panel(viewer: Any, panel: Any | None) -> None:
    """Let others find the panel of a viewer; None when it goes."""
    _PANELS.put(viewer, panel)


def open_particle_panel(viewer: Any) -> Any | None:
    """The Particles panel of a viewer, opened below the canvas if need be.

    None for a viewer without a window.
    """
    found = particle_panel_of(viewer)
    window = getattr(viewer, "window", None)
    if found is not None or window is None:
        return found
    dock, _ = window.add_plugin_dock_widget("napari-cryoai", "Particles")
    main = dock.parent()
    if isinstance(main, QMainWindow) and isinstance(dock, QDockWidget):
        # Beside the panels on the right, not below them: they need their height.
        main.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        main.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
        height = min(_HEIGHT, main.height() // 3)
        main.resizeDocks([dock], [height], Qt.Orientation.Vertical)
    return particle_panel_of(viewer)
