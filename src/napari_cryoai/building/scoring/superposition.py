"""TM-score of complexes: chains paired with chains, residues in the order of both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.scoring.matching import Alphas, Matches
from napari_cryoai.building.scoring.scores import STAY, align, tm_superposed

Floats = NDArray[np.float64]
_ROUNDS = 4
_BETTER = 1e-4


def pair_chains(model: Alphas, reference: Alphas, matches: Matches) -> dict[str, str]:
    """The chain of the model that each chain of the reference is paired with, one to one.

    So that the chains paired have the most matched residues in common; a chain with none in common
    with any that is left has no partner.
    """
    from scipy.optimize import linear_sum_assignment  # slow to import

    there, row = np.unique(reference.chains[matches.reference], return_inverse=True)
    here, column = np.unique(model.chains[matches.model], return_inverse=True)
    common = np.zeros((len(there), len(here)), np.intp)
    np.add.at(common, (row, column), 1)
    pairs = zip(*linear_sum_assignment(common, maximize=True), strict=True)
    return {str(there[i]): str(here[j]) for i, j in pairs if common[i, j]}


def tm_of_chains(
    model: Alphas, reference: Alphas, partners: dict[str, str], names: list[str], d0_A: float
) -> float:
    """TM-score of chains of the reference together, normalised by their length.

    From where the model lies, residues are aligned in order, chain by chain, and what is aligned
    is superposed as one body, again and again, as long as the score rises.
    """
    chains = [
        (model.ca_A[model.chains == partners[name]], reference.ca_A[reference.chains == name])
        for name in names
        if name in partners
    ]
    length = int(np.isin(reference.chains, names).sum())
    best, motion = 0.0, STAY
    for _ in range(_ROUNDS if chains else 0):
        here, there = _aligned([(motion(m), r) for m, r in chains], chains, d0_A)
        score, motion = tm_superposed(here, there, length)
        if score < best + _BETTER:
            return max(score, best)
        best = score
    return best


def _aligned(
    moved: list[tuple[Floats, Floats]], chains: list[tuple[Floats, Floats]], d0_A: float
) -> tuple[Floats, Floats]:
    """Positions of the residues that are aligned, where the model lies and of the reference."""
    pairs = [align(m, r, d0_A) for m, r in moved]
    here = [m[rows] for (m, _), (rows, _) in zip(chains, pairs, strict=True)]
    there = [r[rows] for (_, r), (_, rows) in zip(chains, pairs, strict=True)]
    return np.concatenate(here), np.concatenate(there)
