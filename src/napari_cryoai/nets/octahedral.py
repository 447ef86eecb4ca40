"""The 24 rotations of the cube: those that take a cubic lattice onto itself, exactly."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import torch
from torch import Tensor

ORDER = 24


def _rotations() -> list[tuple[tuple[int, int, int], tuple[int, int, int]]]:
    """Axes and signs of each; the identity comes first."""
    found = []
    for axes in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            matrix = np.zeros((3, 3))
            matrix[range(3), axes] = signs
            if np.linalg.det(matrix) > 0:
                found.append((axes, signs))
    return found  # type: ignore[return-value]


ROTATIONS = tuple(_rotations())
"""`(axes, signs)`: what a rotation shows along axis `k` lay along `signs[k] * axes[k]` before."""


def matrices() -> Tensor:
    """`(24, 3, 3)` long, acting on indices (z, y, x) about the middle of the box."""
    found = torch.zeros(ORDER, 3, 3, dtype=torch.long)
    for matrix, (axes, signs) in zip(found, ROTATIONS, strict=True):
        matrix[range(3), axes] = torch.tensor(signs)
    return found


def turned(volume: Tensor, rotation: int) -> Tensor:
    """Turn the last three axes of a tensor about the middle of the box; the box is cubic."""
    axes, signs = ROTATIONS[rotation]
    lead = volume.ndim - 3
    moved = volume.permute(*range(lead), *(lead + a for a in axes))
    return moved.flip([lead + k for k, sign in enumerate(signs) if sign < 0])


def products() -> Tensor:
    """`(24, 24)` long: rotation `[a, b]` is `b` first and then `a`."""
    every = matrices()
    both = torch.einsum("aij,bjk->abik", every, every)
    return (both[:, :, None] == every).all(-1).all(-1).long().argmax(-1)


def inverses() -> Tensor:
    """`(24,)` long: what undoes each rotation."""
    return (products() == 0).long().argmax(-1)
