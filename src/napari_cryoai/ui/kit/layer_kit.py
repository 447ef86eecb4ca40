"""Layers as the panel makes them, and a way to change them that redraws only what is new."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer, Points
from napari.layers.base import LayerLock
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.paint import JUNK, PAINTED

FALLBACK_DIAMETER_PX = 40.0
STATUS_S = 0.002
BORDER = 0.07
"""Width of a circle's line, as a fraction of its diameter."""


def new_image(pixels: NDArray[Any], limits: tuple[float, float]) -> Image:
    """The micrograph."""
    return _locked(Image(pixels, contrast_limits=limits, interpolation2d="linear"))


def new_excluded(labels: NDArray[np.uint8]) -> Labels:
    """What is painted over, and what the picker took for junk."""
    colours = {None: (0, 0, 0, 0), PAINTED: theme.PAINT, JUNK: theme.JUNK}
    layer = Labels(
        labels,
        name="Excluded regions",
        colormap=DirectLabelColormap(color_dict=colours),
        opacity=1.0,
    )
    layer.editable = False
    return _locked(layer)


def new_points() -> Points:
    """The picks, as circles; whatever the user adds is hers, and has no score."""
    points = Points(
        np.empty((0, 2)),
        ndim=2,
        name="Picks",
        face_color="transparent",
        border_color=theme.MANUAL,
        border_width=BORDER,
        size=FALLBACK_DIAMETER_PX,
        features={"score": np.empty(0), "source": np.empty(0, object)},
        feature_defaults={"score": np.nan, "source": "manual"},
    )
    points.antialiasing = 1
    points.face_color_mode = points.border_color_mode = "direct"
    return _locked(points)


def put(layer: Layer, **values: Any) -> None:
    """Set attributes of a layer, but those alone that differ: napari redraws for each one set."""
    for name, value in values.items():
        if not np.array_equal(getattr(layer, name), value):
            setattr(layer, name, value)


@contextmanager
def undisturbed(viewer: Any) -> Iterator[None]:
    """Keep napari's status line from reading a layer of points while its length changes.

    napari 0.9 looks up what lies under the cursor in a thread of its own. If the layer shrinks
    meanwhile, that thread fails, and the user gets an error that is none of hers.
    """
    over = viewer.mouse_over_canvas
    viewer.mouse_over_canvas = False
    time.sleep(STATUS_S if over else 0)  # what it has begun takes less than this
    try:
        yield
    finally:
        viewer.mouse_over_canvas = over


@contextmanager
def selection_kept(viewer: Any) -> Iterator[None]:
    """Keep napari's list of layers from selecting what we add, or what is beside what we remove."""
    selected = set(viewer.layers.selection)
    try:
        yield
    finally:
        viewer.layers.selection = selected & set(viewer.layers)


def _locked(layer: Any) -> Any:
    layer.locked = LayerLock.DELETION
    return layer
