"""The residue network on the residues of a trace in a whole map."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.building.local import frames, neighbours, relations, surroundings
from napari_cryoai.building.residue_network import ResidueNetwork, placed

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Seen:
    """Residues as the network sees them, one row each.

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

    def select(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Seen:
        """Some of them, in that order."""
        return Seen(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@torch.inference_mode()
def look(network: ResidueNetwork, seen: Tensor, ca: Floats, fragment: NDArray[np.intp]) -> Seen:
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
    answer = network(cubes.to(device), torch.from_numpy(near).to(device), relation.to(device))
    atoms = placed(answer.atoms.cpu(), places, turns)
    return Seen(
        atoms.double().numpy(),
        fragment,
        *(
            values.double().cpu().numpy()
            for values in (answer.types, answer.secondary, answer.real, answer.forward)
        ),
    )


def turned_round(fragment: NDArray[np.intp], forward: Floats) -> NDArray[np.intp]:
    """`(n,)` order of rows in which the fragments that run backwards are turned round."""
    order = np.arange(len(fragment))
    for rows in pieces(fragment):
        if forward[rows].sum() < 0:
            order[rows] = rows[::-1]
    return order


def pieces(fragment: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Rows of each fragment, in order."""
    if not len(fragment):
        return []
    return np.split(np.arange(len(fragment)), np.flatnonzero(np.diff(fragment)) + 1)
