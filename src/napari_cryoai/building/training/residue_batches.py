"""Batches for the residue network: traces as a tracer might give them, and what is true of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from napari_cryoai.building.tracing.residue_frames import (
    frames,
    neighbours,
    relations,
    surroundings,
)
from napari_cryoai.building.training.batches import VIEW_PX, AnyScenes, View, view
from napari_cryoai.building.training.labels import SECONDARY
from napari_cryoai.building.training.peptides import Peptides
from napari_cryoai.building.training.scenes import SIDE_PX, TrainingScene
from napari_cryoai.core.secondary import secondary_structure
from napari_cryoai.nets.octahedral import matrices

Floats = NDArray[np.float64]

RIM_A = 6.0
"""Residues closer than this to the border of a view are left out."""

MISSING, BROKEN = 0.05, 0.5
"""Share of the residues that a trace misses; and of those gaps, where it ends."""

CLOSEST_A, FARTHEST_A = 0.05, 0.6
"""Standard deviation along each axis of the places in a trace."""

SLIPPED = 0.1
"""Share of the fragments whose residues lie between two of the chain's."""

FALSE = 3.0
"""Mean number of false fragments in a view."""

STEP_A = 3.8

TRUE_A = 2.0
"""Within which a residue is the one of the structure."""


class ResidueBatch(NamedTuple):
    """Residues of traces in several views.

    Attributes
    ----------
    cubes, near, relation
        What the network sees.
    real, forward
        `(n,)` whether there is a residue; and whether the trace runs from N to C there.
    letters, secondary
        `(n,)` long: number of the amino acid, of the secondary structure; -1 if not known.
    atoms
        `(n, 4, 3)` as in `ResidueAnswer`.
    """

    cubes: Tensor
    near: Tensor
    relation: Tensor
    real: Tensor
    forward: Tensor
    letters: Tensor
    secondary: Tensor
    atoms: Tensor

    def to(self, device: torch.device) -> ResidueBatch:
        """On another device."""
        return ResidueBatch(*(t.to(device, non_blocking=True) for t in self))


def make_residue_batch(scenes: AnyScenes, size: int, seed: tuple[int, ...]) -> ResidueBatch:
    """Draw views and traces in them; the same seed gives the same batch."""
    rng = np.random.default_rng(seed)
    drawn = [_example(scenes[int(i)], rng) for i in rng.integers(len(scenes), size=size)]
    start = np.cumsum([0, *(len(one.near) for one in drawn[:-1])])
    shifted = [
        one._replace(near=one.near + int(first)) for one, first in zip(drawn, start, strict=True)
    ]
    return ResidueBatch(*map(torch.cat, zip(*shifted, strict=True)))


@dataclass(frozen=True, eq=False)
class _Drawn:
    """A trace: places `(n, 3)` z, y, x, and fragments."""

    ca: Floats
    fragment: NDArray[np.intp]


def _example(scene: TrainingScene, rng: np.random.Generator) -> ResidueBatch:
    shown = view(scene, rng)
    truth = _in_view(scene.peptides, shown)
    drawn = _drawn(truth, shown.seen[0].numpy(), rng)
    axes = frames(drawn.ca, drawn.fragment)
    near = neighbours(drawn.ca)
    row, real, forward = _matched(drawn, axes, truth)
    kinds = _secondary(truth)
    atoms = np.zeros((len(drawn.ca), 4, 3))
    if len(truth):
        atoms = np.einsum("nij,naj->nai", axes, truth.backbone_A[row] - drawn.ca[:, None])
    letters, secondary = (
        np.where(real, values[row] if len(values) else 0, -1) for values in (truth.letters, kinds)
    )
    places, turns = torch.from_numpy(drawn.ca).float(), torch.from_numpy(axes).float()
    return ResidueBatch(
        surroundings(shown.seen, places, turns),
        torch.from_numpy(near),
        torch.from_numpy(relations(drawn.ca, axes, drawn.fragment, near)),
        torch.from_numpy(real).float(),
        torch.from_numpy(forward).float(),
        torch.from_numpy(letters),
        torch.from_numpy(secondary),
        torch.from_numpy(atoms).float(),
    )


