"""Whether a map shows a protein or its mirror image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.tracing.prepare import Prepared
from napari_cryoai.building.tracing.residue_network import ResidueNetwork
from napari_cryoai.building.tracing.residues import look
from napari_cryoai.building.tracing.standard import standardise
from napari_cryoai.core.angles import dihedral
from napari_cryoai.core.trace import Trace

LIKELIER = 0.1
"""How much more the mirror image has to convince, in the logarithm per residue."""

FOUR_DEG, FOUR_A = (20.0, 85.0), 6.5
"""Torsion, to the one side or the other, and length at most, of four CA in a helix."""
WORTH = 5
"""Residues of a fragment that is asked; shorter ones lie where there is little to be seen."""
ENOUGH, TIMES = 12, 4
"""Fours in left-handed helices that tell, if they are as many times more than the others."""


def wrong_hand(network: ResidueNetwork, prepared: Prepared, trace: Trace) -> bool:
    """Whether helices are left-handed, or the residues of a trace more convincing in the mirror.

    Amino acids and helices have one hand, and the network has seen no other.
    """
    right, left = helix_turns(trace)
    if left >= ENOUGH and left > TIMES * right:
        return True
    seen = standardise(prepared.volume)
    zyx = prepared.index_zyx(trace.ca_A)
    mirrored = zyx * [-1, 1, 1] + [seen.shape[1] - 1, 0, 0]
    asked = np.bincount(trace.fragment)[trace.fragment] >= WORTH
    if not asked.any():
        return False
    given, other = (
        _conviction(look(network, volume, ca, trace.fragment).types[asked])
        for volume, ca in ((seen, zyx), (seen.flip(1), mirrored))
    )
    return other - given > LIKELIER


def helix_turns(trace: Trace) -> tuple[int, int]:
    """How many fours of CA in a row are turns of right-handed and of left-handed helices."""
    right = left = 0
    for rows in trace.fragments():
        ca_A = trace.ca_A[rows]
        if len(ca_A) >= 4:
            turn = np.degrees(dihedral(ca_A[:-3], ca_A[1:-2], ca_A[2:-1], ca_A[3:]))
            short = np.linalg.norm(ca_A[3:] - ca_A[:-3], axis=1) < FOUR_A
            helical = short & (abs(turn) > FOUR_DEG[0]) & (abs(turn) < FOUR_DEG[1])
            right += int((helical & (turn > 0)).sum())
            left += int((helical & (turn < 0)).sum())
    return right, left


def _conviction(logits: NDArray[np.float64]) -> float:
    """How far the answers for the amino acids are from saying nothing, per residue."""
    shifted = logits - logits.max(1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return float((np.exp(logs) * logs).sum(1).mean())
