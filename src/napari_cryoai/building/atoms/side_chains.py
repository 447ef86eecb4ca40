"""Side chains: for each residue the rotamer that the density and its neighbours want.

All rotamers of a residue, and some on either side of each, are built in ideal geometry and scored
by the density at their atoms, by how common they are at the residue's phi and psi, and by contacts
with the backbone. The best of them compete with those of the residues around, atom against atom:
min-sum belief propagation (Yanover and Weiss 2002, NIPS 15) tells what each residue wants given
what the others want, and a last sweep (iterated conditional modes) takes what is then best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_cryoai.building.atoms.peptide_planes import placed
from napari_cryoai.building.atoms.rotamer_library import rotamers_at
from napari_cryoai.building.atoms.tables import tables
from napari_cryoai.building.atoms.topology import CB, GLY, KINDS, SLOTS, kind
from napari_cryoai.jobs.progress import Job, Progress

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Mask = NDArray[np.bool_]
Sample = Callable[[Floats], Floats]
Pairs = dict[tuple[int, int], Floats]

DENSITY_WEIGHT = 3.0
SEEN = (-1.0, 2.5)
"""Density at an atom counts between these."""
PRIOR_WEIGHT = 1.0
BESIDE = (-1.0, 0.0, 1.0)
"""Steps beside each rotamer, in its spread, of the first two torsions."""
KEPT = 24
"""Candidates of a residue that compete with those around it."""
REACH_A = 3.6
CONTACT_SPREAD_A = 0.2
MOST_CONTACT = 12.0
RADII_A = {"C": 1.70, "N": 1.55, "O": 1.52, "S": 1.80}
ALLOWED_A, HYDROGEN_BOND_A = 0.3, 0.4
PAIRS_AT_ONCE = 200
"""Of residues, between two reports of progress."""
SWEEPS = 12
DAMPING = 0.5


@dataclass(frozen=True, eq=False)
class Candidates:
    """Side chains that a residue may have.

    Attributes
    ----------
    xyz_A
        `(m, k, 3)` of the atoms from CB on.
    cost
        `(m,)`, lowest first.
    """

    xyz_A: Floats
    cost: Floats


def side_chain(number: int, backbone_A: Floats, chi: Floats) -> Floats:
    """Atoms of a side chain `(..., k, 3)` in ideal geometry, from CB on.

    Parameters
    ----------
    number
        Row of `topology.KINDS`.
    backbone_A
        `(..., 4, 3)` N, CA, C, O.
    chi
        `(..., n_chi)` in radians.
    """
    ideal, what = tables().ideal[number], kind(number)
    atoms = [np.broadcast_to(backbone_A[..., i, :], (*chi.shape[:-1], 3)) for i in range(4)]
    for hang in what.hangs:
        bond, bend, turn = ideal[hang.slot]
        turns = turn + (chi[..., hang.chi] if hang.chi >= 0 else np.zeros(chi.shape[:-1]))
        a, b, c = (atoms[slot] for slot in hang.parents)
        atoms.append(placed(a, b, c, bond, bend, turns))
    return np.stack(atoms[CB:], -2) if len(atoms) > CB else np.empty((*chi.shape[:-1], 0, 3))


def pack(
    backbone_A: Floats,
    kinds: Ints,
    phi_psi: Floats,
    sample: Sample | None,
) -> Job[Floats]:
    """Side chains of residues whose backbone is known.

    Parameters
    ----------
    backbone_A
        `(n, 4, 3)` N, CA, C, O.
    kinds
        `(n,)` rows of `topology.KINDS`.
    phi_psi
        `(n, 2)` in radians; NaN where not defined.
    sample
        Density `(...)` at places `(..., 3)`, without that of the backbone, 1 where there is an
        atom; None without a map.

    Returns
    -------
    xyz_A
        `(n, SLOTS, 3)` all atoms, NaN where there is none.
    """
    found = np.full((len(kinds), SLOTS, 3), np.nan)
    found[:, :CB] = backbone_A
    rival = _Backbone(backbone_A)
    choices = [Candidates(np.empty((1, 0, 3)), np.zeros(1))] * len(kinds)
    present = [k for k in np.unique(kinds).tolist() if k != GLY]
    total = len(present) + 1 + SWEEPS
    for done, number in enumerate(present):
        rows = np.flatnonzero(kinds == number)
        for row, made in _candidates(number, rows, backbone_A, phi_psi, rival, sample):
            choices[row] = made
        yield Progress(done + 1, total, f"Rotamers of {KINDS[number]}")
    chosen = yield from _settled(kinds, choices, len(present))
    for row, choice in enumerate(choices):
        best = choice.xyz_A[chosen[row]]
        found[row, CB : CB + len(best)] = best
    return found


class _Backbone:
    """The atoms that no side chain may touch."""

    def __init__(self, backbone_A: Floats) -> None:
        self.xyz = backbone_A.reshape(-1, 3)
        self.residue = np.repeat(np.arange(len(backbone_A)), 4)
        self.radii = np.tile([1.55, 1.70, 1.70, 1.52], len(backbone_A))
        self.polar = np.tile([True, False, False, True], len(backbone_A))
        self.tree = cKDTree(self.xyz)

    def contacts(self, xyz: Floats, row: int, number: int) -> Floats:
        """`(m,)` cost of side chains `(m, k, 3)` of a residue, from CG on."""
        outer = xyz[:, 1:]
        centre = outer.reshape(-1, 3).mean(0)
        reach = np.linalg.norm(outer - centre, axis=-1).max() + REACH_A
        near = np.array(self.tree.query_ball_point(centre, reach), np.intp)
        near = near[self.residue[near] != row]
        if KINDS[number] == "PRO":
            near = near[self.residue[near] != row - 1]
        radii, polar = _traits(number)
        distance = np.linalg.norm(outer[:, :, None] - self.xyz[near], axis=-1)
        cost = _contact(distance, radii[1:], polar[1:], self.radii[near], self.polar[near])
        return np.minimum(cost.sum((1, 2)), MOST_CONTACT)


def _candidates(
    number: int,
    rows: Ints,
    backbone: Floats,
    phi_psi: Floats,
    rival: _Backbone,
    sample: Sample | None,
) -> Iterator[tuple[int, Candidates]]:
    n_chi = len(kind(number).chi_atoms)
    if not n_chi:
        xyz = side_chain(number, backbone[rows], np.empty((len(rows), 0)))
        for row, atoms in zip(rows.tolist(), xyz, strict=True):
            yield row, Candidates(atoms[None], np.zeros(1))
        return
    chi, sd, log_share = rotamers_at(number, phi_psi[rows, 0], phi_psi[rows, 1])
    steps = np.array(list(product(*[BESIDE] * min(n_chi, 2))))
    steps = np.pad(steps, ((0, 0), (0, n_chi - steps.shape[1])))
    all_chi = (chi[:, None] + steps * sd[:, None]).reshape(-1, n_chi)
    rarer = (steps**2).sum(1) / 2
    for i, row in enumerate(rows.tolist()):
        xyz = side_chain(number, backbone[row], all_chi)
        cost = PRIOR_WEIGHT * (rarer - log_share[i][:, None]).ravel()
        if sample is not None:
            cost = cost - DENSITY_WEIGHT * seen(sample, xyz, number)
        cost = cost + rival.contacts(xyz, row, number)
        best = np.argsort(cost, kind="stable")[:KEPT]
        yield row, Candidates(xyz[best], cost[best])


def seen(sample: Sample, xyz: Floats, number: int) -> Floats:
    """`(m,)` density at the atoms of side chains `(m, k, 3)` from CG on, summed."""
    return np.clip(sample(xyz[:, 1:]), *SEEN).sum(1)


def _traits(number: int) -> tuple[Floats, Mask]:
    """Radii of the atoms of a side chain, and whether they are N or O."""
    elements = [atom[0] for atom in kind(number).atoms[CB:]]
    return np.array([RADII_A[e] for e in elements]), np.isin(elements, ["N", "O"])


def _contact(
    distance: Floats, radii: Floats, polar: Mask, other_radii: Floats, other_polar: Mask
) -> Floats:
    """Cost of pairs of atoms `(..., k, l)` at a distance."""
    nearest = radii[:, None] + other_radii - ALLOWED_A
    nearest = nearest - HYDROGEN_BOND_A * (polar[:, None] & other_polar)
    over: Floats = np.clip(nearest - distance, 0, None) / CONTACT_SPREAD_A
    return over * over / 2


def _settled(kinds: Ints, choices: list[Candidates], done: int) -> Job[Ints]:
    """`(n,)` candidate of each residue; 0 where there is no choice."""
    total, pairs = done + 1 + SWEEPS, {}
    for count, (i, j) in enumerate(_near(choices)):
        cost = _between(kinds, choices, i, j)
        if cost.any():
            pairs[i, j] = cost
        if count % PAIRS_AT_ONCE == PAIRS_AT_ONCE - 1:
            yield Progress(done, total, "Side chains beside each other")
    costs = [choice.cost for choice in choices]
    beliefs = [c.copy() for c in costs]
    messages = _silence(costs, pairs)
    for sweep in range(SWEEPS):
        _pass_on(beliefs, messages, pairs)
        yield Progress(done + 1 + sweep, total, "Side chains agree")
    chosen = np.array([int(b.argmin()) for b in beliefs], np.intp)
    chosen = _descended(costs, pairs, chosen)
    yield Progress(total, total, "Side chains chosen")
    return chosen


def _near(choices: list[Candidates]) -> list[tuple[int, int]]:
    """Pairs of residues whose side chains may touch."""
    rows = [i for i, c in enumerate(choices) if c.xyz_A.shape[1]]
    if len(rows) < 2:
        return []
    spans = [choices[i].xyz_A.reshape(-1, 3) for i in rows]
    centres = np.array([s.mean(0) for s in spans])
    radii = np.array(
        [np.linalg.norm(s - c, axis=1).max() for s, c in zip(spans, centres, strict=True)]
    )
    pairs = cKDTree(centres).query_pairs(2 * radii.max() + REACH_A, output_type="ndarray")
    apart = np.linalg.norm(centres[pairs[:, 0]] - centres[pairs[:, 1]], axis=1)
    pairs = pairs[apart < radii[pairs].sum(1) + REACH_A]
    return [(rows[a], rows[b]) for a, b in np.sort(pairs, axis=1).tolist()]


def _between(kinds: Ints, choices: list[Candidates], i: int, j: int) -> Floats:
    """`(m_i, m_j)` cost of contacts between the candidates of two residues."""
    one, other = choices[i].xyz_A, choices[j].xyz_A
    k, m = one.shape[1], other.shape[1]
    flat = one.reshape(-1, 3), other.reshape(-1, 3)
    squared = (flat[0] ** 2).sum(1)[:, None] + (flat[1] ** 2).sum(1) - 2 * flat[0] @ flat[1].T
    distance = np.sqrt(np.maximum(squared, 0)).reshape(len(one), k, len(other), m)
    distance = distance.transpose(0, 2, 1, 3)
    traits, others = _traits(kinds[i]), _traits(kinds[j])
    cost = _contact(distance, *traits, *others)
    if KINDS[kinds[i]] == KINDS[kinds[j]] == "CYS":
        cost[..., 1, 1] = 0
    return np.minimum(cost.sum((2, 3)), MOST_CONTACT)


def _silence(costs: list[Floats], pairs: Pairs) -> Pairs:
    """What residues tell each other at first: nothing."""
    found: Pairs = {}
    for i, j in pairs:
        found[i, j], found[j, i] = np.zeros(len(costs[j])), np.zeros(len(costs[i]))
    return found


def _pass_on(beliefs: list[Floats], messages: Pairs, pairs: Pairs) -> None:
    """Each residue tells those beside it what their choices would cost it; in place."""
    for (i, j), table in pairs.items():
        for a, b, cost in ((i, j, table), (j, i, table.T)):
            message = ((beliefs[a] - messages[b, a])[:, None] + cost).min(0)
            message = DAMPING * messages[a, b] + (1 - DAMPING) * (message - message.min())
            beliefs[b] += message - messages[a, b]
            messages[a, b] = message


def _descended(costs: list[Floats], pairs: Pairs, chosen: Ints) -> Ints:
    """Each residue in turn takes what is best beside its neighbours, until none changes."""
    around: list[list[tuple[int, Floats]]] = [[] for _ in costs]
    for (i, j), table in pairs.items():
        around[i].append((j, table))
        around[j].append((i, table.T))
    for _ in range(SWEEPS):
        before = chosen.copy()
        for i, own in enumerate(costs):
            total = own + sum(table[:, chosen[j]] for j, table in around[i])
            chosen[i] = int(total.argmin())
        if (chosen == before).all():
            break
    return chosen
