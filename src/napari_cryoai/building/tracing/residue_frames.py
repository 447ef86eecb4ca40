"""Frames of residues, from the places of CA alone, and what lies around them.

Nothing here depends on how the map lies in space: positions and density are told in each residue's
own axes, so that what a network makes of them turns and moves with the map.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional

Floats = NDArray[np.float64]

BOX_PX = 14
"""Side of the cube that is sampled around a residue, in points 1 A apart."""

FORWARD_A = 2.0
"""How far the cube's middle lies from CA towards the side chain."""

NEIGHBOURS = 12
"""Residues, the nearest in space, that a residue hears of."""

TIED = 8
"""More of them, which may be as near as the last."""

OFFSETS = 4
"""Neighbours of the same fragment are told apart up to so many residues away."""

SHORT_A = 1e-3
"""Vectors of this length point nowhere."""

NEAR_A, WIDE_A = 4.0, 8.0
"""How far the others count that a residue looks towards where the chain gives it no axis."""


def frames(ca: Floats, fragment: NDArray[np.intp]) -> Floats:
    """Axes of each residue: along the chain, towards the side chain, and across.

    Parameters
    ----------
    ca
        `(n, 3)` in z, y, x, as all places and axes here.
    fragment
        `(n,)`, see `Trace`.

    Returns
    -------
    axes
        `(n, 3, 3)`, whose rows are the axes.
    """
    n = len(ca)
    if not n:
        return np.empty((0, 3, 3))
    same = np.concatenate([[False], fragment[1:] == fragment[:-1], [False]])
    before, after = np.vstack([ca[:1], ca[:-1]]), np.vstack([ca[1:], ca[-1:]])
    lone = ~(same[:-1] | same[1:])[:, None]  # the rows beside it are no part of its chain
    before, after = np.where(lone, ca, before), np.where(lone, ca, after)
    # At the ends the chain goes on straight.
    before = np.where(same[:-1, None], before, 2 * ca - after)
    after = np.where(same[1:, None], after, 2 * ca - before)
    along = _unit(_where_none(after - before, ca, NEAR_A), np.array([0.0, 0.0, 1.0]))
    bend = ca - (before + after) / 2
    # An end has no bend of its own and takes that of the residue next to it.
    inner = same[:-1] & same[1:]
    bend[:-1] = np.where((~inner[:-1] & same[1:-1] & inner[1:])[:, None], bend[1:], bend[:-1])
    bend[1:] = np.where((~inner[1:] & same[1:-1] & inner[:-1])[:, None], bend[:-1], bend[1:])
    bend = _where_none(_upright(bend, along), ca, WIDE_A)
    bend = _upright(bend, along)
    outwards = _unit(bend, _across(along))
    return np.stack([along, outwards, np.cross(along, outwards)], 1)


def neighbours(ca: Floats) -> NDArray[np.intp]:
    """`(n, NEIGHBOURS)` rows of the nearest other residues; a residue's own where there are too
    few.

    Candidates on voxels often have several equally near. Then those nearer to the middle of all
    count, whichever way the map is turned.
    """
    n = len(ca)
    found = np.repeat(np.arange(n)[:, None], NEIGHBOURS, 1)
    count = min(NEIGHBOURS, n - 1)
    if count > 0:
        distance, near = cKDTree(ca).query(ca, min(n, count + 1 + TIED))
        distance[near == np.arange(n)[:, None]] = np.inf  # another one may lie at the same place
        inwards = np.linalg.norm(ca - ca.mean(0), axis=1)
        order = np.lexsort((inwards[near], np.round(distance, 3)))[:, :count]
        found[:, :count] = np.take_along_axis(near, order, 1)
    return found


def relations(
    ca: Floats, axes: Floats, fragment: NDArray[np.intp], near: NDArray[np.intp]
) -> NDArray[np.float32]:
    """`(n, NEIGHBOURS, k)` how residues lie to one another, in the axes of the first.

    Place, distance, orientation, and how many residues apart they are in a fragment.
    """
    n = len(ca)
    place = np.einsum("nij,nkj->nki", axes, ca[near] - ca[:, None])
    distance = np.linalg.norm(place, axis=-1, keepdims=True)
    turn = np.einsum("nij,nkmj->nkim", axes, axes[near]).reshape(n, near.shape[1], 9)
    apart = near - np.arange(n)[:, None]
    together = (fragment[near] == fragment[:, None]) & (np.abs(apart) <= OFFSETS)
    offsets = np.arange(-OFFSETS, OFFSETS + 1)
    kind = (apart[..., None] == offsets) & together[..., None]
    parts = [place / 10, distance / 10, np.exp(-distance / 4), turn, kind]
    return np.concatenate(parts, -1).astype(np.float32)


RELATIONS = 3 + 1 + 1 + 9 + 2 * OFFSETS + 1
"""Length of what `relations` tells of a pair."""


def surroundings(seen: Tensor, ca: Tensor, axes: Tensor) -> Tensor:
    """Density around residues, in their own axes.

    Parameters
    ----------
    seen
        `(c, d, h, w)`.
    ca
        `(n, 3)` in voxels, z, y, x.
    axes
        `(n, 3, 3)`, as rows, in z, y, x.

    Returns
    -------
    cubes
        `(n, c, BOX_PX, BOX_PX, BOX_PX)`; zero outside the map.
    """
    steps = torch.arange(BOX_PX, dtype=ca.dtype, device=ca.device) - (BOX_PX - 1) / 2
    grid = torch.stack(torch.meshgrid(steps, steps + FORWARD_A, steps, indexing="ij"), -1)
    points = ca[:, None, None, None] + torch.einsum("xyzi,nij->nxyzj", grid, axes)
    sides = torch.tensor(seen.shape[1:], dtype=ca.dtype, device=ca.device)
    # `grid_sample` wants x, y, z from -1 to 1 between the middles of the outermost voxels.
    wanted = (2 * points / (sides - 1) - 1).flip(-1)
    flat = wanted.reshape(1, -1, 1, 1, 3)
    found = functional.grid_sample(seen[None], flat.to(seen), align_corners=True)
    return found.reshape(len(seen), len(ca), BOX_PX, BOX_PX, BOX_PX).transpose(0, 1)


def _upright(vectors: Floats, along: Floats) -> Floats:
    """What of the vectors is at right angles to unit vectors."""
    found: Floats = vectors - (vectors * along).sum(1, keepdims=True) * along
    return found


def _where_none(vectors: Floats, ca: Floats, reach_A: float) -> Floats:
    """The vectors, and where one has no length, the way to the other residues around.

    Unlike an axis of the grid, that turns with the map.
    """
    found = vectors.copy()
    tree = cKDTree(ca)
    for row in np.flatnonzero(np.linalg.norm(vectors, axis=1) < SHORT_A).tolist():
        away = ca[tree.query_ball_point(ca[row], 3 * reach_A)] - ca[row]
        found[row] = (away * np.exp(-(away**2).sum(1, keepdims=True) / reach_A**2)).sum(0)
    return found


def _unit(vectors: Floats, otherwise: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    fallback = np.broadcast_to(otherwise, vectors.shape)
    unit: Floats = np.where(length > SHORT_A, vectors / np.maximum(length, 1e-9), fallback)
    return unit


def _across(along: Floats) -> Floats:
    """Any unit vectors at right angles."""
    least = np.eye(3)[np.abs(along).argmin(1)]
    across = np.cross(along, least)
    found: Floats = across / np.linalg.norm(across, axis=1, keepdims=True)
    return found
