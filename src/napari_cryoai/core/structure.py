"""Atoms in space: a protein, a nucleic acid or a complex, as deposited."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

NUCLEOTIDES = frozenset({"A", "C", "G", "U", "I", "DA", "DC", "DG", "DT", "DU", "DI"})


@dataclass(frozen=True, eq=False)
class Structure:
    """Atoms, one row each; a value that is never changed in place.

    Attributes
    ----------
    xyz_A
        `(n, 3)` float64 positions (x, y, z), in the frame of the file.
    elements
        `(n,)` symbols of the elements: "C", "FE".
    b_factors_A2
        `(n,)` float64 isotropic B-factors.
    occupancies
        `(n,)` float64, 0 to 1.
    chains, residue_names, atom_names
        `(n,)` text.
    residue_numbers
        `(n,)` text: the number, and the insertion code if there is one.
    """

    xyz_A: Floats
    elements: NDArray[np.str_]
    b_factors_A2: Floats
    occupancies: Floats
    chains: NDArray[np.str_]
    residue_numbers: NDArray[np.str_]
    residue_names: NDArray[np.str_]
    atom_names: NDArray[np.str_]

    @classmethod
    def of_atoms(
        cls, xyz_A: ArrayLike, elements: ArrayLike = "C", b_factors_A2: ArrayLike = 0.0
    ) -> Structure:
        """Atoms that are known by their positions: `(n, 3)`, and one value or `(n,)` of the rest.

        They are residues of one atom each, in one chain.
        """
        xyz = np.array(xyz_A, np.float64).reshape(-1, 3)
        n = len(xyz)

        def column(value: ArrayLike, dtype: Any) -> NDArray[Any]:
            return np.broadcast_to(np.asarray(value, dtype), (n,)).copy()

        kinds = column(elements, np.str_)
        numbers = np.arange(1, n + 1).astype(np.str_)
        names = column("UNK", np.str_)
        b, full = column(b_factors_A2, np.float64), np.ones(n)
        return cls(xyz, kinds, b, full, column("A", np.str_), numbers, names, kinds.copy())

    def __len__(self) -> int:
        return len(self.xyz_A)

    def select(self, rows: NDArray[Any]) -> Structure:
        """The atoms of a mask or an index array."""
        return Structure(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def moved_to(self, xyz_A: Floats) -> Structure:
        """The same atoms elsewhere."""
        return replace(self, xyz_A=xyz_A)

    def centred(self) -> Structure:
        """The same atoms with the middle between their extremes along each axis at the origin."""
        low, high = self.xyz_A.min(0), self.xyz_A.max(0)
        return self.moved_to(self.xyz_A - (low + high) / 2)

    @property
    def diameter_A(self) -> float:
        """Twice the distance of the outermost atom from the middle, and its own radius."""
        return float(2 * np.linalg.norm(self.centred().xyz_A, axis=1).max() + 3.0)

    def residue_index(self) -> NDArray[np.intp]:
        """`(n,)` number of the residue that each atom belongs to, counted from 0 in file order."""
        if not len(self):
            return np.empty(0, np.intp)
        starts = np.zeros(len(self), np.bool_)
        for column in (self.chains, self.residue_numbers, self.residue_names):
            starts[1:] |= column[1:] != column[:-1]
        index: NDArray[np.intp] = np.cumsum(starts)
        return index

    def is_nucleic(self) -> NDArray[np.bool_]:
        """`(n,)` mask of the atoms of nucleic acids."""
        return np.isin(self.residue_names, list(NUCLEOTIDES))


def matched(first: Structure, second: Structure) -> tuple[Structure, Structure]:
    """The atoms that two conformers of one molecule have in common, in the same order.

    Atoms are the same if chain, residue number and atom name are.
    """
    places = {key: row for row, key in enumerate(_keys(second))}
    pairs = [(row, places[key]) for row, key in enumerate(_keys(first)) if key in places]
    rows = np.array(pairs, np.intp).reshape(-1, 2)
    return first.select(rows[:, 0]), second.select(rows[:, 1])


def _keys(structure: Structure) -> list[tuple[str, str, str]]:
    columns = (structure.chains, structure.residue_numbers, structure.atom_names)
    return list(zip(*(column.tolist() for column in columns), strict=True))
