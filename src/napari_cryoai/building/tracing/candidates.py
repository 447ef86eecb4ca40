"""Where residues may be: the peaks of CA, and how well any two of them are joined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional

from napari_cryoai.building.tracing.predict import Fields

Floats = NDArray[np.float64]

LOWEST = 0.08
"""Heat of CA below which a peak is not looked at."""

RADIUS_A, MERGED_A = 1.5, 1.8
"""Of the mean shift; and how close two peaks cannot lie."""

SHIFTS = 4

BACKBONE, FREE_A = 0.18, 2.7
"""Heat of the backbone that wants a residue; and how far off the nearest may be."""

BOND_A, SPREAD_A = 3.8, 0.45
"""Distance of successive CA, and how far it may be off."""

SHORTEST_A, LONGEST_A = 2.5, 5.2

ALONG = np.array([0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85])
"""Where the backbone between two CA is looked at."""

C_AT, N_AT = 0.37, 0.63
"""Where C and N lie, of the way from one CA to the next."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Places of CA, one row each.

    Attributes
    ----------
    zyx
        `(n, 3)` in voxels.
    heat
        `(n,)` of CA there, 0 to 1.
    """

    zyx: Floats
    heat: Floats

    def __len__(self) -> int:
        return len(self.heat)


@dataclass(frozen=True, eq=False)
class Links:
    """Pairs of candidates that may follow one another, one row each, in either order.

    Attributes
    ----------
    pairs
        `(k, 2)` rows of candidates.
    score
        `(k,)` logarithm of how likely they are neighbours; above 0 if that is likelier than not.
    forward
        `(k,)` logarithm of how much likelier the first is nearer to the N terminus.
    """

    pairs: NDArray[np.intp]
    score: Floats
    forward: Floats


def candidates(heat: Tensor, lowest: float = LOWEST) -> Candidates:
    """Find the peaks of CA `(d, h, w)`, between the voxels, by mean shift."""
    highest = functional.max_pool3d(heat[None, None], 3, 1, 1)[0, 0]
    peaks = torch.nonzero((heat == highest) & (heat > lowest)).numpy()
    values = heat.numpy()
    zyx = peaks.astype(np.float64)
    steps = np.arange(-2, 3)
    around = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    for _ in range(SHIFTS):
        voxels = np.round(zyx).astype(np.intp)[:, None] + around
        inside = np.asarray(((voxels >= 0) & (voxels < heat.shape)).all(-1))
        z, y, x = np.where(inside[..., None], voxels, 0).transpose(2, 0, 1)
        squared = ((voxels - zyx[:, None]) ** 2).sum(-1)
        weight = values[z, y, x] * np.exp(-squared / RADIUS_A**2) * inside
        weight = np.maximum(weight, 1e-9)
        zyx = (weight[..., None] * voxels).sum(1) / weight.sum(1, keepdims=True)
    found = sampled(values, zyx)
    kept = _apart(zyx, found)
    return Candidates(zyx[kept], found[kept])


def covered(found: Candidates, fields: Fields) -> Candidates:
    """With more candidates wherever there is backbone and none is near.

    In a map that is not sharp the heats of neighbours flow into one another and have one peak for
    several residues.
    """
    heat, trace = fields.heat[1].numpy(), fields.heat[3].numpy()
    on = np.argwhere(trace > BACKBONE)
    height = (heat + trace / 2)[tuple(on.T)]
    blocked = np.zeros(heat.shape, np.bool_)
    steps = np.arange(-int(FREE_A), int(FREE_A) + 1)
    ball = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    ball = ball[(ball**2).sum(1) <= FREE_A**2]

    def block(zyx: Floats) -> None:
        voxels = np.round(zyx).astype(np.intp) + ball
        inside = ((voxels >= 0) & (voxels < heat.shape)).all(1)
        blocked[tuple(voxels[inside].T)] = True

    for place in found.zyx:
        block(place)
    more = []
    for row in np.argsort(-height, kind="stable").tolist():
        if not blocked[tuple(on[row])]:
            more.append(on[row])
            block(on[row])
    zyx = np.concatenate([found.zyx, np.reshape(more, (-1, 3))])
    return Candidates(zyx, np.concatenate([found.heat, sampled(heat, zyx[len(found) :])]))


def sampled(values: NDArray[np.float32], zyx: Floats) -> Floats:
    """Values of a volume between its voxels, `(...,)` for places `(..., 3)`."""
    found: Floats = map_coordinates(values, np.moveaxis(zyx, -1, 0), order=1, mode="nearest")
    return found


def links(found: Candidates, fields: Fields) -> Links:
    """Judge all pairs at about the right distance."""
    if len(found) < 2:
        return Links(np.empty((0, 2), np.intp), np.empty(0), np.empty(0))
    pairs = cKDTree(found.zyx).query_pairs(LONGEST_A, output_type="ndarray").astype(np.intp)
    one, other = found.zyx[pairs[:, 0]], found.zyx[pairs[:, 1]]
    length = np.linalg.norm(other - one, axis=1)
    kept = length > SHORTEST_A
    pairs, one, other, length = pairs[kept], one[kept], other[kept], length[kept]
    between = one[:, None] + ALONG[:, None] * (other - one)[:, None]
    trace = np.clip(sampled(fields.heat[3].numpy(), between), 1e-3, 1)
    # A gap anywhere breaks the chain: the weakest places count most.
    support = np.log(trace).mean(1) + np.log(trace.min(1))
    off = (length - BOND_A) / SPREAD_A
    score = 4.0 + support - off**2 / 2
    return Links(pairs, score, _forward(one, other, between, fields))


def _forward(one: Floats, other: Floats, between: Floats, fields: Fields) -> Floats:
    """Evidence that the chain runs from one to the other, of direction, C and N."""
    unit = (other - one) / np.linalg.norm(other - one, axis=1, keepdims=True)
    way = np.stack([sampled(part, between) for part in fields.direction.numpy()], -1)
    along = np.einsum("kai,ki->ka", way, unit).mean(1)
    heat = fields.heat.numpy()
    c_first, n_second = (one + at * (other - one) for at in (C_AT, N_AT))
    order = (
        sampled(heat[2], c_first)
        + sampled(heat[0], n_second)
        - sampled(heat[0], c_first)
        - sampled(heat[2], n_second)
    )
    return 4.0 * along + 2.0 * order


def _apart(zyx: Floats, heat: Floats) -> NDArray[np.intp]:
    """Of peaks that lie too close, the higher ones."""
    order = np.argsort(-heat, kind="stable")
    near = cKDTree(zyx).query_ball_point(zyx, MERGED_A) if len(zyx) else []
    taken = np.zeros(len(zyx), np.bool_)
    kept = []
    for row in order.tolist():
        if not taken[row]:
            kept.append(row)
            taken[near[row]] = True
    return np.array(sorted(kept), np.intp)
