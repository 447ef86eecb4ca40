"""An atomic model that was built into a map, and what is known of each of its residues."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.structure import Structure

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Polymer:
    """A protein chain that is to be found in the map.

    Attributes
    ----------
    name
        Of the chain: "A".
    sequence
        Of letters, X for what is not known; empty if the sequence is not known at all.
    """

    name: str
    sequence: str = ""


@dataclass(frozen=True, eq=False)
class Residues:
    """What is known of the residues of a model, one row each, in the order of its atoms.

    Attributes
    ----------
    chains
        `(n,)` names.
    numbers
        `(n,)` places in the sequence, counted from 1; of a chain without one, counted from 1.
    letters
        `(n,)` amino acids.
    ca_A
        `(n, 3)` positions (x, y, z) of CA.
    confidence
        `(n,)` 0 to 1: the probability that this residue lies here; NaN if nobody has said.
    runner_up
        `(n,)` the place in the sequence that is next best here; 0 if there is none.
    margin
        `(n,)` logarithm of how much better the best is; NaN if there is no other.
    secondary
        `(n,)` "H", "E" or "C": helix, strand, coil.
    q
        `(n,)` Q-score; NaN if not known.
    """

    chains: NDArray[np.str_]
    numbers: NDArray[np.intp]
    letters: NDArray[np.str_]
    ca_A: Floats
    confidence: Floats
    runner_up: NDArray[np.intp]
    margin: Floats
    secondary: NDArray[np.str_]
    q: Floats

    def __len__(self) -> int:
        return len(self.chains)

    @property
    def says_confidence(self) -> bool:
        """Whether it is known how sure any of them is; then B-factors are 100 times that."""
        return bool(np.isfinite(self.confidence).any())

    def select(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Residues:
        """Some of them, in that order."""
        return Residues(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True)
class Unmodelled:
    """Residues of a sequence, one after another, that the model leaves out.

    Attributes
    ----------
    chain
        Name.
    first, last
        Places in the sequence, counted from 1.
    reason
        Why, in a few words.
    """

    chain: str
    first: int
    last: int
    reason: str


@dataclass(frozen=True, eq=False)
class AtomicModel:
    """Atoms, their residues, and the chains that they are part of.

    Attributes
    ----------
    structure
        The atoms; those of a residue follow one another, residues in the order of `residues`.
    residues
        One row for each residue with atoms.
    polymers
        The chains that were looked for, with their whole sequences.
    unmodelled
        What of them was not built, and why.
    """

    structure: Structure
    residues: Residues
    polymers: tuple[Polymer, ...] = ()
    unmodelled: tuple[Unmodelled, ...] = field(default=())
