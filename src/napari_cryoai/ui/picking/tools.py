"""Mouse tools that napari does not have: eraser, lasso and brush, on the layer of picks."""

from __future__ import annotations

from collections.abc import Generator
from enum import Enum
from typing import Any

import numpy as np
from napari.layers import Vectors
from napari.layers.base import LayerLock
from numpy.typing import NDArray
from psygnal import Signal
from skimage.measure import points_in_poly

from napari_cryoai.core.document import Stroke
from napari_cryoai.core.picks import State
from napari_cryoai.ui.micrographs.layers import PickLayers


class Tool(Enum):
    """What the left mouse button does on the micrograph."""

    PAN = "pan"
    ADD = "add"
    SELECT = "select"
    ERASE = "erase"
    LASSO = "lasso"
    BRUSH = "brush"


_NAPARI_MODES = {Tool.ADD: "add", Tool.SELECT: "select"}
Drag = Generator[None, None, None]


class Tools:
    """The tool in hand.

    Signals
    -------
    changed(tool)
        Another tool was taken up, in the panel, with a key or in napari's layer controls.
    """

    changed = Signal(Tool)

    def __init__(self, layers: PickLayers):
        self.layers = layers
        self.tool = Tool.PAN
        self.brush_px: float | None = None
        self._setting = False
        self._held: Tool | None = None
        layers.rebuilt.connect(self.attach)

    def attach(self) -> None:
        """Hook onto a new layer of picks."""
        points = self.layers.points
        if points is not None and self._on_drag not in points.mouse_drag_callbacks:
            points.mouse_drag_callbacks.append(self._on_drag)
            points.events.mode.connect(self._on_mode)
            self.take(self.tool)

    def take(self, tool: Tool) -> None:
        """Take up a tool, and make the picks the active layer so that it works."""
        self.tool = tool
        points = self.layers.points
        if points is not None:
            self._setting = True
            self.layers.viewer.layers.selection.active = points
            points.mode = _NAPARI_MODES.get(tool, "pan_zoom")
            points.mouse_pan = tool is Tool.PAN
            points.cursor = _cursor(tool)
            points.cursor_size = max(4, round(self._cursor_px()))
            self._setting = False
        self.changed.emit(tool)

    def hold_pan(self) -> Drag:
        """Move the image while a key is down, with the tool put aside."""
        before = self.tool
        self.take(Tool.PAN)
        yield
        self.take(before)

    def radius_px(self) -> float:
        """Radius of the brush; half a particle unless it was set."""
        return self.brush_px or self.layers.circle_px() / 2

    def _cursor_px(self) -> float:
        return 2 * (self.radius_px() if self.tool is Tool.BRUSH else self.layers.circle_px() / 2)

    def _on_mode(self, event: Any) -> None:
        if self._setting:
            return
        by_mode = {mode: tool for tool, mode in _NAPARI_MODES.items()}
        self.take(by_mode.get(str(event.mode), Tool.PAN))

    # Drags --------------------------------------------------------------------------------------

    def _on_drag(self, layer: Any, event: Any) -> Drag:
        drag = {Tool.ERASE: self._erase, Tool.LASSO: self._lasso, Tool.BRUSH: self._brush}
        if event.button == 1 and self.tool in drag and self.layers.up_to_date:
            yield from drag[self.tool](event)

    def _erase(self, event: Any) -> Drag:
        """Reject the shown picks that the cursor runs over; one step for the whole drag."""
        yx, ids = self.shown()
        hit = np.zeros(len(ids), np.bool_)
        while event.type in ("mouse_press", "mouse_move"):
            near = np.linalg.norm(yx - self._yx(event), axis=1) <= self.layers.circle_px() / 2
            if np.any(near & ~hit):
                hit |= near
                self.layers.hide(ids[hit])
            event.handled = True
            yield
        self.layers.session.set_state(ids[hit], State.REJECTED)

    def _lasso(self, event: Any) -> Drag:
        """Reject the shown picks inside the outline; with Shift, restore the rejected ones."""
        restore = "Shift" in event.modifiers
        path = [self._yx(event)]
        outline = Outline(self.layers)
        yield
        while event.type == "mouse_move":
            path.append(self._yx(event))
            outline.draw(np.array(path))
            event.handled = True
            yield
        outline.close()
        self.enclose(np.array(path), restore=restore)

    def enclose(self, path: NDArray[np.float64], *, restore: bool) -> None:
        """Reject the shown picks inside an outline of `(m, 2)` pixels, or restore the rejected."""
        session = self.layers.session
        if len(path) < 3:
            return
        if restore:
            picks = session.document.picks.of(session.current or "")
            yx, ids = picks.yx_px, picks.id
        else:
            yx, ids = self.shown()
        if len(ids):
            inside = points_in_poly(yx, path)
            session.set_state(ids[inside], State.KEPT if restore else State.REJECTED)

    def shown(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """`(n, 2)` positions and `(n,)` ids of the current micrograph's shown picks."""
        session = self.layers.session
        picks = session.document.picks
        rows = picks.rows_of(session.current or "")
        rows = rows[session.shown()[rows]]
        return picks.yx_px[rows], picks.id[rows]

    def _brush(self, event: Any) -> Drag:
        """Paint a region to exclude; with Shift, take paint away."""
        erase = "Shift" in event.modifiers
        radius = self.radius_px()
        path = [self._yx(event)]
        while event.type in ("mouse_press", "mouse_move"):
            path.append(self._yx(event))
            piece = tuple(map(tuple, path[-2:]))
            self.layers.draw(Stroke(piece, radius, erase))
            event.handled = True
            yield
        self.layers.session.paint(Stroke(_thinned(path[1:], radius / 4), radius, erase))

    def _yx(self, event: Any) -> NDArray[np.float64]:
        assert self.layers.points is not None  # noqa: S101 - its own callback is running
        return np.asarray(self.layers.points.world_to_data(event.position), float)[-2:]


class Outline:
    """The line that the lasso leaves behind while it is drawn."""

    def __init__(self, layers: PickLayers):
        points = layers.points
        assert points is not None  # noqa: S101 - its own callback is running
        self._viewer = layers.viewer
        self._layer = Vectors(
            np.zeros((0, 2, 2)),
            ndim=2,
            name="Lasso",
            edge_color="#f0e442",
            edge_width=max(2.0, layers.circle_px() / 20),
            vector_style="line",
            scale=points.scale,
            units=points.units,
        )
        self._layer.locked = LayerLock.DELETION
        self._viewer.add_layer(self._layer)
        self._viewer.layers.selection.active = points

    def draw(self, path: NDArray[np.float64]) -> None:
        """Show the closed outline through `(m, 2)` pixels."""
        ends = np.roll(path, -1, axis=0)
        self._layer.data = np.stack([path, ends - path], axis=1)

    def close(self) -> None:
        """Take the line away."""
        if self._layer in self._viewer.layers:
            self._viewer.layers.remove(self._layer)


def _cursor(tool: Tool) -> str:
    return {
        Tool.PAN: "standard",
        Tool.ADD: "crosshair",
        Tool.SELECT: "standard",
        Tool.LASSO: "crosshair",
    }.get(tool, "circle")


def _thinned(path: list[NDArray[np.float64]], step: float) -> tuple[tuple[float, float], ...]:
    """A path without points that lie closer together than `step`; both ends stay."""
    kept = [path[0]]
    for yx in path[1:]:
        if np.linalg.norm(yx - kept[-1]) >= step:
            kept.append(yx)
    if not np.array_equal(kept[-1], path[-1]):
        kept.append(path[-1])
    return tuple((float(y), float(x)) for y, x in kept)
