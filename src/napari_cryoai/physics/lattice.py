"""The 48 ways to lay a grid onto itself: rotations of the cube and their mirror images.

No voxel is interpolated, so nothing is lost, and what comes back is what went.
"""

from __future__ import annotations

import itertools

from torch import Tensor

Turn = tuple[tuple[int, ...], tuple[int, ...]]
"""Order of the axes, and those that are then reversed."""


def rotations() -> list[Turn]:
    """The 24 rotations of the cube, first that which does nothing."""
    return [turn for turn in ways() if not is_mirror(turn)]


def ways() -> list[Turn]:
    """All 48, first that which does nothing."""
    return [
        (order, flips)
        for order in itertools.permutations(range(3))
        for count in range(4)
        for flips in itertools.combinations(range(3), count)
    ]


def is_mirror(turn: Turn) -> bool:
    """Whether it changes the hand."""
    order, flips = turn
    swaps = sum(order[i] > order[j] for i, j in itertools.combinations(range(3), 2))
    return bool((swaps + len(flips)) % 2)


def turned(map_: Tensor, turn: Turn) -> Tensor:
    """A map `(nz, ny, nx)`, voxel for voxel."""
    order, flips = turn
    return map_.permute(order).flip(flips).contiguous()


def turned_back(map_: Tensor, turn: Turn) -> Tensor:
    """The inverse of `turned`."""
    order, flips = turn
    back = [order.index(axis) for axis in range(3)]
    return map_.flip(flips).permute(back).contiguous()


def named(turn: Turn) -> str:
    """For people: "x, -y, z"."""
    order, flips = turn
    return ", ".join(("-" if i in flips else "") + "zyx"[axis] for i, axis in enumerate(order))
