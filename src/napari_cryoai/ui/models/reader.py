"""Reader of models: into the Build model panel, which opens for it; without a window, ribbons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import napari

from napari_cryoai.io.structures import SUFFIXES
from napari_cryoai.ui.models.colouring import coloured, first_colours
from napari_cryoai.ui.models.layers import ribbon_data
from napari_cryoai.ui.models.opening import read_and_draw
from napari_cryoai.ui.models.session import model_panel_of

Paths = str | Sequence[str]
LayerData = list[tuple[Any, ...]]


def get_model_reader(path: Paths) -> Callable[[Paths], LayerData] | None:
    """A reader of atomic models."""
    names = [Path(p).name.lower().removesuffix(".gz") for p in _listed(path)]
    return read_models if all(name.endswith(SUFFIXES) for name in names) else None


def read_models(path: Paths) -> LayerData:
    """Open in the panel; without a window, as surface layers."""
    viewer = napari.current_viewer()
    if viewer is None:
        return [_surface(Path(p)) for p in _listed(path)]
    panel = model_panel_of(viewer)
    if panel is None:
        _, panel = viewer.window.add_plugin_dock_widget("napari-cryoai", "Build model")
    panel.open(_listed(path))
    return [(None,)]


def _surface(path: Path) -> tuple[Any, ...]:
    content = read_and_draw(path)
    colours = coloured(content.model, first_colours(content.model))
    data, options = ribbon_data(content.drawing.ribbon, colours.rgb)
    return data, {"name": path.name, **options}, "surface"


def _listed(path: Paths) -> list[str]:
    return [path] if isinstance(path, str) else list(path)
