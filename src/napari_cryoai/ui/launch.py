"""Open napari on the result of a job that ran without it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import napari

from napari_cryoai.picking.pick import PickResult
from napari_cryoai.ui.picking.panel import PickParticles


def show(paths: Sequence[Path], pixel_size_A: float | None, result: PickResult) -> None:
    """Open a window on micrographs and what was found on them; stay until it is closed."""
    viewer = napari.Viewer()
    _, panel = viewer.window.add_plugin_dock_widget("napari-cryoai", "Pick particles")
    open_result(panel, paths, pixel_size_A, result)
    napari.run()


def open_result(
    panel: PickParticles, paths: Sequence[Path], pixel_size_A: float | None, result: PickResult
) -> None:
    """Fill the panel with micrographs and picks.

    Picks that an earlier session left on these micrographs stay as they are: the user may have
    corrected them.
    """
    session = panel.session

    def fill(_notes: dict[str, Any]) -> None:
        panel.opener.restored.disconnect(fill)
        if pixel_size_A is not None:
            session.set_pixel_size(pixel_size_A)
        if len(session.document.picks):
            return
        panel.importer.use_as_picks(result.picks)
        session.preview_filters(threshold=result.threshold)
        session.commit_filters()
        session.set_diameter(result.diameter_A)

    panel.opener.restored.connect(fill)
    panel.open(paths)
