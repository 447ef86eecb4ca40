"""From the fields of a map to a trace: candidates, links, and what the residues say themselves."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from napari_cryoai.building.candidates import (
    BOND_A,
    LONGEST_A,
    SHORTEST_A,
    SPREAD_A,
    candidates,
    covered,
    links,
    sampled,
)
from napari_cryoai.building.fragments import join
from napari_cryoai.building.predict import Fields
from napari_cryoai.building.prepare import Prepared
from napari_cryoai.building.residue_network import ResidueNetwork
from napari_cryoai.building.residues import Seen, look, pieces, turned_round
from napari_cryoai.building.standard import standardise
from napari_cryoai.core.trace import Trace
from napari_cryoai.jobs.progress import Job, Progress

Floats = NDArray[np.float64]

ROUNDS = 3
"""Times that residues are placed, and joined anew."""

DOUBTFUL = -0.8
"""Logit of a residue below which it is dropped."""

PEPTIDE_A, PEPTIDE_SPREAD_A = 1.33, 0.8
"""Bond from C to the next N, and how far it may be off."""

TOGETHER_A = 2.0
"""CA that lie closer are one residue."""

LEAST = 0.0

LONE = 3
"""Residues below which a fragment is dropped."""


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
    ca, fragment = _laid_out(found.zyx, paths)
    ca, fragment = _turned(network, seen, ca, fragment)
    for done in range(ROUNDS):
        yield Progress(done, ROUNDS, f"Placing {len(ca)} residues")
        there = _placed(network, seen, ca, fragment)
        paths = _joined(there, fields)
        ca, fragment = _laid_out(there.ca, paths)
        ca, fragment = _filled(ca, fragment, there, paths, fields)
    last = _placed(network, seen, ca, fragment)
    kept = _kept(last)
    yield Progress(ROUNDS, ROUNDS, f"{len(kept)} residues")
    return _trace(last.select(kept), prepared)


def _laid_out(ca: Floats, paths: list[NDArray[np.intp]]) -> tuple[Floats, NDArray[np.intp]]:
    rows = np.concatenate(paths) if paths else np.empty(0, np.intp)
    return ca[rows], np.repeat(np.arange(len(paths)), [len(path) for path in paths])


def _turned(
    network: ResidueNetwork, seen: Tensor, ca: Floats, fragment: NDArray[np.intp]
) -> tuple[Floats, NDArray[np.intp]]:
    """Residues where they say they are, in fragments turned the way that they say they run."""
    there = look(network, seen, ca, fragment)
    order, fragment = turned_round(fragment, there.forward)
    return there.ca[order], fragment


def _placed(network: ResidueNetwork, seen: Tensor, ca: Floats, fragment: NDArray[np.intp]) -> Seen:
    """Residues where they say they are, once each."""
    there = look(network, seen, ca, fragment)
    return there.select(_single(there))


def _single(there: Seen) -> NDArray[np.intp]:
    """Rows of residues that are likely, and none that lies where a likelier one does."""
    near = cKDTree(there.ca).query_pairs(TOGETHER_A, output_type="ndarray")
    dropped = there.real < DOUBTFUL
    for one, other in near[np.argsort(-there.real[near].max(1))].tolist() if len(near) else ():
        if not dropped[one] and not dropped[other]:
            dropped[one if there.real[one] < there.real[other] else other] = True
    return np.flatnonzero(~dropped)


def _joined(there: Seen, fields: Fields) -> list[NDArray[np.intp]]:
    """Paths from C to N, best bonds first; no branches, no rings."""
    n = len(there)
    if n < 2:
        return [np.arange(n)] if n else []
    pairs = cKDTree(there.ca).query_pairs(LONGEST_A, output_type="ndarray")
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    score = _bond(there, pairs, fields)
    after, before = np.full(n, -1), np.full(n, -1)
    group = np.arange(n)
    for row in np.argsort(-score, kind="stable").tolist():
        if score[row] <= LEAST:
            break
        one, other = pairs[row].tolist()
        if after[one] < 0 and before[other] < 0 and group[one] != group[other]:
            after[one], before[other] = other, one
            group[group == group[other]] = group[one]
    return [_followed(after, start) for start in np.flatnonzero(before < 0).tolist()]


def _bond(there: Seen, pairs: NDArray[np.intp], fields: Fields) -> Floats:
    """Logarithm of how likely the second follows the first."""
    one, other = pairs.T
    length = np.linalg.norm(there.ca[one] - there.ca[other], axis=1)
    peptide = np.linalg.norm(there.atoms[one, 2] - there.atoms[other, 0], axis=1)
    ways = np.linspace(0.15, 0.85, 7)[:, None]
    between = there.ca[one][:, None] + ways * (there.ca[other] - there.ca[one])[:, None]
    support = np.log(np.clip(sampled(fields.heat[3].numpy(), between), 1e-3, 1))
    score = 4.0 + 0.5 * (support.mean(1) + support.min(1))
    score -= ((length - BOND_A) / SPREAD_A) ** 2 / 2
    score -= ((peptide - PEPTIDE_A) / PEPTIDE_SPREAD_A) ** 2 / 2
    together = (there.fragment[one] == there.fragment[other]) & (other - one == 1)
    found: Floats = np.where(length > SHORTEST_A, score + 0.5 * together, -np.inf)
    return found


def _followed(after: NDArray[np.intp], start: int) -> NDArray[np.intp]:
    path = [start]
    while after[path[-1]] >= 0:
        path.append(int(after[path[-1]]))
    return np.array(path, np.intp)


def _filled(
    ca: Floats,
    fragment: NDArray[np.intp],
    there: Seen,
    paths: list[NDArray[np.intp]],
    fields: Fields,
) -> tuple[Floats, NDArray[np.intp]]:
    """Fragments whose ends are one missing residue apart are joined by it."""
    heat = fields.heat[3].numpy()
    ends = np.array([path[-1] for path in paths])
    starts = np.array([path[0] for path in paths])
    c, n = there.atoms[ends, 2], there.atoms[starts, 0]
    apart = np.linalg.norm(there.ca[ends][:, None] - there.ca[starts][None], axis=-1)
    reach = np.linalg.norm(c[:, None] - n[None], axis=-1)
    rows, columns = np.nonzero((apart > 4.6) & (apart < 7.6) & (reach < 5.5))
    order = np.argsort(reach[rows, columns], kind="stable")
    joined: dict[int, tuple[int, Floats]] = {}
    taken: set[int] = set()
    for a, b in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if a == b or a in joined or b in taken or _leads(joined, b, a):
            continue
        middle = (c[a] + n[b]) / 2
        ways = np.linspace(0, 1, 9)[:, None]
        line = np.concatenate(
            [
                there.ca[ends[a]] * (1 - ways) + ways * middle,
                middle * (1 - ways) + ways * there.ca[starts[b]],
            ]
        )
        if sampled(heat, line).mean() > 0.15:
            joined[a] = (b, middle)
            taken.add(b)
    parts, numbers = [], []
    for number, start in enumerate(i for i in range(len(paths)) if i not in taken):
        here = start
        pieces_ = [ca[fragment == here]]
        while here in joined:
            here, middle = joined[here]
            pieces_ += [middle[None], ca[fragment == here]]
        whole = np.concatenate(pieces_)
        parts.append(whole)
        numbers.append(np.full(len(whole), number))
    return np.concatenate(parts), np.concatenate(numbers)


def _leads(joined: dict[int, tuple[int, Floats]], start: int, to: int) -> bool:
    """Whether the fragments joined so far lead from one to the other."""
    here = start
    while here in joined:
        here = joined[here][0]
        if here == to:
            return True
    return False


def _kept(there: Seen) -> NDArray[np.intp]:
    """Rows of fragments that are long and likely enough."""
    kept = [
        rows for rows in pieces(there.fragment) if len(rows) >= LONE and there.real[rows].mean() > 0
    ]
    return np.concatenate(kept) if kept else np.empty(0, np.intp)


def _trace(there: Seen, prepared: Prepared) -> Trace:
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
