"""Micrographs on the screen for a panel that works without the Pick particles panel."""

from __future__ import annotations

from typing import Any

from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.settings import setting
from napari_cryoai.ui.micrographs.layers import PickLayers
from napari_cryoai.ui.micrographs.navigator import Navigator
from napari_cryoai.ui.micrographs.session import Session


class PlainCanvas:
    """Shows the session's current micrograph and its picks, until a better one takes over."""

    def __init__(self, viewer: Any, session: Session, background: Background):
        self.session = session
        self.layers = PickLayers(viewer, session)
        self.navigator = Navigator(session, self.layers, background)
        self.navigator.filtered = bool(setting("filter_image", True))
        session.picks_changed.connect(self._on_picks)
        session.filters_changed.connect(self.layers.sync_shown)
        self.layers.rebuilt.connect(self._on_rebuilt)

    def let_go(self) -> None:
        """Leave the layers to the panel to come, or to the user."""
        self.session.picks_changed.disconnect(self._on_picks)
        self.session.filters_changed.disconnect(self.layers.sync_shown)
        self.navigator.let_go()
        self.layers.let_go()

    def _on_picks(self, names: Any) -> None:
        if names is None or not names or self.session.current in names:
            self.layers.sync()
            self.layers.sync_excluded()

    def _on_rebuilt(self) -> None:
        self.layers.viewer.canvas.overlays.scale_bar.visible = True
