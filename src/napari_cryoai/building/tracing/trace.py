"""From the fields of a map to a trace: candidates, links, and what the residues say themselves."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from napari_cryoai.building.tracing.bonds import bonded, closed, laid_out
from napari_cryoai.building.tracing.candidates import candidates, covered, links, sampled
from napari_cryoai.building.tracing.fragments import join
from napari_cryoai.building.tracing.predict import Fields
from napari_cryoai.building.tracing.prepare import Prepared
from napari_cryoai.building.tracing.residue_network import ResidueNetwork
from napari_cryoai.building.tracing.residues import PlacedResidues, look, turned_round
from napari_cryoai.building.tracing.standard import standardise
from napari_cryoai.core.trace import Trace, fragment_rows
from napari_cryoai.jobs.progress import Job, Progress

Floats = NDArray[np.float64]

ROUNDS = 6
"""Times that residues are placed, and joined anew."""

DOUBTFUL = -2.0
"""Logit of a residue below which it is dropped."""

TOGETHER_A = 2.0
"""CA that lie closer are one residue."""

ENDS = 0.0
"""Logit of the first and the last residue of a fragment, at least."""

FOREIGN = 0.3
"""Mean probability along a fragment that it is no protein, at most."""

LONE, LIKELY = 3, 2.0
"""Residues, and mean of their logits, below which a fragment is dropped at the end."""


def trace(prepared: Prepared, fields: Fields, network: ResidueNetwork) -> Job[Trace]:
    """Trace the chains of a map.

    Yields
    ------
    progress
        In rounds.

    Returns
    -------
    trace
        Empty if nothing is found.
    """
    seen = standardise(prepared.volume)
    found = covered(candidates(fields.heat[1]), fields)
    yield Progress(0, ROUNDS, f"Joining {len(found)} candidates")
    paths = join(found, links(found, fields))
    if not paths:
        return Trace.of_positions(np.empty((0, 3)))
    backbone = fields.heat[3].numpy()
    ca, fragment = _turned(network, seen, *laid_out(found.zyx, paths))
    for done in range(ROUNDS):
        yield Progress(done, ROUNDS, f"Placing {len(ca)} residues")
        there = _placed(network, prepared, seen, ca, fragment)
        if not len(there):
            return Trace.of_positions(there.ca)
        ca, fragment = closed(there, bonded(there, backbone), backbone)
    last = _placed(network, prepared, seen, ca, fragment)
    kept = _kept(last, fields.other)
    yield Progress(ROUNDS, ROUNDS, f"{len(kept)} residues")
    return _trace(last.select(kept), prepared)


def _turned(
    network: ResidueNetwork, seen: Tensor, ca: Floats, fragment: NDArray[np.intp]
) -> tuple[Floats, NDArray[np.intp]]:
    """Residues where they say they are, in fragments turned the way that they say they run."""
    there = look(network, seen, ca, fragment)
    order, fragment = turned_round(fragment, there.forward)
    return there.ca[order], fragment


def _placed(
    network: ResidueNetwork,
    prepared: Prepared,
    seen: Tensor,
    ca: Floats,
    fragment: NDArray[np.intp],
) -> PlacedResidues:
    """Residues where they say they are, once each, and none where there was no map."""
    there = look(network, seen, ca, fragment)
    order, cut = turned_round(fragment, there.forward)
    if not np.array_equal(order, np.arange(len(order))):
        there = look(network, seen, there.ca[order], cut)
    there = there.select(prepared.given(there.ca))
    return there.select(_single(there))


def _single(there: PlacedResidues) -> NDArray[np.intp]:
    """Rows of residues that are likely, and none that lies where a likelier one does."""
    near = cKDTree(there.ca).query_pairs(TOGETHER_A, output_type="ndarray")
    dropped = there.real < DOUBTFUL
    for one, other in near[np.argsort(-there.real[near].max(1))].tolist() if len(near) else ():
        if not dropped[one] and not dropped[other]:
            dropped[one if there.real[one] < there.real[other] else other] = True
    return np.flatnonzero(~dropped)


def _kept(there: PlacedResidues, other: Tensor) -> NDArray[np.intp]:
    """Rows of fragments that are long and likely enough, and protein; without doubtful ends."""
    kept = [np.empty(0, np.intp)]
    foreign = sampled(other.numpy(), there.ca)
    for rows in fragment_rows(there.fragment):
        sure = np.flatnonzero(there.real[rows] > ENDS)
        inner = rows[sure[0] : sure[-1] + 1] if len(sure) else sure
        if len(inner) < LONE or there.real[inner].mean() < LIKELY:
            continue
        if foreign[inner].mean() < FOREIGN:
            kept.append(inner)
    return np.concatenate(kept)


def _trace(there: PlacedResidues, prepared: Prepared) -> Trace:
    n, ca, c = (prepared.world_xyz_A(there.atoms[:, atom]) for atom in range(3))
    _, fragment = np.unique(there.fragment, return_inverse=True)
    return Trace(
        ca,
        n,
        c,
        fragment.astype(np.intp),
        _softmax(there.types),
        _softmax(there.secondary),
        1 / (1 + np.exp(-there.real)),
        there.forward,
    )


def _softmax(logits: Floats) -> Floats:
    found: Floats = torch.from_numpy(logits).softmax(-1).numpy()
    return found