def _in_view(peptides: Peptides, shown: View) -> Peptides:
    """The residues well inside a view, their places in its voxels: z, y, x."""
    zyx = peptides.backbone_A[:, :, ::-1] + SIDE_PX // 2 - shown.start
    middle = (VIEW_PX - 1) / 2
    turned = (zyx - middle) @ matrices()[shown.rotation].numpy().T + middle
    inside = ((turned[:, 1] > RIM_A) & (turned[:, 1] < VIEW_PX - 1 - RIM_A)).all(-1)
    rows = np.flatnonzero(inside)
    # Where the chain leaves the view, it is cut.
    cuts = np.diff(rows, prepend=-1) > 1
    chain = np.cumsum(cuts | (np.diff(peptides.chain[rows], prepend=-1) != 0))
    return Peptides(turned[rows], peptides.letters[rows], chain)


def _drawn(truth: Peptides, density: NDArray[np.float32], rng: np.random.Generator) -> _Drawn:
    pieces = [_perturbed(truth.backbone_A[rows, 1], rng) for rows in truth.stretches()]
    pieces += [_walk(density, rng) for _ in range(max(int(rng.poisson(FALSE)), not pieces))]
    parts = [part for piece in pieces for part in _with_gaps(piece, rng)]
    fragment = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return _Drawn(np.concatenate(parts), fragment)


def _perturbed(ca: Floats, rng: np.random.Generator) -> Floats:
    """A stretch of chain as it would be traced: not quite in place, maybe from its end."""
    if len(ca) > 1 and rng.random() < SLIPPED:
        ca = ca[:-1] + rng.uniform(0.3, 0.7) * np.diff(ca, axis=0)
    found = ca + rng.normal(0, rng.uniform(CLOSEST_A, FARTHEST_A), ca.shape)
    return found[::-1] if rng.random() < 0.5 else found


def _with_gaps(ca: Floats, rng: np.random.Generator) -> list[Floats]:
    missed = rng.random(len(ca)) < MISSING
    ends = missed & (rng.random(len(ca)) < BROKEN)
    parts = np.split(np.arange(len(ca)), np.flatnonzero(ends))
    kept = [part[~missed[part]] for part in parts]
    return [ca[part] for part in kept if len(part)] or [ca[:1]]


def _walk(density: NDArray[np.float32], rng: np.random.Generator) -> Floats:
    """A false fragment: steps through what density there is."""
    edge = int(RIM_A)
    inner = density[edge:-edge, edge:-edge, edge:-edge]
    dense = np.argwhere(inner > np.quantile(inner, 0.9)) + edge
    places = [dense[int(rng.integers(len(dense)))] + rng.uniform(-0.5, 0.5, 3)]
    for _ in range(int(rng.integers(3, 16))):
        steps = rng.normal(size=(16, 3))
        ahead = places[-1] + STEP_A * steps / np.linalg.norm(steps, axis=1, keepdims=True)
        ahead = ahead[((ahead > edge) & (ahead < len(density) - edge - 1)).all(1)]
        if len(places) > 1:
            ahead = ahead[np.linalg.norm(ahead - places[-2], axis=1) > 4.5]
        if not len(ahead):
            break
        z, y, x = np.round(ahead).astype(int).T
        places.append(ahead[density[z, y, x].argmax()])
    return np.array(places)


def _matched(
    drawn: _Drawn, axes: Floats, truth: Peptides
) -> tuple[NDArray[np.intp], NDArray[np.bool_], NDArray[np.bool_]]:
    """Nearest residue of each; whether it is near enough; whether the trace runs its way."""
    n = len(drawn.ca)
    if not len(truth):
        return np.zeros(n, np.intp), np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    distance, row = cKDTree(truth.backbone_A[:, 1]).query(drawn.ca)
    way = truth.backbone_A[row, 2] - truth.backbone_A[row, 0]
    return row, distance < TRUE_A, (way * axes[:, 0]).sum(1) > 0


def _secondary(truth: Peptides) -> NDArray[np.intp]:
    # Helices are right-handed in x, y, z.
    kinds = secondary_structure(truth.backbone_A[:, 1, ::-1], truth.stretches())
    return np.array([SECONDARY.index(kind) for kind in kinds.tolist()], np.intp)
