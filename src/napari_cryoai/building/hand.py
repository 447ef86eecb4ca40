"""Whether a map shows a protein or its mirror image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.prepare import Prepared
from napari_cryoai.building.residue_network import ResidueNetwork
from napari_cryoai.building.residues import look
from napari_cryoai.building.standard import standardise
from napari_cryoai.core.trace import Trace

LIKELIER = 0.15
"""How much more the mirror image has to convince, in the logarithm per residue."""


def wrong_hand(network: ResidueNetwork, prepared: Prepared, trace: Trace) -> bool:
    """Whether the residues of a trace are more convincing in the mirror.

    Amino acids and helices have one hand, and the network has seen no other.
    """
    seen = standardise(prepared.volume)
    zyx = prepared.index_zyx(trace.ca_A)
    mirrored = zyx * [-1, 1, 1] + [seen.shape[1] - 1, 0, 0]
    given, other = (
        _conviction(look(network, volume, ca, trace.fragment).types)
        for volume, ca in ((seen, zyx), (seen.flip(1), mirrored))
    )
    return other - given > LIKELIER


def _conviction(logits: NDArray[np.float64]) -> float:
    """How far the answers for the amino acids are from saying nothing, per residue."""
    shifted = logits - logits.max(1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return float((np.exp(logs) * logs).sum(1).mean())
