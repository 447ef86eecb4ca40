"""What the backbone networks learn from: densities of structures with all that is known of them.

Resolution, noise, masks and sharpening are none of it: those are drawn anew whenever a scene is
shown, see `batches.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_cryoai.building.training.labels import label
from napari_cryoai.building.training.peptides import Peptides, peptides_of
from napari_cryoai.core.structure import Structure
from napari_cryoai.io.structures import read_structure
from napari_cryoai.nets.scenes import SceneStore
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.half_maps import (
    DETERGENT,
    GLYCAN,
    NUCLEIC,
    HalfMapModel,
    draw_scene,
)

SIDE_PX = 96
"""Of a scene, in voxels of 1 A; of a larger structure a part is taken."""

MODEL = HalfMapModel(
    b_factor_A2=Distribution("log-normal", 50, 0.6),
    b_spread=Distribution("uniform", 0.1, 0.8),
    side_chain_A2=Distribution("uniform", 0, 30),
    acids=Distribution("uniform", 0.2, 1),
    membrane=0.3,
    nucleic=0.35,
    glycans=Distribution("exponential", 1.5),
)


@dataclass(frozen=True, eq=False)
class TrainingScene:
    """A noise-free density on a grid of 1 A, `[z, y, x]`, and what is there.

    Attributes
    ----------
    density
        `(n, n, n)` float16, in V, blurred by the motion of its parts.
    mask
        `(n, n, n)` uint8, 0 to 255, soft.
    other
        `(n, n, n)` bool, where there is nucleic acid, sugar or detergent.
    heat, direction, secondary
        As those of `Labels`.
    backbone_A, letters, chain
        As those of `Peptides`, in A from the voxel `n // 2`.
    """

    density: NDArray[np.float16]
    mask: NDArray[np.uint8]
    other: NDArray[np.bool_]
    heat: NDArray[np.uint8]
    direction: NDArray[np.int8]
    secondary: NDArray[np.uint8]
    backbone_A: NDArray[np.float64]
    letters: NDArray[np.intp]
    chain: NDArray[np.intp]

    @property
    def peptides(self) -> Peptides:
        """The protein."""
        return Peptides(self.backbone_A, self.letters, self.chain)


def make_scene(seed: tuple[int, int], structures: Sequence[Path]) -> TrainingScene:
    """Draw a scene; the same seed and structures give the same."""
    rng = np.random.default_rng(seed)
    structure = read_structure(structures[int(rng.integers(len(structures)))])
    scene = draw_scene(_part(structure, rng), MODEL, SIDE_PX, 1.0, rng)
    peptides = peptides_of(scene.structure)
    labels = label(peptides, SIDE_PX)
    kinds = scene.labels.numpy()
    return TrainingScene(
        density=scene.density.numpy().astype(np.float16),
        mask=torch.round(255 * scene.mask).to(torch.uint8).numpy(),
        other=np.isin(kinds, [NUCLEIC, GLYCAN, DETERGENT]),
        **vars(labels),
        backbone_A=peptides.backbone_A,
        letters=peptides.letters,
        chain=peptides.chain,
    )


def _part(structure: Structure, rng: np.random.Generator) -> Structure:
    """The structure in any orientation; what is in the box around one of its atoms."""
    turned = Rotation.from_quat(rng.normal(size=4)).apply(structure.centred().xyz_A)
    half = SIDE_PX / 2 - 2
    if np.abs(turned - (turned.min(0) + turned.max(0)) / 2).max() > half:
        turned = turned - turned[int(rng.integers(len(turned)))]
        inside = np.abs(turned).max(1) < half
        return structure.moved_to(turned).select(inside)
    return structure.moved_to(turned)


STORE = SceneStore(TrainingScene, make_scene)
"""In folders."""
