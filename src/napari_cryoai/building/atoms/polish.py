"""Atoms moved downhill, a little: into the density, and into sound geometry.

The places that are given are near the truth, and a map of 3 A does not tell all that moves them.
So the way is short: it ends as soon as the cost hardly falls, and atoms are held where they
started by springs that give way to evidence only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.building.atoms.energy import Energy
from napari_cryoai.jobs.progress import Job, Progress

Floats = NDArray[np.float64]

STEPS = 2
"""Of the minimiser between two reports of progress."""
ROUNDS = 5
"""Reports between two searches for contacts."""
MOST = 12
"""Searches at most."""
ENOUGH = 2e-3
"""Where the cost falls by less than this for each atom between two searches, it ends."""
SPRING_A = 0.5
"""An atom that has moved so far costs half a unit."""


@dataclass(frozen=True, eq=False)
class Polished:
    """Atoms after a polish.

    Attributes
    ----------
    xyz_A
        `(n, SLOTS, 3)`, NaN where there is no atom.
    cost
        At the start, and after each search for contacts.
    """

    xyz_A: Floats
    cost: tuple[float, ...]


def polish(energy: Energy, xyz_A: Floats) -> Job[Polished]:
    """Move atoms to where they cost least, near where they are (L-BFGS).

    Parameters
    ----------
    energy
        Of the residues.
    xyz_A
        `(n, SLOTS, 3)`.
    """
    flat = xyz_A.reshape(-1, 3)
    start = torch.tensor(flat[energy.rows], dtype=torch.float64)
    xyz = start.clone().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [xyz], max_iter=STEPS, history_size=10, line_search_fn="strong_wolfe"
    )

    def cost() -> Tensor:
        return energy(xyz) + ((xyz - start) ** 2).sum() / (2 * SPRING_A**2)

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = cost()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    costs: list[float] = []
    best, moved = float("inf"), start
    for search in range(MOST):
        energy.watch(xyz)
        for turn in range(ROUNDS):
            optimiser.step(closure)  # type: ignore[no-untyped-call]
            yield Progress(search * ROUNDS + turn + 1, MOST * ROUNDS, "Atoms polished")
        costs.append(float(cost().detach()))
        gained, best = best - costs[-1], min(best, costs[-1])
        if not gained > 0:
            break
        moved = xyz.detach().clone()
        if gained < ENOUGH * len(start):
            break
    found = flat.copy()
    found[energy.rows] = moved.numpy()
    return Polished(found.reshape(xyz_A.shape), tuple(costs))
