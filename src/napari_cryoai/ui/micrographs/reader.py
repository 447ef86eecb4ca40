"""Readers: what is dropped on napari goes to the panel, if it is open, or else becomes layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import napari
import numpy as np

from napari_cryoai.core.picks import PickTable, Source
from napari_cryoai.io.maps import is_map
from napari_cryoai.io.micrographs import is_micrograph, open_micrographs
from napari_cryoai.io.picks import read_picks
from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.layer_kit import BORDER, FALLBACK_DIAMETER_PX
from napari_cryoai.ui.micrographs.images import bin_mean, contrast_limits
from napari_cryoai.ui.micrographs.panels import panel_of

Paths = str | Sequence[str]
LayerData = list[tuple[Any, ...]]
HANDED_OVER: LayerData = [(None,)]
"""What a reader returns that opened the files itself."""


def get_micrograph_reader(path: Paths) -> Callable[[Paths], LayerData] | None:
    """A reader of micrographs and of folders of them; maps have a reader of their own."""
    paths = _listed(path)
    if all(is_map(p) for p in paths):
        return None
    ours = (is_micrograph(p) or _has_micrographs(Path(p)) for p in paths)
    return read_micrographs if all(ours) else None


def get_pick_reader(path: Paths) -> Callable[[Paths], LayerData] | None:
    """A reader of picks of any format."""
    return read_pick_files if all(Path(p).is_file() for p in _listed(path)) else None


def read_micrographs(path: Paths) -> LayerData:
    """Open in the panel, or as image layers."""
    return HANDED_OVER if _hand_over(path) else read_images(_listed(path))


def read_pick_files(path: Paths) -> LayerData:
    """Import in the panel, or open as layers of points, one for each micrograph."""
    if _hand_over(path):
        return HANDED_OVER
    return [layer for p in _listed(path) for layer in _points(Path(p))]


def read_images(paths: Sequence[str]) -> LayerData:
    """Image layers in Angstrom; the first file that cannot be read says why."""
    micrographs, errors = open_micrographs(paths)
    if not micrographs and errors:
        raise errors[0]
    layers: LayerData = []
    for m in micrographs:
        pixels = m.read()
        small = bin_mean(pixels, max(1, max(pixels.shape) // 1024))
        options = {
            "name": m.name,
            "contrast_limits": contrast_limits(small),
            "metadata": {"cryoai": {"micrograph": m.name, "path": str(m.path)}},
            **_place(m.pixel_size_A),
        }
        layers.append((pixels, options, "image"))
    return layers


def _points(path: Path) -> LayerData:
    table = read_picks(path)
    pixel_A = _open_pixel_sizes()
    counts = table.counts()
    return [
        (table.of(name).yx_px, _options(table.of(name), path, name, pixel_A.get(name)), "points")
        for name in table.names
        if counts[name]
    ]


def _options(picks: PickTable, path: Path, name: str, pixel_A: float | None) -> dict[str, Any]:
    size = np.where(np.isnan(picks.diameter_px), FALLBACK_DIAMETER_PX, picks.diameter_px)
    return {
        "name": f"{path.stem}: {name}",
        "size": size,
        "face_color": "transparent",
        "border_color": theme.score_rgba(picks.score, theme.score_span(picks.score)),
        "border_width": BORDER,
        "features": {
            "score": picks.score,
            "source": np.array([Source(s).name.lower() for s in picks.source], object),
        },
        "metadata": {"cryoai": {"micrograph": name}},
        **_place(pixel_A),
    }


def _open_pixel_sizes() -> dict[str, float]:
    """Pixel sizes of the micrographs that are open as layers: picks are to lie on them."""
    viewer = napari.current_viewer()
    sizes = {}
    for layer in viewer.layers if viewer is not None else ():
        known = layer.metadata.get("cryoai", {})
        if "path" in known:
            sizes[known["micrograph"]] = float(layer.scale[-1])
    return sizes


def _place(pixel_size_A: float | None) -> dict[str, Any]:
    if pixel_size_A is None:
        return {}
    return {"scale": (pixel_size_A,) * 2, "units": ("angstrom",) * 2}


def _hand_over(path: Paths) -> bool:
    viewer = napari.current_viewer()
    panel = panel_of(viewer) if viewer is not None else None
    if panel is None:
        return False
    panel.open(_listed(path))
    return True


def _has_micrographs(path: Path) -> bool:
    return path.is_dir() and any(is_micrograph(p) for p in path.iterdir())


def _listed(path: Paths) -> list[str]:
    return [path] if isinstance(path, str) else list(path)
