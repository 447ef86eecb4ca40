"""Reader of maps: into the Map panel, which opens for it; without a window, as surfaces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import napari

from napari_cryoai.core.isosurface import isosurface
from napari_cryoai.io.maps import is_map
from napari_cryoai.ui.maps.layers import surface_data, surface_options
from napari_cryoai.ui.maps.opening import read_and_look
from napari_cryoai.ui.maps.session import COLOURS, map_panel_of

Paths = str | Sequence[str]
LayerData = list[tuple[Any, ...]]


def get_map_reader(path: Paths) -> Callable[[Paths], LayerData] | None:
    """A reader of 3D maps; none for micrographs and stacks, which may have the same ending."""
    return read_maps if all(is_map(p) for p in _listed(path)) else None


def read_maps(path: Paths) -> LayerData:
    """Open in the panel, where the level can be moved; without a window, as surface layers."""
    viewer = napari.current_viewer()
    if viewer is None:
        return [_surface(Path(p), i) for i, p in enumerate(_listed(path))]
    panel = map_panel_of(viewer)
    if panel is None:
        _, panel = viewer.window.add_plugin_dock_widget("napari-cryoai", "Map")
    panel.open(_listed(path))
    return [(None,)]


def _surface(path: Path, number: int) -> tuple[Any, ...]:
    density, contour = read_and_look(path)
    mesh = isosurface(density.data, contour.suggested)
    options = surface_options(path.name, density, COLOURS[number % len(COLOURS)])
    return surface_data(mesh, density.shape), options, "surface"


def _listed(path: Paths) -> list[str]:
    return [path] if isinstance(path, str) else list(path)
