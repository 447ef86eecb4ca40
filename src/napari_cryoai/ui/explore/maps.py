"""Maps of a latent space on their way to the Map panel, or to a file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QFileDialog

from napari_cryoai.core.contour import Contour
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.io.maps import write_map
from napari_cryoai.ui.explore.live import LiveMap, look
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.dock import DockPanel
from napari_cryoai.ui.latent.session import LatentSession
from napari_cryoai.ui.maps.history import Content
from napari_cryoai.ui.maps.session import COLOURS, OpenMap, map_panel_of, map_session_of

if TYPE_CHECKING:
    from napari_cryoai.heterogeneity.model import LatentModel


class MapHandover:
    """Takes maps from the explorer to where they can be compared, masked and saved.

    Parameters
    ----------
    say
        Puts up a message.
    panel
        The explorer, which stays in front.
    """

    def __init__(
        self,
        session: LatentSession,
        live: LiveMap,
        viewer: Any,
        background: Background,
        say: Callable[..., object],
        panel: DockPanel,
    ):
        self.session, self.live, self.viewer = session, live, viewer
        self.background, self.say, self.panel = background, say, panel

    def add(
        self, name: str, density: DensityMap, contour: Contour, level: float | None = None
    ) -> OpenMap:
        """Show a map in the Map panel, in another colour than the one at the cursor."""
        if map_panel_of(self.viewer) is None and hasattr(self.viewer, "window"):
            self.viewer.window.add_plugin_dock_widget("napari-cryoai", "Map")
            self.panel.come_forward()
        session = map_session_of(self.viewer)
        opened = session.add(name, density, contour)
        if self.live.opened is not None and opened.colour == self.live.opened.colour:
            session.show(opened, colour=COLOURS[len(session.maps) % len(COLOURS)])
        if level is not None:
            session.set_level(opened, level)
        return opened

    def keep(self) -> None:
        """Copy the map at the cursor to the Map panel."""
        source = self.session.source
        if source is None:
            return
        plane, point = self.session.plane, self.session.point
        place = f"{plane.x.name} {point[0]:.2g}, {plane.y.name} {point[1]:.2g}"
        level = self.live.opened.level if self.live.opened is not None else None

        def show(read: Content) -> None:
            opened = self.add(f"{source.name} {place}", read.density, read.contour, level)
            self.say(f"Kept as '{opened.name}' in the Map panel")

        self.background.submit(partial(look, source.model, self.session.z.copy()), show)

    def ask_save(self) -> None:
        """Choose a file for the map at the cursor."""
        if self.session.source is not None:
            path, _ = QFileDialog.getSaveFileName(
                self.panel, "Save the map", "map.mrc", "Maps (*.mrc)"
            )
            if path:
                self.save(Path(path))

    def save(self, path: Path) -> None:
        """Write the map at the cursor, in a thread."""
        task = partial(_write, self.session.model, self.session.z.copy(), path)
        self.background.submit(task, self.say)


def _write(model: LatentModel, z: NDArray[np.float32], path: Path) -> str:
    write_map(path, model.decode(z))
    return f"Wrote the map to {path}"
