"""The residue network on the residues of a trace in a whole map."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.building.tracing.residue_frames import (
    frames,
    neighbours,
    relations,
    surroundings,
)
from napari_cryoai.building.tracing.residue_network import ResidueNetwork, placed
from napari_cryoai.core.trace import fragment_rows

Floats = NDArray[np.float64]

CHANGE = 8.0
"""Logits against a change of direction within a fragment: then two chains were taken for one."""


@dataclass(frozen=True, eq=False)
class PlacedResidues:
    """Residues as the network sees and places them, one row each.

    Attributes
    ----------
    atoms
        `(n, 4, 3)` N, CA, C and O, z, y, x in voxels.
    fragment
        `(n,)`, see `Trace`.
    types, secondary
        `(n, 20)`, `(n, 3)` logits.
    real, forward
        `(n,)` logits.
    """

    atoms: Floats
    fragment: NDArray[np.intp]
    types: Floats
    secondary: Floats
    real: Floats
    forward: Floats

    def __len__(self) -> int:
        return len(self.fragment)

    @property
    def ca(self) -> Floats:
        """`(n, 3)`."""
        found: Floats = self.atoms[:, 1]
        return found

    def select(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> PlacedResidues:
        """Some of them, in that order."""
        return PlacedResidues(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@torch.inference_mode()
def look(
    network: ResidueNetwork, seen: Tensor, ca: Floats, fragment: NDArray[np.intp]
) -> PlacedResidues:
    """Look at residues once.

    Parameters
    ----------
    seen
        `(2, d, h, w)`, of `standardise`.
    ca
        `(n, 3)` where CA are, in voxels; the rows of a fragment follow one another.
    """
    device = next(network.parameters()).device
    axes = frames(ca, fragment)
    near = neighbours(ca)
    relation = torch.from_numpy(relations(ca, axes, fragment, near))
    places, turns = torch.from_numpy(ca).float(), torch.from_numpy(axes).float()
    cubes = surroundings(seen, places, turns)
    # In single precision: rounds that follow one another magnify what bfloat16 rounds away.
    answer = network(cubes.to(device), torch.from_numpy(near).to(device), relation.to(device))
    atoms = placed(answer.atoms.cpu(), places, turns)
    return PlacedResidues(
        atoms.double().numpy(),
        fragment,
        *(
            values.double().cpu().numpy()
            for values in (answer.types, answer.secondary, answer.real, answer.forward)
        ),
    )


def turned_round(
    fragment: NDArray[np.intp], forward: Floats
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Cut fragments where the residues change their mind, and turn what runs backwards.

    Returns
    -------
    order
        `(n,)` rows.
    fragment
        `(n,)` of the rows in that order.
    """
    order: list[NDArray[np.intp]] = []
    numbers: list[NDArray[np.intp]] = []
    for rows in fragment_rows(fragment):
        backwards = _backwards(forward[rows])
        for part in np.split(rows, np.flatnonzero(np.diff(backwards)) + 1):
            turn = backwards[part[0] - rows[0]]
            numbers.append(np.full(len(part), len(order)))
            order.append(part[::-1] if turn else part)
    if not order:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    return np.concatenate(order), np.concatenate(numbers)


def _backwards(forward: Floats) -> NDArray[np.intp]:
    """`(n,)` 0 or 1: the likeliest directions along a fragment, which seldom change."""
    score = np.zeros(2)
    came = np.zeros((len(forward), 2), np.intp)
    for i, logit in enumerate(forward.tolist()):
        changed = score[::-1] - CHANGE
        came[i] = np.where(changed > score, [1, 0], [0, 1])
        score = np.maximum(score, changed) + np.array([logit, -logit]) / 2
    found = np.empty(len(forward), np.intp)
    state = int(score.argmax())
    for i in range(len(forward) - 1, -1, -1):
        found[i] = state
        state = int(came[i, state])
    return found
