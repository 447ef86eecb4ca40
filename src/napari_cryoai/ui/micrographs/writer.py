"""Writers for points layers, whoever made them: File > Save Selected Layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari
import numpy as np

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import PickTable, Source, concatenate
from napari_cryoai.io.picks import write_picks
from napari_cryoai.ui.micrographs.panels import session_of

Layer = tuple[Any, dict[str, Any], str]


def write_points(path: str, layers: list[Layer]) -> list[str]:
    """Write the shown points of some layers as picks; the format follows from the suffix.

    Raises
    ------
    CryoAIError
        If a layer does not say which micrograph its points lie on, and no name can stand in.
    """
    table = concatenate(_table(np.asarray(data), options) for data, options, _ in layers)
    viewer = napari.current_viewer()
    micrographs = list(session_of(viewer).micrographs.values()) if viewer is not None else []
    return [str(p) for p in write_picks(table, Path(path), micrographs=micrographs)]


def _table(yx_px: Any, options: dict[str, Any]) -> PickTable:
    name = options.get("metadata", {}).get("cryoai", {}).get("micrograph") or options.get("name")
    if not name:
        raise CryoAIError(
            "the layer does not say which micrograph it belongs to",
            remedy="Give the layer the name of its micrograph",
        )
    shown = np.broadcast_to(options.get("shown", True), len(yx_px)).astype(bool)
    features = options.get("features")
    score: Any = np.nan
    if features is not None and "score" in features:
        score = np.asarray(features["score"], np.float32)
    table = PickTable.of_points(
        str(name),
        yx_px[:, -2:],
        score=score,
        diameter_px=np.broadcast_to(options.get("size", np.nan), len(yx_px)),
        source=Source.MANUAL,
    )
    return table.select(shown)
