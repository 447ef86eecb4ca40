"""Reconstructions that judge a latent space, for a thread."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.halves import halves_told
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.ui.explore.select_work import particles_of
from napari_cryoai.ui.latent.session import Opened
from napari_cryoai.ui.maps.colouring import Colouring, limits_of
from napari_cryoai.ui.maps.history import Content

SEED = 0
"""Of halves, where the particles' file names none."""


@dataclass(frozen=True, eq=False)
class Found:
    """Maps for the Map panel by name, and what they mean."""

    maps: Mapping[str, Content]
    words: str


def validated(source: Opened, selected: NDArray[np.bool_]) -> Job[Found]:
    """Reconstruct a selection, and compare the model's map with it.

    Raises
    ------
    CryoAIError
        If there are too few particles, or they cannot be read.
    """
    from napari_cryoai.heterogeneity.validate import validate
    from napari_cryoai.reconstruction.reconstruct import ReconstructParams, reconstruct

    yield Progress(0, 100, "Reading the particles")
    stack, params = particles_of(source), ReconstructParams()
    rows = np.flatnonzero(selected)
    found = yield from validate(source.model, stack, rows, lambda some: reconstruct(params, some))
    density = DensityMap(found.reconstruction.map.numpy(), found.reconstruction.pixel_size_A)
    shown = _looked(density)
    local = found.local_resolution_A
    colouring = Colouring(
        "Local resolution", local, limits_of(local, density, shown.level), "good is low", "Å",
        ("fine", "coarse"),
    )  # fmt: skip
    maps = {
        "selection, from images": Content(
            density, shown.contour, shown.level, {colouring.name: colouring}
        ),
        "selection, decoded": _looked(found.decoded, shown.level),
        "images minus decoded": _looked(found.difference, shown.level / 2),
    }
    words = re.sub(r"(\d) A\b", r"\1 Å", found.text())
    return Found(maps, f"{words}\n{halves_told(stack.select(rows), params.seed)}")


def state_at(source: Opened, z: NDArray[np.float32]) -> Job[Found]:
    """Reconstruct the state at a place from the raw particles around it.

    Raises
    ------
    CryoAIError
        If there are too few around, or they cannot be read.
    """
    from napari_cryoai.heterogeneity.engines.kernel import state
    from napari_cryoai.physics.fsc import half_map_fsc

    yield Progress(0, 100, "Reading the particles")
    stack = particles_of(source)
    found = yield from state(source.model.table, stack, z, seed=SEED)
    pixel_size_A = stack.require_pixel_size()
    resolution_A = half_map_fsc(found.half1, found.half2, pixel_size_A).best.resolution_A()
    words = f"{found.particles:,.0f} particles' worth of images, {resolution_A:.1f} Å (FSC 0.143)"
    words = f"{words}\n{halves_told(stack, SEED)}"
    density = DensityMap(found.map.numpy(), pixel_size_A)
    return Found({"state, from images": _looked(density)}, words)


def _looked(density: DensityMap, level: float | None = None) -> Content:
    """A map with its levels."""
    content = Content.of(density, level if level is not None else 0.0)
    if level is not None:
        return content
    return Content(density, content.contour, content.contour.suggested)
