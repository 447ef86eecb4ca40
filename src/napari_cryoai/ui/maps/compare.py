"""Two maps beside each other: which, at which levels, and how they share the view."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from psygnal import Signal

from napari_cryoai.maps.level import same_volume
from napari_cryoai.ui.kit.links import Links
from napari_cryoai.ui.maps.compare_slices import ComparedSlices
from napari_cryoai.ui.maps.layers import MapLayers
from napari_cryoai.ui.maps.session import AXES, MapSession, OpenMap
from napari_cryoai.ui.maps.surfaces import SurfaceMaker

Layout = Literal["off", "flip", "swipe", "beside"]
_ROOM = 0.55
_GAP = 1.08
"""Distance of two boxes side by side, in boxes."""


class Comparison:
    """Two maps of a session, the first of which is the one before, and the second the one after.

    Attributes
    ----------
    layout
        "flip" shows one of them, "swipe" one on each side of a divider, "beside" both.
    in_slices
        Whether sections are compared, in 2D, instead of surfaces.
    second_shown
        Which one "flip" shows.
    fraction
        Where the divider stands, from 0 (left) to 1.
    linked
        Whether both surfaces enclose the same volume, while they are compared.

    Signals
    -------
    changed()
        Any of these.
    """

    changed = Signal()

    def __init__(self, viewer: Any, session: MapSession, layers: MapLayers, maker: SurfaceMaker):
        self.viewer = viewer
        self.session = session
        self.layers = layers
        self.maker = maker
        self.slices = ComparedSlices(viewer)
        self.first: OpenMap | None = None
        self.second: OpenMap | None = None
        self.layout: Layout = "off"
        self.in_slices = False
        self.second_shown = True
        self.fraction = 0.5
        self.linked = True
        self._linking = self._showing = self._wide = False
        self._before: dict[OpenMap, bool] = {}
        self._camera: dict[str, Any] | None = None
        self._links = Links()
        for signal, slot in (
            (session.added, self._on_added),
            (session.removed, self._on_removed),
            (session.level_changed, self._on_level),
            (session.replaced, self._on_replaced),
            (session.shown_differently, self._on_shown),
            (session.current_changed, self._on_current),
        ):
            self._links.connect(signal, slot)
        camera, dims = viewer.scene.camera.events, viewer.dims.events
        self._heard = (
            *((event, self._on_camera) for event in (camera.angles, camera.center, camera.zoom)),
            (viewer.canvas.events.size, self._on_camera),
            (dims.current_step, self._on_dims),
            (dims.order, self._on_dims),
            (dims.ndisplay, self._on_ndisplay),
        )
        for event, slot in self._heard:
            event.connect(slot)
        for opened in session.maps:
            self._on_added(opened)

    # What the user does -------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether there are two maps to compare."""
        return None not in (self.first, self.second) and self.first is not self.second

    def choose(self, first: OpenMap | None, second: OpenMap | None) -> None:
        """Compare other maps."""
        if (first, second) == (self.first, self.second):
            return
        layout = self.layout
        self.take("off")
        self.first, self.second = first, second
        self.take(layout)
        self.changed.emit()

    def take(self, layout: Layout) -> None:
        """Lay the two out; "off" gives every map back the visibility that it had."""
        if layout != "off" and not self.ready:
            layout = "off"
        was, self.layout = self.layout, layout
        if layout != "off" and was == "off":
            self._before = {o: o.visible for o in self.session.maps}
            self._link_now()
        self._arrange(was)
        if layout == "off":
            before, self._before = self._before, {}
            for opened, visible in before.items():
                if opened in self.session.maps:
                    self.session.show(opened, visible=visible)
        self.changed.emit()

    def flip(self) -> None:
        """Show the other one; the first time, the one after."""
        if self.ready:
            self._turn(not self.second_shown if self.layout == "flip" else True)

    def _turn(self, second_shown: bool) -> None:
        """Flip to one of them; the panel is then about what one sees."""
        self.second_shown = second_shown
        self.take("flip")
        self.session.choose(self._pair[int(second_shown)])

    def toggle(self, layout: Layout) -> None:
        """Take a layout, or leave it."""
        self.take("off" if self.layout == layout else layout)

    def move_divider(self, fraction: float) -> None:
        """Wipe one over the other."""
        self.fraction = float(np.clip(fraction, 0, 1))
        if self.layout == "swipe":
            self._place()
        self.changed.emit()

    def show_slices(self, on: bool, axis: str = "z") -> None:
        """Compare sections across an axis, or surfaces."""
        if not (on and self.ready):
            if self.in_slices:
                self._leave_slices()
                self._arrange(self.layout)
                self.changed.emit()
            return
        if not self.in_slices:
            self._widen(False)
            camera = self.viewer.scene.camera
            self._camera = {name: getattr(camera, name) for name in ("center", "zoom", "angles")}
        self.in_slices = True
        self.take(self.layout if self.layout != "off" else "beside")
        self.turn_to(axis)
        self.changed.emit()

    def turn_to(self, axis: str) -> None:
        """Compare sections across another axis."""
        at = AXES.index(axis)
        self.viewer.dims.order = (at, *(i for i in range(3) if i != at))
        self._look_at_slices()

    def link(self, on: bool) -> None:
        """Keep the volumes of both surfaces equal, or let each have its own level."""
        self.linked = on
        if on and self.ready:
            self._link_now()
        self.changed.emit()

    def let_go(self) -> None:
        """The panel goes."""
        self.take("off")
        self._links.cut()
        for event, slot in self._heard:
            event.disconnect(slot)
        self.slices.remove()

    # --------------------------------------------------------------------------------------------

    @property
    def _pair(self) -> tuple[OpenMap, OpenMap]:
        assert self.first is not None and self.second is not None  # noqa: S101
        return self.first, self.second

    def _arrange(self, was: Layout) -> None:
        """Visibility, dimensions and camera of the layout."""
        on = self.layout != "off" and self.ready
        if self.in_slices and not on:
            self._leave_slices()
        with _Quiet(self):
            if on:
                shown = self._shown()
                for opened in self.session.maps:
                    self.session.show(opened, visible=opened in shown)
                for opened in self._pair:  # a flip must not wait for a surface
                    if opened not in self.layers.surfaces:
                        self.maker.make(opened, fine=True)
            if self.in_slices:
                self.viewer.dims.ndisplay = 2
        if not self.in_slices:
            self._widen(self.layout == "beside")
        self._place()
        if self.in_slices and was != self.layout:
            self._look_at_slices()

    def _widen(self, on: bool) -> bool:
        """Make room for two maps side by side, or for one; whether that changed."""
        changed = on != self._wide
        if changed:
            self.viewer.scene.camera.zoom *= _ROOM if on else 1 / _ROOM
        self._wide = on
        return changed

    def _leave_slices(self) -> None:
        """Back to where the surfaces were looked at from."""
        self.in_slices = False
        camera, self._camera = self._camera, None
        with _Quiet(self):
            self.slices.remove()
            self.viewer.dims.order = tuple(range(self.viewer.dims.ndim))
            self.viewer.dims.ndisplay = 3
            for name, value in (camera or {}).items():
                setattr(self.viewer.scene.camera, name, value)

    def _shown(self) -> tuple[OpenMap, ...]:
        if self.in_slices:
            return ()
        first, second = self._pair
        if self.layout == "flip":
            return (second,) if self.second_shown else (first,)
        return first, second

    def _place(self) -> None:
        """Planes, offsets and sections for the view as it is now."""
        if self.first is None or self.second is None:
            return
        first, second = self._pair
        swipe = self.layout == "swipe" and not self.in_slices
        right = self._right()
        position = self._divider_A(right)
        for opened, side in ((first, -1.0), (second, 1.0)):
            plane = {"position": position, "normal": side * right, "enabled": True}
            self.layers.set_swipe(opened, plane if swipe else None)
            apart = self.layout == "beside" and not self.in_slices
            shift = side * right * max(first.density.extent_A) * _GAP / 2
            self.layers.set_offset(opened, shift if apart else None)
        if self.in_slices:
            self._draw_slices()

    def _draw_slices(self) -> None:
        first, second = self._pair
        with _Quiet(self):
            self.slices.show(first, second, self.layout, self._split_A(), self.second_shown)

    def _look_at_slices(self) -> None:
        """Bring the sections into view."""
        if self.slices.layer is not None:
            self.viewer.reset_view()
            self._place()

    def _right(self) -> np.ndarray:
        """Unit vector in space, z, y, x, towards the right of the screen."""
        camera = self.viewer.scene.camera
        right = np.cross(camera.view_direction, camera.up_direction)
        return np.asarray(right / max(np.linalg.norm(right), 1e-12))

    def _divider_A(self, right: np.ndarray) -> np.ndarray:
        """A point on the divider."""
        camera, width = self.viewer.scene.camera, self.viewer.canvas.size[1]
        return np.asarray(camera.center) + right * (self.fraction - 0.5) * width / camera.zoom

    def _split_A(self) -> float:
        """In 2D: where the divider stands along the horizontal axis."""
        camera, width = self.viewer.scene.camera, self.viewer.canvas.size[1]
        return float(camera.center[-1] + (self.fraction - 0.5) * width / camera.zoom)

    def _link_now(self) -> None:
        """The map that the panel is about leads, or else the one after."""
        first, second = self._pair
        self._link(first if self.session.current is first else second, final=True)

    def _link(self, leader: OpenMap, *, final: bool) -> None:
        """Give the other one the level at which it encloses as much."""
        other = self.second if leader is self.first else self.first
        if not self.linked or self._linking or self.layout == "off":
            return
        if other is None or other is leader:
            return
        self._linking = True
        level = same_volume(leader.level, leader.contour, other.contour)
        self.session.set_level(other, level, final=final)
        self._linking = False
        if final and not other.visible and other in self.layers.surfaces:
            self.maker.make(other, fine=True)

    # What happened ------------------------------------------------------------------------------

    def _on_added(self, opened: OpenMap) -> None:
        if self.first is None:
            self.first = opened
        elif self.second is None:
            self.second = opened
        self.changed.emit()

    def _on_removed(self, opened: OpenMap) -> None:
        if opened in (self.first, self.second):
            self.take("off")
            left = [o for o in (self.first, self.second) if o is not opened and o is not None]
            spare = [o for o in self.session.maps if o not in left]
            self.first, self.second = [*left, *spare, None, None][:2]
        self.changed.emit()

    def _on_level(self, opened: OpenMap, final: bool) -> None:
        if self.ready and opened in (self.first, self.second):
            self._link(opened, final=final)

    def _on_replaced(self, opened: OpenMap) -> None:
        if self.ready and opened in (self.first, self.second):
            self._place()

    def _on_shown(self, opened: OpenMap) -> None:
        """The user ticked a map herself: the layout is hers again."""
        if not self._showing and self.layout != "off":
            shown = self._shown()
            if opened in self._pair and opened.visible != (opened in shown):
                self._before = {o: o.visible for o in self.session.maps}
                self.take("off")

    def _on_current(self) -> None:
        """In a flip, the map that the user turns to is the one that she wants to see."""
        current = self.session.current
        if self.layout != "flip" or not self.ready or current not in self._pair:
            return
        if self._pair[int(self.second_shown)] is not current:
            self._turn(current is self.second)

    def _on_camera(self, _event: Any = None) -> None:
        if self.layout == "swipe" or (self.layout == "beside" and not self.in_slices):
            self._place()

    def _on_dims(self, _event: Any = None) -> None:
        if self.in_slices and not self._showing:
            self._draw_slices()

    def _on_ndisplay(self, _event: Any = None) -> None:
        """napari's own button for 2D and 3D."""
        if not self._showing and self.in_slices and self.viewer.dims.ndisplay == 3:
            self.show_slices(False)


class _Quiet:
    """What is shown now is the comparison's doing, not the user's."""

    def __init__(self, comparison: Comparison):
        self._comparison = comparison

    def __enter__(self) -> None:
        self._was, self._comparison._showing = self._comparison._showing, True

    def __exit__(self, *_: object) -> None:
        self._comparison._showing = self._was
