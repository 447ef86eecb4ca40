"""Handles on CA: points that can be dragged and deleted, in napari's own way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Points

from napari_cryoai.ui.kit.layer_kit import undisturbed
from napari_cryoai.ui.maps.layers import UNITS
from napari_cryoai.ui.models.session import ModelSession, OpenModel

_SIZE_A, _STILL_A = 1.3, 1e-4
Moved = Callable[[Any, Any], None]


class Handles:
    """A layer of points at the CA of the current model while it is edited.

    Parameters
    ----------
    moved
        Called with rows and their new places (x, y, z) when the user has dragged some.
    deleted
        Called with rows that the user has deleted.
    """

    def __init__(
        self, viewer: Any, session: ModelSession, moved: Moved, deleted: Callable[[Any], None]
    ):
        self.viewer = viewer
        self.session = session
        self.layer: Points | None = None
        self._moved, self._deleted = moved, deleted
        self._quiet = False
        session.replaced.connect(self.reset)
        session.shown_differently.connect(self.reset)
        session.current_changed.connect(self.reset)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def shown(self) -> bool:
        """Whether they are there."""
        return self.layer is not None

    def show(self, on: bool) -> None:
        """Bring them, or take them away."""
        if on and self.layer is None and self.session.current is not None:
            self.layer = self._new(self.session.current)
            self.viewer.add_layer(self.layer)
            self.viewer.layers.selection.active = self.layer
            self.layer.mode = "select"
        elif not on and self.layer is not None:
            layer, self.layer = self.layer, None
            self.viewer.layers.remove(layer)

    def let_go(self) -> None:
        """The panel goes."""
        self.show(False)
        self.viewer.layers.events.removed.disconnect(self._on_removed)

    def _new(self, opened: OpenModel) -> Points:
        layer = Points(
            opened.model.residues.ca_A[:, ::-1],
            name="CA of the model",
            size=_SIZE_A,
            shading="spherical",
            border_width=0,
            units=UNITS,
            metadata={"cryoai_handles": True},
        )
        layer.face_color = _rgba(opened)
        layer.events.data.connect(self._on_data)
        return layer

    def reset(self, *_: object) -> None:
        """Where the CA are now."""
        opened = self.session.current
        if self.layer is None:
            return
        if opened is None:
            self.show(False)
            return
        self._quiet = True
        places = opened.model.residues.ca_A[:, ::-1]
        with undisturbed(self.viewer):
            if not np.array_equal(places, self.layer.data):
                self.layer.selected_data = set()
                self.layer.data = places
            self.layer.face_color = _rgba(opened)
        self._quiet = False

    def _on_data(self, event: Any) -> None:
        opened = self.session.current
        if self._quiet or opened is None or self.layer is None:
            return
        action = str(getattr(event.action, "value", event.action))
        before = opened.model.residues.ca_A[:, ::-1]
        rows = np.array([i for i in event.data_indices if i < len(before)], np.intp)
        if action == "changed" and len(self.layer.data) == len(before):
            places = np.array(self.layer.data)
            rows = rows[np.abs(places[rows] - before[rows]).max(axis=1) > _STILL_A]
            self._moved(rows, places[rows][:, ::-1])
        elif action == "removed":
            self._deleted(rows)
        elif action == "added":
            self.reset()  # residues are added at the ends of fragments, by their button

    def _on_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.layer = None


def _rgba(opened: OpenModel) -> Any:
    rgb = opened.colours.rgb / 255
    return np.concatenate([rgb, np.ones((len(rgb), 1))], axis=1)
