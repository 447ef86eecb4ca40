"""Where the user is looking: kept for the next time, and moved to what is to be seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_cryoai.ui.micrographs.images import View
from napari_cryoai.ui.micrographs.layers import PickLayers
from napari_cryoai.ui.micrographs.navigator import Navigator
from napari_cryoai.ui.micrographs.session import Session

CLOSE = 90.0
"""Size of a circle on the screen, in pixels, when a single pick is looked at."""


class Sight:
    """The camera of a viewer."""

    def __init__(self, session: Session, layers: PickLayers, navigator: Navigator):
        self.session = session
        self.layers = layers
        self.navigator = navigator
        self.viewer = layers.viewer

    def note(self) -> None:
        """Write down where the camera is."""
        if self.session.current is not None:
            camera = self.viewer.scene.camera
            y, x = camera.center[-2:]
            self.session.note("camera", [float(y), float(x), float(camera.zoom)])

    def restore(self, noted: Any) -> None:
        """Go to a place that was noted, or show it all, as soon as the next micrograph is shown."""
        if isinstance(noted, list) and len(noted) == 3:
            y, x, zoom = map(float, noted)
            self._once_shown(lambda: self._look(y, x, zoom))
        else:
            self._once_shown(lambda: self.viewer.reset_view(margin=0.02))

    def look_at(self, pick_id: int) -> None:
        """Centre the camera on a pick of the current micrograph, closer if it is far away."""
        points, picks = self.layers.points, self.session.document.picks
        if points is None:
            return
        row = int(np.searchsorted(picks.id, pick_id))
        y, x = points.data_to_world(picks.yx_px[row])[-2:]
        zoom = CLOSE / max(self.layers.circle_px() * float(points.scale[-1]), 1e-6)
        self._look(float(y), float(x), max(self.viewer.scene.camera.zoom, zoom))

    def _look(self, y: float, x: float, zoom: float) -> None:
        self.viewer.scene.camera.center = (0, y, x)
        self.viewer.scene.camera.zoom = zoom

    def _once_shown(self, action: Callable[[], object]) -> None:
        def act(_view: View) -> None:
            self.navigator.shown.disconnect(act)
            action()

        self.navigator.shown.connect(act)
