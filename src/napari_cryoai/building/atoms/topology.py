"""Which heavy atoms an amino acid has, and what each of them hangs on.

Residues are arrays of `SLOTS` atoms: N, CA, C, O, CB, and the rest of the side chain in the order
of the PDB. An atom of a side chain is placed from the three before it along the bonds: its
*parent*, the parent of that, and once more.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.amino_acids import NAMES, UNKNOWN_NAME, letter_of, name_of

SLOTS = 14
N, CA, C, O, CB = range(5)  # noqa: E741
BACKBONE = ("N", "CA", "C", "O")
KINDS = (*NAMES, UNKNOWN_NAME)
"""What a residue can be: the twenty, in the order of `amino_acids`, and one that is not known.

Of that one there is as much as all but glycine have, CB and no more: ChimeraX, Coot and Phenix know
it by the name of UNK and draw it as an alanine.
"""
UNKNOWN = len(KINDS) - 1
GLY, PRO = NAMES.index("GLY"), NAMES.index("PRO")
PRO_CD = 6
"""Slot of proline's CD, which is bound to N."""

_ATOMS = {  # name<parent; a star marks the atom that the next torsion chi moves
    "ALA": "CB<CA",
    "ARG": "CB<CA CG<CB* CD<CG* NE<CD* CZ<NE* NH1<CZ NH2<CZ",
    "ASN": "CB<CA CG<CB* OD1<CG* ND2<CG",
    "ASP": "CB<CA CG<CB* OD1<CG* OD2<CG",
    "CYS": "CB<CA SG<CB*",
    "GLN": "CB<CA CG<CB* CD<CG* OE1<CD* NE2<CD",
    "GLU": "CB<CA CG<CB* CD<CG* OE1<CD* OE2<CD",
    "GLY": "",
    "HIS": "CB<CA CG<CB* ND1<CG* CD2<CG CE1<ND1 NE2<CD2",
    "ILE": "CB<CA CG1<CB* CG2<CB CD1<CG1*",
    "LEU": "CB<CA CG<CB* CD1<CG* CD2<CG",
    "LYS": "CB<CA CG<CB* CD<CG* CE<CD* NZ<CE*",
    "MET": "CB<CA CG<CB* SD<CG* CE<SD*",
    "PHE": "CB<CA CG<CB* CD1<CG* CD2<CG CE1<CD1 CE2<CD2 CZ<CE1",
    "PRO": "CB<CA CG<CB* CD<CG*",
    "SER": "CB<CA OG<CB*",
    "THR": "CB<CA OG1<CB* CG2<CB",
    "TRP": "CB<CA CG<CB* CD1<CG* CD2<CG NE1<CD1 CE2<CD2 CE3<CD2 CZ2<CE2 CZ3<CE3 CH2<CZ2",
    "TYR": "CB<CA CG<CB* CD1<CG* CD2<CG CE1<CD1 CE2<CD2 CZ<CE1 OH<CZ",
    "VAL": "CB<CA CG1<CB* CG2<CB",
    "UNK": "CB<CA",
}
_RINGS = {
    "HIS": "CE1-NE2",
    "PHE": "CE2-CZ",
    "PRO": "CD-N",
    "TRP": "NE1-CE2 CZ3-CH2",
    "TYR": "CE2-CZ",
}
"""Bonds that close a ring, which the parents do not tell."""

SYMMETRIC = {"ASP": 2, "GLU": 3, "PHE": 2, "TYR": 2}
"""The torsion (from 1) that means the same half a turn on."""


class Hang(NamedTuple):
    """What an atom of a side chain is placed from.

    Attributes
    ----------
    slot
        Of the atom.
    parents
        Three slots, from the farthest to the atom that it is bound to.
    chi
        Number from 0 of the torsion that moves it, with whatever offset; -1 if none does.
    """

    slot: int
    parents: tuple[int, int, int]
    chi: int


class Kind(NamedTuple):
    """The heavy atoms of an amino acid.

    Attributes
    ----------
    name
        Three letters.
    atoms
        Names, in the order of the slots.
    hangs
        One for each atom of the side chain, parents before children.
    chi_atoms
        For each torsion chi its four slots.
    bonds
        Pairs of slots, inside the residue.
    angles
        Triples of slots, the middle one bound to both others.
    centres
        An atom and three that are bound to it, for each that has so many.
    """

    name: str
    atoms: tuple[str, ...]
    hangs: tuple[Hang, ...]
    chi_atoms: tuple[tuple[int, int, int, int], ...]
    bonds: tuple[tuple[int, int], ...]
    angles: tuple[tuple[int, int, int], ...]
    centres: tuple[tuple[int, int, int, int], ...]


@cache
def kind(number: int) -> Kind:
    """Atoms of the amino acid `KINDS[number]`."""
    name = KINDS[number]
    entries = [entry.split("<") for entry in _ATOMS[name].split()]
    atoms = list(BACKBONE) + [atom for atom, _ in entries]
    parent = {CA: N}
    hangs: list[Hang] = []
    chi_atoms: list[tuple[int, int, int, int]] = []
    for slot, (_, up) in enumerate(entries, start=CB):
        parent[slot] = atoms.index(up.rstrip("*"))
        first = parent[slot]
        if slot == CB:
            hangs.append(Hang(CB, (N, C, CA), -1))
            continue
        parents = (parent[parent[first]], parent[first], first)
        if up.endswith("*"):
            chi_atoms.append((*parents, slot))
        moved = [i for i, four in enumerate(chi_atoms) if four[:3] == parents]
        hangs.append(Hang(slot, parents, moved[0] if moved else -1))
    bonds = [(N, CA), (CA, C), (C, O), *((parent[h.slot], h.slot) for h in hangs)]
    for ring in _RINGS.get(name, "").split():
        one, other = (atoms.index(atom) for atom in ring.split("-"))
        bonds.append((one, other))
    neighbours = [
        sorted(a + b - middle for a, b in bonds if middle in (a, b)) for middle in range(len(atoms))
    ]
    angles = [
        (one, middle, other)
        for middle, bound in enumerate(neighbours)
        for one, other in combinations(bound, 2)
    ]
    centres = [(i, b[0], b[1], b[2]) for i, b in enumerate(neighbours) if len(b) >= 3]
    return Kind(
        name,
        atoms=tuple(atoms),
        hangs=tuple(hangs),
        chi_atoms=tuple(chi_atoms),
        bonds=tuple(bonds),
        angles=tuple(angles),
        centres=tuple(centres),
    )


def kinds_of_letters(letters: NDArray[np.str_]) -> NDArray[np.intp]:
    """`(n,)` rows of `KINDS`."""
    return np.array([KINDS.index(name_of(str(letter))) for letter in letters], np.intp)


def kind_of_name(name: str) -> int:
    """Row of `KINDS` of a residue's name; modified residues count as what they come from."""
    return KINDS.index(name_of(letter_of(name)))
