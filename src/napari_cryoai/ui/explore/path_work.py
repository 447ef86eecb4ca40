"""Places along a path, and its maps as files; for a thread."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.analysis import paths
from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.maps import write_map
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.ui.latent.path import Kind

if TYPE_CHECKING:
    from napari_cryoai.heterogeneity.model import LatentModel

Floats = NDArray[np.float32]
PLACES = "places.txt"


def places_along(
    table: LatentTable, anchors: Sequence[Floats], count: int, closed: bool, kind: Kind
) -> Floats:
    """`(count, d)` places along the path through anchors.

    Of a closed one, whose last anchor is its first, the last place would be the first again.

    Raises
    ------
    CryoAIError
        If the anchors are all in one place, or particles too few.
    """
    n = count + closed
    found = {
        "straight": partial(paths.straight, anchors, n),
        "spline": partial(paths.spline, anchors, n),
        "graph": partial(paths.graph, table.mean, anchors, n),
        "dense": partial(paths.dense, table.mean, anchors, n),
    }[kind]()
    return np.asarray(found[:count], np.float32)


def counts_along(table: LatentTable, places: Floats) -> NDArray[np.intp]:
    """`(m,)`, how many particles are nearest to each place."""
    return paths.along(table.mean, places).counts(places=len(places))


def write_series(model: LatentModel, places: Floats, folder: Path) -> Job[str]:
    """Write the maps of places as `map_001.mrc`, ... and the places as text."""
    digits = max(3, len(str(len(places))))
    for i, z in enumerate(places):
        yield Progress(i, len(places), f"Map {i + 1}")
        write_map(folder / f"map_{i + 1:0{digits}d}.mrc", model.decode(z))
    lines = (" ".join(f"{v:.8g}" for v in z) for z in places)
    write_text(folder / PLACES, "\n".join(lines) + "\n")
    return f"Wrote {len(places)} maps and {PLACES} to {folder}"
