"""A model as OpenMM wants it: with hydrogens, and told what is bound to what.

OpenMM (Eastman et al. 2024, J. Phys. Chem. B 128, 109) is an extra that need not be installed, so
it is imported where it is used. It counts in nm.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_cryoai.building.atoms.residue_atoms import residue_atoms
from napari_cryoai.building.atoms.topology import KINDS, UNKNOWN, kind, kind_of_name
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

CH_A = 1.09
DISULFIDE_A = 3.0
"""SG that are nearest to each other, and so near, are bound."""


def part_of_openmm(name: str = "openmm") -> Any:
    """A module of OpenMM.

    Raises
    ------
    CryoAIError
        If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise CryoAIError(
            "relaxing a model needs OpenMM, which is not installed",
            remedy='Run: pip install "napari-cryoai[openmm]"',
        ) from None


@dataclass(frozen=True, eq=False)
class Molecule:
    """Atoms with hydrogens, and what is bound to what.

    Attributes
    ----------
    topology
        `openmm.app.Topology`.
    xyz_A
        `(n, 3)` places (x, y, z).
    heavy
        `(n,)` whether it is no hydrogen; these are in the order of the structure.
    hands
        `(k, 5)` carbons with one hydrogen and three other neighbours, that hydrogen, and those.
    peptide_bonds
        `(k, 4)` atoms CA, C, N, CA of the bonds between residues.
    """

    topology: Any
    xyz_A: Floats
    heavy: NDArray[np.bool_]
    hands: Rows
    peptide_bonds: Rows


def with_hydrogens(structure: Structure, seed: int = 0) -> Molecule:
    """A model of amino acids, all of them whole, with the hydrogens of pH 7.

    A residue that is not known, "UNK", is an alanine here. Where a chain is broken nothing is put
    at its ends: it goes on, unseen.

    Parameters
    ----------
    seed
        Of where hydrogens begin to look for their places.
    """
    openmm, app, unit = (part_of_openmm(n) for n in ("openmm", "openmm.app", "openmm.unit"))
    places = [openmm.Vec3(*place) for place in (structure.xyz_A / 10).tolist()]
    model = app.Modeller(_topology(structure), places * unit.nanometer)
    # OpenMM's slow way of computing: the fast one does not give the same result twice.
    slow = openmm.Platform.getPlatformByName("Reference")
    with _random_from(seed):
        model.addHydrogens(platform=slow)
    model.delete(_of_a_terminus(model.topology))
    heavy = [atom.element.symbol != "H" for atom in model.topology.atoms()]
    xyz_A = np.array(model.positions.value_in_unit(unit.angstrom), np.float64)
    hands = _hands(model.topology)
    _put_across(xyz_A, hands)
    bonds = _peptide_bonds(model.topology)
    return Molecule(model.topology, xyz_A, np.array(heavy, np.bool_), hands, bonds)


def _topology(structure: Structure) -> Any:
    app = part_of_openmm("openmm.app")
    topology = app.Topology()
    # One chain, of which OpenMM takes the first residue for an end: it is given no other.
    chain = topology.addChain()
    starts = np.unique(structure.residue_index(), return_index=True)[1].tolist()
    parts = zip(starts, [*starts[1:], len(structure)], _joined(structure).tolist(), strict=True)
    before: dict[str, Any] = {}
    for first, stop, is_joined in parts:
        number = kind_of_name(str(structure.residue_names[first]))
        residue = topology.addResidue("ALA" if number == UNKNOWN else KINDS[number], chain)
        here = {}
        for row in range(first, stop):
            name, symbol = str(structure.atom_names[row]), str(structure.elements[row])
            element = app.element.Element.getBySymbol(symbol)
            here[name] = topology.addAtom(name, element, residue)
        slots = kind(number).atoms
        for one, other in kind(number).bonds:
            topology.addBond(here[slots[one]], here[slots[other]])
        if "OXT" in here:
            topology.addBond(here["C"], here["OXT"])
        if is_joined:
            topology.addBond(before["C"], here["N"])
        before = here
    atoms = list(topology.atoms())
    for one, other in _disulfides(structure).tolist():
        topology.addBond(atoms[one], atoms[other])
    return topology


def _joined(structure: Structure) -> NDArray[np.bool_]:
    """`(n,)` whether a residue is bound to the one before: near it, and next in number."""
    residues = residue_atoms(structure)
    numbers = residues.numbers.astype(np.intp)
    return residues.bound & (np.diff(numbers, prepend=numbers[:1]) == 1)


def _disulfides(structure: Structure) -> Rows:
    """`(k, 2)` rows of SG that are bound."""
    sulphurs = np.flatnonzero((structure.atom_names == "SG") & (structure.residue_names == "CYS"))
    if len(sulphurs) < 2:
        return np.empty((0, 2), np.intp)
    places = structure.xyz_A[sulphurs]
    away, near = (found[:, 1] for found in cKDTree(places).query(places, k=2))
    here = np.arange(len(sulphurs))
    bound = (away <= DISULFIDE_A) & (near[near] == here) & (here < near)
    return np.stack([sulphurs[bound], sulphurs[near[bound]]], 1)


def _of_a_terminus(topology: Any) -> list[Any]:
    """The hydrogens of the first N that it would not have within a chain."""
    first = next(topology.residues())
    within = ("H",) if first.name != "PRO" else ()
    return [a for a in first.atoms() if a.name in ("H", "H2", "H3") and a.name not in within]


def _put_across(xyz_A: Floats, hands: Rows) -> None:
    """Move the one hydrogen of such a carbon to the side away from its other neighbours.

    Where there is little room OpenMM puts some on the wrong side.
    """
    centre, hydrogen, *others = hands.T
    spokes = xyz_A[np.stack(others)] - xyz_A[centre]
    away = -(spokes / np.linalg.norm(spokes, axis=-1, keepdims=True)).sum(0)
    xyz_A[hydrogen] = xyz_A[centre] + CH_A * away / np.linalg.norm(away, axis=-1, keepdims=True)


def _hands(topology: Any) -> Rows:
    """As in `Molecule`."""
    around: dict[int, list[Any]] = {}
    for one, other in topology.bonds():
        around.setdefault(one.index, []).append(other)
        around.setdefault(other.index, []).append(one)
    found = []
    for centre, atoms in around.items():
        atoms = sorted(atoms, key=lambda atom: atom.element.symbol != "H")
        if [atom.element.symbol for atom in atoms].count("H") == 1 and len(atoms) == 4:
            found.append((centre, *(atom.index for atom in atoms)))
    return np.array(found, np.intp).reshape(-1, 5)


def _peptide_bonds(topology: Any) -> Rows:
    """As in `Molecule`."""
    ca = {atom.residue: atom.index for atom in topology.atoms() if atom.name == "CA"}
    found = [
        (ca[one.residue], one.index, other.index, ca[other.residue])
        for one, other in topology.bonds()
        if one.residue is not other.residue and (one.name, other.name) == ("C", "N")
    ]
    return np.array(found, np.intp).reshape(-1, 4)


@contextmanager
def _random_from(seed: int) -> Iterator[None]:
    """OpenMM takes Python's own random numbers, which others are not to notice."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
