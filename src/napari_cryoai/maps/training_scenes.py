"""What map denoisers learn from: densities of structures in company, made beforehand and kept.

Noise is none of it: that is drawn anew whenever a scene is shown, see `batches.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_cryoai.core.structure import Structure
from napari_cryoai.io.structures import read_structure
from napari_cryoai.maps.standard import PIXEL_A
from napari_cryoai.nets.scenes import SceneStore
from napari_cryoai.physics.radial import power_spectrum
from napari_cryoai.physics.simulators.decoys import on_surface
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.half_maps import HalfMapModel, draw_scene

LARGEST_PX, AROUND_A = 150, 20.0
"""Side of a scene, and what is left around the molecules."""

COMPANY = (0.5, 0.2, 0.15, 0.15)
"""How often a structure stands alone, or touches one, two or three others of its kind."""

MODEL = HalfMapModel(
    b_factor_A2=Distribution("log-normal", 50, 0.5),
    b_spread=Distribution("uniform", 0.1, 0.8),
    membrane=0.3,
    nucleic=0.3,
    glycans=Distribution("exponential", 1.5),
)


@dataclass(frozen=True, eq=False)
class TrainingScene:
    """A noise-free density on the networks' grid.

    Attributes
    ----------
    density
        `(n, n, n)` float16, in V, blurred by the motion of its parts.
    mask
        `(n, n, n)` uint8, 0 to 255, soft.
    signal
        `(n // 2 + 1,)` square root of the spectral density in the mask, see `Evidence`.
    """

    density: NDArray[np.float16]
    mask: NDArray[np.uint8]
    signal: NDArray[np.float32]


def make_scene(seed: tuple[int, int], structures: Sequence[Path]) -> TrainingScene:
    """Draw a scene; the same seed and structures give the same."""
    rng = np.random.default_rng(seed)
    structure = read_structure(structures[int(rng.integers(len(structures)))])
    for _ in range(int(rng.choice(len(COMPANY), p=COMPANY))):
        structure = joined(structure, on_surface(structure, structure, rng, upright=False))
    side = (structure.diameter_A + 2 * AROUND_A) / PIXEL_A
    n = min(LARGEST_PX, 2 * round(side / 2))
    inside = np.abs(structure.centred().xyz_A).max(1) < (n / 2 - 4) * PIXEL_A
    scene = draw_scene(structure.select(inside), MODEL, n, PIXEL_A, rng)
    power = power_spectrum(scene.density) / scene.mask.square().sum() * PIXEL_A**3
    return TrainingScene(
        scene.density.numpy().astype(np.float16),
        torch.round(255 * scene.mask).to(torch.uint8).numpy(),
        power.sqrt().numpy().astype(np.float32),
    )


def joined(one: Structure, other: Structure) -> Structure:
    """Two structures as one."""
    both = {
        f.name: np.concatenate([getattr(one, f.name), getattr(other, f.name)]) for f in fields(one)
    }
    # Chains of the same name are told apart by the residues' numbers alone.
    return replace(one, **both)


STORE = SceneStore(TrainingScene, make_scene)
"""In folders."""
