"""The 24 rotations of the cube: those that take a cubic lattice onto itself, exactly."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_cryoai.physics.lattice import rotations

ORDER = 24

ROTATIONS = tuple(rotations())
"""The identity comes first."""


def matrices() -> Tensor:
    """`(24, 3, 3)` long, acting on indices (z, y, x) about the middle of the box."""
    found = torch.zeros(ORDER, 3, 3, dtype=torch.long)
    for matrix, (order, flips) in zip(found, ROTATIONS, strict=True):
        for row, axis in enumerate(order):
            matrix[row, axis] = -1 if row in flips else 1
    return found


def turned(volume: Tensor, rotation: int) -> Tensor:
    """Turn the last three axes of a tensor about the middle of the box; the box is cubic."""
    order, flips = ROTATIONS[rotation]
    lead = volume.ndim - 3
    moved = volume.permute(*range(lead), *(lead + axis for axis in order))
    return moved.flip([lead + axis for axis in flips])


def products() -> Tensor:
    """`(24, 24)` long: rotation `[a, b]` is `b` first and then `a`."""
    every = matrices()
    both = torch.einsum("aij,bjk->abik", every, every)
    return (both[:, :, None] == every).all(-1).all(-1).long().argmax(-1)


def inverses() -> Tensor:
    """`(24,)` long: what undoes each rotation."""
    return (products() == 0).long().argmax(-1)
