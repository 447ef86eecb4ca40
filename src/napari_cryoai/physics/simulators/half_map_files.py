"""Simulated half maps as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.io.maps import write_map
from napari_cryoai.physics.simulators.half_maps import HalfMapModel, simulate_half_maps


def write_half_maps(
    structure: Structure,
    model: HalfMapModel,
    n: int,
    pixel_size_A: float,
    seed: int,
    folder: Path,
) -> list[Path]:
    """Simulate a pair of half maps and write it, the truth, the mask and the labels.

    All lie in the frame of the structure's file. `truth.mrc` is written last.

    Raises
    ------
    CryoAIError
        If the structure is larger than the box.
    """
    if structure.diameter_A > n * pixel_size_A:
        raise CryoAIError(
            f"the structure is {structure.diameter_A:.0f} A wide and the box "
            f"{n * pixel_size_A:.0f} A",
            remedy="Give a larger --box-size-px",
        )
    (folder / "truth.mrc").unlink(missing_ok=True)
    made = simulate_half_maps(structure, model, n, pixel_size_A, seed)
    middle = (structure.xyz_A.min(0) + structure.xyz_A.max(0)) / 2
    z, y, x = (float(m) - n // 2 * pixel_size_A for m in middle[::-1])
    maps = {
        "half1": made.half1,
        "half2": made.half2,
        "mask": made.mask,
        "labels": made.labels,
        "truth": made.truth,
    }
    paths = []
    for name, data in maps.items():
        paths.append(folder / f"{name}.mrc")
        values = data.numpy().astype(np.float32)
        write_map(paths[-1], DensityMap(values, pixel_size_A, (z, y, x)))
    return paths
