"""Whether a map that is turned gives the same model, turned.

A density without noise, of one protein: turned as an array by 90 degrees about each axis, and anew
from the structure in another orientation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from map_to_model_set import (
    box_for,
    in_orientation,
    noise_free,
    polymers_in,
    short,
    test_structures,
)
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_cryoai.building.build import BuildParams, Built, build
from napari_cryoai.building.scoring.matching import match
from napari_cryoai.core.atomic_model import Polymer
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.io.structures import read_structure
from napari_cryoai.jobs.progress import finish

Floats = NDArray[np.float64]

PIXELS_A = (1.0, 1.13)
B_FACTOR_A2, RESOLUTION_A = 90.0, 3.0
RADII_A = {"90 degrees": 0.2, "arbitrary": 0.6}
SHARE = {"90 degrees": 1.0, "arbitrary": 0.95}
AXES = {"z": (1, 2), "y": (0, 2), "x": (0, 1)}
"""Axes of the array that change places."""


def turned_models(
    structures: Path, params: Callable[..., BuildParams], known: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The smallest protein there is: all turns by 90 degrees, and an arbitrary one."""
    path = min(test_structures(structures), key=lambda p: len(read_structure(p)))
    structure = in_orientation(read_structure(path), Rotation.identity())
    spin = Rotation.from_rotvec([0.9, -0.4, 0.6])
    turned = structure.moved_to(spin.apply(structure.xyz_A))
    for pixel_A in PIXELS_A:
        n = max(box_for(structure, pixel_A), box_for(turned, pixel_A))
        first, other = (noise_free(s, n, pixel_A, B_FACTOR_A2) for s in (structure, turned))
        polymers = polymers_in(structure)

        def made(
            density: DensityMap, orientations: int, polymers: tuple[Polymer, ...] = polymers
        ) -> Built:
            chosen = params(RESOLUTION_A, orientations=orientations)
            return finish(build(chosen, density, polymers))

        # What turns exactly is asked of the exact average alone; the default is told beside it.
        for orientations, turns in ((24, (*AXES, "")), (4, ("",))):
            names = {
                axis: f"{short(path)}, {pixel_A} A/px, {orientations} orientations, "
                + (f"90 degrees about {axis}" if axis else "arbitrary")
                for axis in turns
            }
            if all(name in known for name in names.values()):
                continue
            reference = made(first, orientations)
            for axis, name in names.items():
                if axis:
                    again = made(turned_map(first, axis), orientations)
                    yield name, _row(reference, again, "90 degrees", _Back(first, axis))
                else:
                    again = made(other, orientations)
                    yield name, _row(reference, again, "arbitrary", spin.inv().apply)


def turned_map(density: DensityMap, axis: str) -> DensityMap:
    """The array turned about an axis of space; the first voxel stays where it is."""
    data = np.ascontiguousarray(np.rot90(density.data, axes=AXES[axis]))
    return DensityMap(data, density.pixel_size_A, density.origin_A)


class _Back:
    """Brings places in a map that `turned_map` has turned back to where they were."""

    def __init__(self, density: DensityMap, axis: str):
        self.density, self.axes = density, AXES[axis]

    def __call__(self, xyz_A: Floats) -> Floats:
        first, second = self.axes
        index = self.density.index_of(xyz_A[:, ::-1])
        before = index.copy()
        # rot90: turned[i, j] = density[j, n - 1 - i]
        before[:, first] = index[:, second]
        before[:, second] = self.density.shape[second] - 1 - index[:, first]
        return self.density.world_of(before)[:, ::-1]


def _row(
    reference: Built, again: Built, kind: str, back: Callable[[Floats], Floats]
) -> dict[str, Any]:
    """How many CA lie where they were, of the model that has more; first of the trace."""
    row: dict[str, Any] = {"radius_A": RADII_A[kind], "target": SHARE[kind]}
    places = {
        "trace": (reference.trace.ca_A, again.trace.ca_A),
        "model": (reference.model.residues.ca_A, again.model.residues.ca_A),
    }
    for what, (before, after) in places.items():
        after = back(after)
        most = max(len(before), len(after))
        row[f"{what}_CA"] = f"{len(before)}, {len(after)}"
        row[what] = len(match(after, before, RADII_A[kind])) / most
        near = match(after, before, 2.0)
        row[f"{what}_median_A"] = float(np.median(near.distance_A)) if len(near) else np.nan
    return row | {"reached": row["model"] >= row["target"]}
