"""What a particle can look like: one map, several, or the steps of a path between two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure, matched
from napari_cryoai.physics.potential import ICE_V, map_of
from napari_cryoai.physics.simulators.motions import Motion
from napari_cryoai.physics.slices import FourierVolume

Floats = NDArray[np.float64]

KEPT = 4
"""How many transforms of maps are held in memory; one of 128 voxels takes 70 MB."""


class Conformers:
    """Maps of one box, made when they are asked for.

    Parameters
    ----------
    make
        Gives map `i`, `(n, n, n)`, density bright.
    states
        `(k,)` what the truth calls each: its place on a path from 0 to 1, or its number.
    n, pixel_size_A
        Side of the box, and of a voxel.
    diameter_A
        Longest extent of the largest.
    coordinates
        `(k, d)` places whose distances say how alike the states are; `states` if not given.
    """

    def __init__(
        self,
        make: Callable[[int], Tensor],
        states: Sequence[float],
        n: int,
        pixel_size_A: float,
        diameter_A: float,
        coordinates: Floats | None = None,
    ):
        self.states: Floats = np.asarray(states, np.float64)
        self.coordinates: Floats = self.states[:, None] if coordinates is None else coordinates
        self.n = n
        self.pixel_size_A = pixel_size_A
        self.diameter_A = diameter_A
        self.map = make
        self.transform = lru_cache(maxsize=KEPT)(self._transform)

    def __len__(self) -> int:
        return len(self.states)

    def _transform(self, i: int) -> FourierVolume:
        return FourierVolume.of_map(self.map(i))

    @classmethod
    def of_maps(cls, maps: Sequence[Tensor], pixel_size_A: float) -> Conformers:
        """Maps `(n, n, n)`; the particle is what exceeds a tenth of the maximum."""
        diameter_A = max(_extent_px(volume) for volume in maps) * pixel_size_A
        n = maps[0].shape[-1]
        k = len(maps)
        return cls(maps.__getitem__, range(k), n, pixel_size_A, diameter_A, np.eye(k))

    @classmethod
    def of_structures(
        cls,
        structures: Sequence[Structure],
        n: int,
        pixel_size_A: float,
        *,
        states: Sequence[float] | None = None,
        coordinates: Floats | None = None,
        middle_A: Floats | None = None,
        solvent_V: float = ICE_V,
        device: torch.device | str | None = None,
    ) -> Conformers:
        """Structures in ice, in their own frame.

        Parameters
        ----------
        states, coordinates
            See `Conformers`; if not given, states are numbers, and all equally unlike.
        middle_A
            `(3,)` x, y, z of what is put at the centre; the middle of the first if not given.

        Raises
        ------
        CryoAIError
            If one is larger than the box.
        """
        low, high = structures[0].xyz_A.min(0), structures[0].xyz_A.max(0)
        middle = (low + high) / 2 if middle_A is None else middle_A
        placed = [s.moved_to(s.xyz_A - middle) for s in structures]
        reach_A = max(np.linalg.norm(s.xyz_A, axis=1).max() for s in placed) + 1.5
        if 2 * reach_A > n * pixel_size_A:
            raise CryoAIError(
                f"the structure is {2 * reach_A:.0f} A wide and the box {n * pixel_size_A:.0f} A",
                remedy=f"Take a box of {int(3 * reach_A / pixel_size_A / 2) * 2} pixels or more",
            )

        def make(i: int) -> Tensor:
            return map_of(placed[i], n, pixel_size_A, solvent_V=solvent_V, device=device)

        k = len(placed)
        names = range(k) if states is None else states
        if states is None and coordinates is None:
            coordinates = np.eye(k)
        return cls(make, names, n, pixel_size_A, float(2 * reach_A), coordinates)

    @classmethod
    def of_motion(
        cls,
        motion: Motion,
        n: int,
        pixel_size_A: float,
        *,
        solvent_V: float = ICE_V,
        device: torch.device | str | None = None,
    ) -> Conformers:
        """The states of a molecule that moves; the middle of all of them is put at the centre."""
        everywhere = np.concatenate([s.xyz_A for s in motion.structures])
        middle = (everywhere.min(0) + everywhere.max(0)) / 2
        return cls.of_structures(
            motion.structures, n, pixel_size_A, states=motion.states.tolist(),
            coordinates=motion.coordinates, middle_A=middle, solvent_V=solvent_V, device=device,
        )  # fmt: skip

    @classmethod
    def along_path(
        cls,
        first: Structure,
        last: Structure,
        steps: int,
        n: int,
        pixel_size_A: float,
        *,
        solvent_V: float = ICE_V,
        device: torch.device | str | None = None,
    ) -> Conformers:
        """Atoms that move on straight lines between two conformers in one frame.

        Raises
        ------
        CryoAIError
            If the two have no atoms in common.
        """
        a, b = matched(first, last)
        if not len(a):
            raise CryoAIError(
                "the two structures have no atoms in common",
                remedy="Give two conformers with the same chains and residue numbers",
            )
        states = np.linspace(0, 1, steps)
        path = [a.moved_to((1 - t) * a.xyz_A + t * b.xyz_A) for t in states]
        return cls.of_structures(
            path, n, pixel_size_A, states=states.tolist(), solvent_V=solvent_V, device=device
        )


def _extent_px(volume: Tensor) -> float:
    n = volume.shape[-1]
    where = (volume > 0.1 * volume.max()).nonzero() - n // 2
    return float(2 * where.double().norm(dim=1).max() + 1) if len(where) else float(n)
