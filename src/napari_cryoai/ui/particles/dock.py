"""Where the Particles panel of a viewer is, and where it opens."""

from __future__ import annotations

from typing import Any

from napari_cryoai.ui.kit.dock import lie_below
from napari_cryoai.ui.kit.per_viewer import PanelPerViewer

_PANELS = PanelPerViewer()
particle_panel_of, set_particle_panel = _PANELS.of, _PANELS.put
"""The Particles panel of a viewer, if it is open; its place, for the panel itself."""


def open_particle_panel(viewer: Any) -> Any | None:
    """The Particles panel of a viewer, opened below the canvas if need be.

    None for a viewer without a window.
    """
    found = particle_panel_of(viewer)
    window = getattr(viewer, "window", None)
    if found is not None or window is None:
        return found
    dock, _ = window.add_plugin_dock_widget("napari-cryoai", "Particles")
    lie_below(dock)
    return particle_panel_of(viewer)
