"""The layers of maps: a surface each, and slices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.layers import Image, Surface
from napari.utils.colormaps import Colormap, ensure_colormap
from numpy.typing import NDArray

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.isosurface import Mesh
from napari_cryoai.ui.kit.layer_kit import put, selection_kept, undisturbed
from napari_cryoai.ui.maps.colouring import SCALES, Colouring
from napari_cryoai.ui.maps.session import AXES, MapSession, OpenMap

UNITS = ("angstrom",) * 3
_OURS = "cryoai_map"
_EDGE = 0.3
Plane = dict[str, Any]
"""`position` and `normal` in space, z, y, x, and `enabled`, as napari takes them."""
SurfaceData = tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]


def surface_data(
    mesh: Mesh, shape: tuple[int, int, int], values: NDArray[np.float32] | None = None
) -> SurfaceData:
    """A mesh as napari takes it, with two vertices that no triangle has, at the corners of the box.

    The layer is then as large as the box whatever the level: napari would lay out the view again
    for each new size, and draw twice. `values` `(n,)` colour the vertices; without, they are 1.
    """
    corners = np.array([[0, 0, 0], [n - 1 for n in shape]], np.float32)
    vertices = np.concatenate([corners, mesh.vertices])
    faces = mesh.faces + np.int32(2) if len(mesh.faces) else np.zeros((1, 3), np.int32)
    shades = np.ones(len(vertices), np.float32)
    if values is not None:
        shades[2:] = values
    return vertices, faces, shades


def surface_options(name: str, density: DensityMap, colour: str) -> dict[str, Any]:
    """How the surface of a map is drawn, and where."""
    return {
        "name": name,
        "colormap": one_colour(colour),
        "contrast_limits": (0, 1),
        "shading": "smooth",
        "blending": "opaque",
        **place(density),
    }


def place(density: DensityMap, first: tuple[float, ...] = (0, 0, 0)) -> dict[str, Any]:
    """Where a layer lies whose first voxel is voxel `first` of the map."""
    return {
        "scale": (density.pixel_size_A,) * 3,
        "translate": tuple(density.world_of(np.array([first]))[0]),
        "units": UNITS,
    }


def scale_of(colouring: Colouring) -> Colormap:
    """The colours of a colouring."""
    stops = [[*_rgb(colour), 1.0] for colour in SCALES[colouring.scale]]
    return Colormap(stops, name=f"map, {colouring.scale}")


def _rgb(colour: str) -> list[float]:
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def one_colour(colour: str) -> Colormap:
    """A colour map that has a single colour."""
    rgb = _rgb(colour)
    return Colormap([[*rgb, 1.0], [*rgb, 1.0]], name=f"map {colour}")


def slice_colours(opened: OpenMap) -> Colormap:
    """Grey; where the surface is cut open, the cut in its colour, and the solvent clear."""
    if not _is_cut(opened):
        return ensure_colormap("gray")
    rgb = np.array(one_colour(opened.colour).colors[0][:3])
    dark, light = rgb * 0.45, rgb * 0.25 + 0.75
    colours = [[*dark, 0.0], [*dark, 0.0], [*dark, 1.0], [*light, 1.0]]
    controls = [0.0, _EDGE * 0.97, _EDGE, 1.0]
    return Colormap(colours, name=f"cut {opened.colour}", controls=controls)


def slice_limits(opened: OpenMap) -> tuple[float, float]:
    """Densities of the two ends of the colours of a slice.

    In a cut, the level lies at `_EDGE` between them: napari lists every colour map it has ever
    seen, so that these must not change with the level.
    """
    contour, level = opened.contour, opened.level
    low, high = contour.span
    # The few highest densities may burn out, so that the molecule stands out from its solvent.
    high = min(high, contour.background + 4 * (contour.suggested - contour.background))
    if _is_cut(opened):
        high = max(high, level + (level - low) / 4)
        low = level - (high - level) * _EDGE / (1 - _EDGE)
    return low, max(high, low + 1e-9)


def _is_cut(opened: OpenMap) -> bool:
    return opened.cut and len(opened.slice_axes) == 1


class MapLayers:
    """Keeps the layers of a viewer in step with its session.

    Parameters
    ----------
    viewer
        napari's, or its model without a window.
    session
        What is to be shown.
    """

    def __init__(self, viewer: Any, session: MapSession):
        self.viewer = viewer
        self.session = session
        self.surfaces: dict[OpenMap, Surface] = {}
        self.slices: dict[tuple[OpenMap, str], Image] = {}
        self._drawn_by: dict[OpenMap, str | None] = {}
        self._swipes: dict[OpenMap, Plane] = {}
        self._offsets: dict[OpenMap, NDArray[np.float64]] = {}
        self._ours = False
        session.removed.connect(self._on_removed)
        session.shown_differently.connect(self.sync)
        session.level_changed.connect(self._on_level)
        session.replaced.connect(self._on_replaced)
        viewer.layers.events.removed.connect(self._on_layer_removed)
        viewer.dims.events.current_step.connect(self._follow_dims)
        viewer.scene.camera.events.angles.connect(self._turn_cuts)
        self._adopt()

    def show_mesh(
        self, opened: OpenMap, mesh: Mesh, values: NDArray[np.float32] | None = None
    ) -> None:
        """Draw another surface of a map; `values` of its vertices if it is coloured by them."""
        if opened not in self.session.maps:
            return
        data = surface_data(mesh, opened.density.shape, values)
        layer = self.surfaces.get(opened)
        self._drawn_by[opened] = opened.coloured_by if values is not None else None
        if layer is None:
            self._add_surface(opened, data)
            return
        with undisturbed(self.viewer):
            layer.data = data
            self._dress(opened, layer)
            put(layer, translate=self._place_of(opened))

    def set_swipe(self, opened: OpenMap, plane: Plane | None) -> None:
        """Show a surface on one side of a plane in space only."""
        if plane is None:
            self._swipes.pop(opened, None)
        else:
            self._swipes[opened] = plane
        if opened in self.surfaces:
            self._cut(opened, self.surfaces[opened])

    def set_offset(self, opened: OpenMap, offset_A: NDArray[np.float64] | None) -> None:
        """Draw a surface beside its place, `(3,)` z, y, x."""
        if offset_A is None:
            self._offsets.pop(opened, None)
        else:
            self._offsets[opened] = offset_A
        if opened in self.surfaces:
            put(self.surfaces[opened], translate=self._place_of(opened))

    def sync(self, opened: OpenMap) -> None:
        """Colour, visibility, slices and cut as the session has them."""
        surface = self.surfaces.get(opened)
        if surface is None:
            return
        self._dress(opened, surface)
        put(surface, visible=opened.visible)
        self._cut(opened, surface)
        for axis in AXES:
            self._sync_slice(opened, axis)

    def let_go(self) -> None:
        """The panel goes; the layers stay."""
        self.session.removed.disconnect(self._on_removed)
        self.session.shown_differently.disconnect(self.sync)
        self.session.level_changed.disconnect(self._on_level)
        self.session.replaced.disconnect(self._on_replaced)
        self.viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self.viewer.dims.events.current_step.disconnect(self._follow_dims)
        self.viewer.scene.camera.events.angles.disconnect(self._turn_cuts)

    # --------------------------------------------------------------------------------------------

    def _adopt(self) -> None:
        """Go on with the layers that an earlier panel made."""
        for layer in self.viewer.layers:
            opened, axis = layer.metadata.get(_OURS, (None, None))
            if opened in self.session.maps:
                if axis is None:
                    self.surfaces[opened] = layer
                else:
                    self.slices[opened, axis] = layer

    def _add_surface(self, opened: OpenMap, data: SurfaceData) -> None:
        options = surface_options(opened.name, opened.density, opened.colour)
        first = not len(self.viewer.layers)
        layer = Surface(data, metadata={_OURS: (opened, None)}, **options)
        session = self.session
        layer.events.visible.connect(lambda: session.show(opened, visible=bool(layer.visible)))
        self.surfaces[opened] = layer
        self.viewer.add_layer(layer)
        if first:
            self.viewer.dims.ndisplay = 3
            self.viewer.reset_view()
        self.sync(opened)

    def _dress(self, opened: OpenMap, surface: Surface) -> None:
        """The colours that go with the values that the surface has now."""
        drawn_by = self._drawn_by.get(opened)
        colouring = opened.colourings.get(drawn_by) if drawn_by is not None else None
        colours = one_colour(opened.colour) if colouring is None else scale_of(colouring)
        if surface.colormap.name != colours.name:
            surface.colormap = colours
        put(surface, contrast_limits=list(colouring.limits if colouring is not None else (0, 1)))
        if surface.colorbar.visible != (colouring is not None):
            surface.colorbar.visible = colouring is not None

    def _place_of(self, opened: OpenMap) -> NDArray[np.float64]:
        translate = np.array(place(opened.density)["translate"])
        return translate + self._offsets.get(opened, 0)

    def _on_replaced(self, opened: OpenMap) -> None:
        """Slices show the new voxels now; the surface, when it is made."""
        for axis in AXES:
            layer = self.slices.get((opened, axis))
            if layer is not None:
                section, first = _section(opened, axis)
                with undisturbed(self.viewer):
                    layer.data = section
                    put(layer, translate=place(opened.density, first)["translate"])
                    layer.contrast_limits = slice_limits(opened)

    def _sync_slice(self, opened: OpenMap, axis: str) -> None:
        key = (opened, axis)
        wanted = axis in opened.slice_axes
        if not wanted:
            if key in self.slices:
                with self._removing():
                    self.viewer.layers.remove(self.slices.pop(key))
            return
        section, first = _section(opened, axis)
        layer = self.slices.get(key)
        if layer is None:
            self.slices[key] = layer = _new_slice(opened, axis, section)
            layer.translate = place(opened.density, first)["translate"]
            with self._removing():
                self.viewer.add_layer(layer)
            return
        colours = slice_colours(opened)
        if layer.colormap.name != colours.name:
            layer.colormap = colours
            layer.contrast_limits = slice_limits(opened)
        elif _is_cut(opened):  # else the limits are the user's
            put(layer, contrast_limits=list(slice_limits(opened)))
        translate = place(opened.density, first)["translate"]
        if not np.array_equal(layer.translate, translate):
            with undisturbed(self.viewer):
                layer.data = section
                layer.translate = translate

    def _on_level(self, opened: OpenMap, _final: bool) -> None:
        if opened.cut:
            for axis in opened.slice_axes:
                self._sync_slice(opened, axis)

    def _cut(self, opened: OpenMap, surface: Surface) -> None:
        planes = [self._swipes[opened]] if opened in self._swipes else []
        if _is_cut(opened):
            planes.append(self._slice_plane(opened))
        if planes or len(surface.experimental_clipping_planes):
            surface.experimental_clipping_planes = planes

    def _slice_plane(self, opened: OpenMap) -> Plane:
        axes = opened.slice_axes
        at = AXES.index(axes[0])
        index, normal = np.zeros((1, 3)), [0.0] * 3
        normal[at] = self._away(at)
        # A slice is one voxel thick, and the surface begins behind it.
        index[0, at] = opened.slice_index[axes[0]] + normal[at] / 2
        # napari 0.9 passes planes on as they are, and the canvas takes them to be in space.
        position = opened.density.world_of(index)[0].tolist()
        return {"position": position, "normal": normal, "enabled": True}

    def _away(self, axis: int) -> float:
        """Along which direction of an axis one looks: 1 or -1."""
        return 1.0 if self.viewer.scene.camera.view_direction[axis] >= 0 else -1.0

    def _turn_cuts(self, _event: Any = None) -> None:
        """The side that is cut away is the one towards the user, also when she walks around."""
        for opened, surface in self.surfaces.items():
            if not _is_cut(opened) or not len(surface.experimental_clipping_planes):
                continue
            plane = surface.experimental_clipping_planes[-1]
            axis = AXES.index(opened.slice_axes[0])
            if plane.normal[axis] * self._away(axis) < 0:
                self._cut(opened, surface)

    def _follow_dims(self, _event: Any = None) -> None:
        """In 2D the slice that is shown is where napari's slider stands."""
        dims = self.viewer.dims
        if dims.ndisplay != 2 or dims.ndim != 3:
            return
        axis = AXES[dims.not_displayed[0]]
        world = np.zeros((1, 3))
        world[0, dims.not_displayed[0]] = dims.point[dims.not_displayed[0]]
        for opened in self.session.maps:
            if axis in opened.slice_axes:
                index = opened.density.index_of(world)[0, dims.not_displayed[0]]
                self.session.move_slice(opened, axis, round(index))

    @contextmanager
    def _removing(self) -> Iterator[None]:
        """We ourselves add or remove layers."""
        before, self._ours = self._ours, True
        with selection_kept(self.viewer):
            try:
                yield
            finally:
                self._ours = before

    def _on_removed(self, opened: OpenMap) -> None:
        for kept in (self._drawn_by, self._swipes, self._offsets):
            kept.pop(opened, None)
        with self._removing():
            for layer in (self.surfaces.pop(opened, None), *self._pop_slices(opened)):
                if layer is not None and layer in self.viewer.layers:
                    self.viewer.layers.remove(layer)

    def _pop_slices(self, opened: OpenMap) -> list[Image]:
        keys = [key for key in self.slices if key[0] is opened]
        return [self.slices.pop(key) for key in keys]

    def _on_layer_removed(self, event: Any) -> None:
        """The user took a layer out of napari's list: with the surface goes the map."""
        if self._ours:
            return
        for opened, surface in list(self.surfaces.items()):
            if surface is event.value:
                del self.surfaces[opened]
                self.session.remove(opened)
        for (opened, axis), image in list(self.slices.items()):
            if image is event.value:
                del self.slices[(opened, axis)]
                self.session.show(opened, slice_axis=None)


def _section(opened: OpenMap, axis: str) -> tuple[NDArray[np.float32], tuple[float, ...]]:
    """One plane of the map as a map that is one voxel thick, and its first voxel."""
    at, index = AXES.index(axis), opened.slice_index[axis]
    cut: list[Any] = [slice(None)] * 3
    cut[at] = slice(index, index + 1)
    first = [0.0] * 3
    first[at] = float(index)
    return opened.density.data[tuple(cut)], tuple(first)


def _new_slice(opened: OpenMap, axis: str, section: NDArray[np.float32]) -> Image:
    return Image(
        section,
        name=f"{opened.name}, slice {axis.upper()}",
        metadata={_OURS: (opened, axis)},
        contrast_limits=slice_limits(opened),
        colormap=slice_colours(opened),
        rendering="mip",
        blending="translucent",
        interpolation2d="linear",
        interpolation3d="linear",
        scale=(opened.density.pixel_size_A,) * 3,
        units=UNITS,
    )
