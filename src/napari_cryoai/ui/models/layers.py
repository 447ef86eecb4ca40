"""The layers of models: a ribbon each, sticks, and glass maps around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.layers import Layer, Surface
from numpy.typing import NDArray

from napari_cryoai.core.ribbon import Ribbon
from napari_cryoai.core.sticks import Sticks
from napari_cryoai.ui.kit.layer_kit import selection_kept, undisturbed
from napari_cryoai.ui.maps.layers import UNITS
from napari_cryoai.ui.models.colouring import SELECTED, rgb_of
from napari_cryoai.ui.models.drawing import (
    CARBON,
    MOST_ATOMS,
    around,
    side_chains,
    sticks_of,
    whole,
)
from napari_cryoai.ui.models.session import ModelSession, OpenModel

Floats = NDArray[np.float64]
RGB = NDArray[np.uint8]
_OURS, _MAP = "cryoai_model", "cryoai_map"
_AROUND_A = 5.0
_STICK_A, _SELECTED_STICK_A = 0.16, 0.24
_WIDTH = 4096
"""Residues in a row of the texture: every graphics card takes as many."""


class ModelLayers:
    """Keeps the layers of a viewer in step with its session.

    Colours are a texture with one pixel for each residue: to colour anew, napari has nothing to
    compute, while colours of the vertices would make it go through the whole mesh.
    """

    def __init__(self, viewer: Any, session: ModelSession):
        self.viewer = viewer
        self.session = session
        self.ribbons: dict[OpenModel, Surface] = {}
        self.sticks: dict[OpenModel, Surface] = {}
        self.others: dict[OpenModel, Surface] = {}
        self._ours = False
        self._listening = (
            (session.added, self._on_added),
            (session.removed, self._on_removed),
            (session.replaced, self._on_replaced),
            (session.shown_differently, self.sync),
            (session.selected_changed, self._on_selected),
            (session.current_changed, self._on_current),
        )
        for signal, slot in self._listening:
            signal.connect(slot)
        viewer.layers.events.removed.connect(self._on_layer_removed)
        self._adopt()

    def sync(self, opened: OpenModel) -> None:
        """Colours, visibility and side chains as the session has them."""
        layer = self.ribbons.get(opened)
        if layer is None:
            return
        self._paint(opened, layer)
        self._draw_sticks(opened)
        for part in self._layers_of(opened):
            if part.visible != opened.visible:
                part.visible = opened.visible

    def let_go(self) -> None:
        """The panel goes; the layers stay."""
        for signal, slot in self._listening:
            signal.disconnect(slot)
        self.viewer.layers.events.removed.disconnect(self._on_layer_removed)

    # Ribbons ------------------------------------------------------------------------------------

    def _on_added(self, opened: OpenModel) -> None:
        if not len(opened.content.drawing.ribbon.faces) and not len(opened.content.drawing.others):
            return
        first = not len(self.viewer.layers)
        mesh = _some(opened.content.drawing.ribbon)
        rgb = _texture(opened, self._chosen(opened))
        layer = Surface(
            (mesh.vertices, mesh.faces, np.ones(len(mesh.vertices), np.float32)),
            name=opened.name,
            texture=rgb,
            texcoords=_texcoords(mesh.residue, rgb),
            visible=opened.visible,
            **_options(opened, "ribbon"),
        )
        session = self.session
        layer.events.visible.connect(lambda: session.show(opened, visible=bool(layer.visible)))
        self.ribbons[opened] = layer
        with self._at_work():
            self._insert(layer)
            self._draw_others(opened)
        if first:
            self.viewer.dims.ndisplay = 3
            self.viewer.reset_view()
        self._draw_sticks(opened)

    def _on_replaced(self, opened: OpenModel) -> None:
        layer = self.ribbons.get(opened)
        if layer is None:
            self._on_added(opened)
            return
        mesh = _some(opened.content.drawing.ribbon)
        rgb = _texture(opened, self._chosen(opened))
        with undisturbed(self.viewer):
            # Texture coordinates go first and come last: each must fit the mesh that it is seen on.
            layer.texture = layer.texcoords = None
            layer.data = (mesh.vertices, mesh.faces, np.ones(len(mesh.vertices), np.float32))
            layer.texture, layer.texcoords = rgb, _texcoords(mesh.residue, rgb)
        with self._at_work():
            self._draw_others(opened)
        self._draw_sticks(opened)

    def _paint(self, opened: OpenModel, layer: Surface) -> None:
        """New colours in the old texture: a new one would have napari upload the mesh again."""
        rgb = _texture(opened, self._chosen(opened))
        if layer.texture is not None and layer.texture.shape == rgb.shape:
            layer.texture[:] = rgb
            layer.events.texture(value=layer.texture)

    # Sticks -------------------------------------------------------------------------------------

    def _draw_sticks(self, opened: OpenModel) -> None:
        atoms, carbon = self._stick_atoms(opened)
        if not len(atoms):
            self._put_sticks(self.sticks, opened, "side chains", None)
            return
        radius_A = _SELECTED_STICK_A if opened.side_chains == "selected" else _STICK_A
        made = sticks_of(opened.model, atoms, carbon, radius_A)
        self._put_sticks(self.sticks, opened, "side chains", made)

    def _stick_atoms(self, opened: OpenModel) -> tuple[NDArray[np.intp], RGB]:
        """The atoms to draw, and the colours of their carbons."""
        model, drawing = opened.model, opened.content.drawing
        chosen = self._chosen(opened)
        rgb = opened.colours.rgb.copy()
        rgb[chosen] = rgb_of(SELECTED)
        if opened.side_chains == "all":
            rows = np.arange(len(model.residues))
        elif opened.side_chains == "around" and len(chosen):
            rows = around(model, drawing, chosen, _AROUND_A)
        else:
            rows = chosen
        if opened.side_chains == "none":
            rows = rows[:0]
        atoms = side_chains(model, drawing, rows)
        atoms = np.union1d(atoms, whole(drawing, chosen)) if len(chosen) < 20 else atoms
        atoms = atoms[:MOST_ATOMS]
        return atoms, rgb[drawing.residue_of_atom[atoms]]

    def _draw_others(self, opened: OpenModel) -> None:
        atoms = opened.content.drawing.others[:MOST_ATOMS]
        made = sticks_of(opened.model, atoms, rgb_of(CARBON), 0.2) if len(atoms) else None
        self._put_sticks(self.others, opened, "ligands", made)

    def _put_sticks(
        self,
        layers: dict[OpenModel, Surface],
        opened: OpenModel,
        what: str,
        made: tuple[Sticks, RGB] | None,
    ) -> None:
        layer = layers.get(opened)
        if made is None:
            if layer is not None and layer.visible:
                layer.visible = False
            return
        mesh, rgb = made
        colours = np.ones((len(rgb), 4), np.float32)
        colours[:, :3] = rgb / np.float32(255)
        if layer is not None:
            with undisturbed(self.viewer):
                layer.vertex_colors = None
                layer.data = (mesh.vertices, mesh.faces, np.ones(len(rgb), np.float32))
                layer.vertex_colors = colours
            if layer.visible != opened.visible:
                layer.visible = opened.visible
            return
        layer = Surface(
            (mesh.vertices, mesh.faces, np.ones(len(rgb), np.float32)),
            name=f"{opened.name}, {what}",
            vertex_colors=colours,
            visible=opened.visible,
            **_options(opened, what),
        )
        layers[opened] = layer
        with self._at_work():
            self._insert(layer)

    # --------------------------------------------------------------------------------------------

    def _chosen(self, opened: OpenModel) -> NDArray[np.intp]:
        return self.session.selected if opened is self.session.current else _NOTHING

    def _on_selected(self, _fly: bool) -> None:
        if self.session.current is not None:
            self.sync(self.session.current)

    def _on_current(self) -> None:
        for opened in self.session.models:
            self.sync(opened)

    def _insert(self, layer: Surface) -> None:
        """Below the maps: what is drawn first shines through what is glass."""
        layers = self.viewer.layers
        at = next((i for i, other in enumerate(layers) if _MAP in other.metadata), len(layers))
        layers.insert(at, layer)

    def _layers_of(self, opened: OpenModel) -> list[Surface]:
        found = [kind.get(opened) for kind in (self.ribbons, self.others)]
        if opened in self.sticks and len(self._stick_atoms(opened)[0]):
            found.append(self.sticks[opened])
        return [layer for layer in found if layer is not None]

    def _adopt(self) -> None:
        """Go on with the layers that an earlier panel made."""
        kinds = {"ribbon": self.ribbons, "side chains": self.sticks, "ligands": self.others}
        for layer in self.viewer.layers:
            opened, what = layer.metadata.get(_OURS, (None, None))
            if opened in self.session.models and what in kinds:
                kinds[what][opened] = layer

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """We ourselves add or remove layers."""
        before, self._ours = self._ours, True
        with selection_kept(self.viewer):
            try:
                yield
            finally:
                self._ours = before

    def _on_removed(self, opened: OpenModel) -> None:
        with self._at_work():
            for kind in (self.ribbons, self.sticks, self.others):
                layer = kind.pop(opened, None)
                if layer is not None and layer in self.viewer.layers:
                    self.viewer.layers.remove(layer)

    def _on_layer_removed(self, event: Any) -> None:
        """The user took a layer out of napari's list: with the ribbon goes the model."""
        if self._ours:
            return
        for kind in (self.sticks, self.others, self.ribbons):
            for opened, layer in list(kind.items()):
                if layer is event.value:
                    del kind[opened]
                    if kind is self.ribbons:
                        self.session.remove(opened)


