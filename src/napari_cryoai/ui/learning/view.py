"""What learning has changed, on the screen: the heat map, and the picks of before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Points
from napari.layers.base import LayerLock
from numpy.typing import NDArray
from psygnal import Signal

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable
from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.layer_kit import BORDER, put, undisturbed
from napari_cryoai.ui.learning.heat_layer import HeatLayer
from napari_cryoai.ui.learning.run import LearnRun
from napari_cryoai.ui.learning.store import Pickers, Views
from napari_cryoai.ui.micrographs.layers import PickLayers
from napari_cryoai.ui.micrographs.session import Session


@dataclass(frozen=True, eq=False)
class Seen:
    """What a picker makes of the micrograph on screen."""

    name: str
    heat: NDArray[np.float32]
    zoom: NDArray[np.float64]
    picks: PickTable


def look(
    pickers: Pickers, views: Views, micrograph: Micrograph, diameter_A: float, *, before: bool
) -> Seen:
    """For a thread: 100 ms if the picker has looked at the micrograph already, else a second."""
    from napari_cryoai.picking.sight import heat_map, picks_of

    known = pickers.base() if before else pickers.latest().now
    assert known is not None  # noqa: S101 - `latest` fills it in
    view = views.see(micrograph, known, diameter_A)
    found = picks_of(view, known.picker)
    shown = found.picks.select((found.picks.score >= found.threshold) & ~found.picks.in_junk)
    return Seen(view.name, heat_map(view, known.picker), view.zoom, shown)


class LearnView:
    """Keeps the heat map, and the picks of before if they are asked for, up to date.

    Signals
    -------
    looking(busy)
        The picker looks at the micrograph on screen for the first time.
    turned(before)
        The picks of before are shown, or no longer.
    """

    looking = Signal(bool)
    turned = Signal(bool)

    def __init__(self, run: LearnRun, layers: PickLayers):
        self.run = run
        self.session: Session = run.session
        self.layers = layers
        self.heat = HeatLayer(layers)
        self.points: Points | None = None
        self.heat_on = False
        self.before = False
        self._asked = 0
        self._diameter_A: float | None = None
        self._points_were_visible = True
        run.changed.connect(self.refresh)
        self.session.current_changed.connect(self._on_current)
        self.session.picks_changed.connect(self._on_picks)

    def show_heat(self, on: bool) -> None:
        """Show the heat map, or not."""
        self.heat_on = on
        self.refresh()

    def show_before(self, on: bool) -> None:
        """Show what the picker found before it learned, in place of the picks; no edit."""
        if on == self.before:
            return
        self.before = on
        if self.layers.points is not None:
            if on:
                self._points_were_visible = self.layers.points.visible
                self.layers.points.visible = False
            else:
                self.layers.points.visible = self._points_were_visible
        if not on and self.points is not None:
            self.points.visible = False
        self.refresh()
        self.turned.emit(on)

    def refresh(self) -> None:
        """Look again; of several requests the last one counts."""
        self._asked += 1
        name, diameter_A = self.session.current, self.session.diameter_A
        self._diameter_A = diameter_A
        wanted = self.run.ready and (self.heat_on or self.before)
        if not wanted or name is None or diameter_A is None:
            self.heat.clear()
            self.looking.emit(False)
            return
        micrograph, run = self.session.micrographs[name], self.run
        work = partial(look, run.pickers, run.views, micrograph, diameter_A, before=self.before)
        number = self._asked
        self.looking.emit(True)
        self.run.background.submit(
            lambda: work() if number == self._asked else None,  # the user is elsewhere by now
            partial(self._arrived, number),
            partial(self._failed, number),
        )

    def release(self) -> None:
        """Take the layers away."""
        self.show_before(False)
        self.heat.remove()
        layer, self.points = self.points, None
        if layer is not None and layer in self.layers.viewer.layers:
            layer.locked = LayerLock(0)
            self.layers.viewer.layers.remove(layer)

    def _on_current(self, _name: str) -> None:
        self.heat.clear()  # not that of another micrograph
        if self.points is not None:
            self.points.visible = False
        self.refresh()

    def _on_picks(self, names: frozenset[str] | None) -> None:
        """Picks of another diameter may have come."""
        here = names is None or self.session.current in names
        if here and self.session.diameter_A != self._diameter_A:
            self.refresh()

    def _failed(self, number: int, error: CryoAIError) -> None:
        if number == self._asked:
            self.looking.emit(False)
            self.run.background.failed.emit(error)

    def _arrived(self, number: int, seen: Seen | None) -> None:
        if number != self._asked or seen is None or seen.name != self.session.current:
            return
        self.looking.emit(False)
        if not self.layers.up_to_date:
            return  # `refresh` is called again when the micrograph is on the screen
        if self.heat_on:
            self.heat.draw(seen.heat, seen.zoom)
        else:
            self.heat.clear()
        if self.before:
            self._draw(seen.picks)

    def _draw(self, picks: PickTable) -> None:
        layer, picks_layer = self._make(), self.layers.points
        with undisturbed(self.layers.viewer):
            layer.data = picks.yx_px
        if len(picks):
            layer.size = picks.diameter_px.astype(float)
            layer.border_color = theme.score_rgba(picks.score, (0.0, 1.0))
        if picks_layer is not None:
            put(layer, scale=picks_layer.scale)
            layer.units = picks_layer.units
        layer.visible = True

    def _make(self) -> Points:
        viewer: Any = self.layers.viewer
        if self.points is None or self.points not in viewer.layers:
            active = viewer.layers.selection.active
            units = self.layers.points.units if self.layers.points is not None else None
            self.points = Points(
                np.empty((0, 2)),
                ndim=2,
                name="Picks before learning",
                face_color="transparent",
                border_width=BORDER,
                units=units,
            )
            self.points.editable = False
            self.points.locked = LayerLock.DELETION
            viewer.add_layer(self.points)
            viewer.layers.selection.active = active
        return self.points