class Glass:
    """Makes the surfaces of maps see-through while models are shown.

    Attributes
    ----------
    opacity
        Of the maps; 1 leaves them as they are.
    """

    def __init__(self, viewer: Any, wanted: Callable[[], bool]):
        self.viewer = viewer
        self.opacity = 0.3
        self._wanted = wanted
        viewer.layers.events.inserted.connect(self.apply)

    def apply(self, _event: Any = None) -> None:
        """Make all surfaces of maps what they should be now."""
        glass = self._wanted() and self.opacity < 1
        layers = self.viewer.layers
        for layer in [layer for layer in layers if _is_map_surface(layer)]:
            blending, opacity = ("translucent", self.opacity) if glass else ("opaque", 1.0)
            if layer.blending != blending:
                layer.blending = blending
            if layer.opacity != opacity:
                layer.opacity = opacity
            if glass and layers[-1] is not layer and not _maps_alone_after(layers, layer):
                selected = set(layers.selection)
                layers.move(layers.index(layer), len(layers))
                layers.selection = selected

    def let_go(self) -> None:
        """Maps are solid again."""
        self.viewer.layers.events.inserted.disconnect(self.apply)
        self._wanted = lambda: False
        self.apply()


def ribbon_data(ribbon: Ribbon, rgb: RGB) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A coloured ribbon as a napari layer, for a viewer without our panel."""
    colours = np.ones((len(ribbon.vertices), 4), np.float32)
    colours[:, :3] = rgb[ribbon.residue] / np.float32(255)
    values = np.ones(len(ribbon.vertices), np.float32)
    options = {"vertex_colors": colours, "shading": "smooth", "units": UNITS}
    return (ribbon.vertices, ribbon.faces, values), options


def _options(opened: OpenModel, what: str) -> dict[str, Any]:
    return {
        "metadata": {_OURS: (opened, what)},
        "colormap": "gray",
        "contrast_limits": (0, 1),
        "shading": "smooth",
        "blending": "opaque",
        "units": UNITS,
    }


def _some(ribbon: Ribbon) -> Ribbon:
    """A ribbon that napari can draw: one triangle without an area if there is no residue."""
    if len(ribbon.faces):
        return ribbon
    nothing = np.zeros((3, 3), np.float32)
    return Ribbon(nothing, np.array([[0, 1, 2]], np.int32), np.zeros(3, np.int32))


def _texture(opened: OpenModel, chosen: NDArray[np.intp]) -> NDArray[np.float32]:
    """`(rows, width, 3)`: one pixel for each residue."""
    rgb = opened.colours.rgb.astype(np.float32) / 255
    rgb[chosen] = rgb_of(SELECTED) / np.float32(255)
    n = max(len(rgb), 1)
    width = min(n, _WIDTH)
    texture = np.zeros((-(-n // width), width, 3), np.float32)
    texture.reshape(-1, 3)[: len(rgb)] = rgb
    return texture


def _texcoords(residue: NDArray[np.int32], texture: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(m, 2)` where the pixel of each vertex is; napari counts rows from below."""
    rows, width = texture.shape[:2]
    u = (residue % width + 0.5) / width
    v = 1 - (residue // width + 0.5) / rows
    return np.stack([u, v], axis=1).astype(np.float32)


def _is_map_surface(layer: Layer) -> bool:
    return isinstance(layer, Surface) and _MAP in layer.metadata


def _maps_alone_after(layers: Any, layer: Layer) -> bool:
    return all(_MAP in other.metadata for other in list(layers)[layers.index(layer) :])


_NOTHING = np.empty(0, np.intp)
