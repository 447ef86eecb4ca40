"""A trace: residues placed in a map, joined to fragments, before they have a sequence."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trace:
    """Residues in fragments, one row each; a value that is never changed in place.

    Attributes
    ----------
    ca_A, n_A, c_A
        `(n, 3)` positions (x, y, z) in space of CA, N and C; NaN where N or C is not known.
    fragment
        `(n,)` number of the fragment. The rows of a fragment follow one another, from the N to the
        C terminus.
    types
        `(n, 20)` probabilities of the amino acids in the order of `amino_acids.LETTERS`.
    secondary
        `(n, 3)` probabilities of helix, strand and coil.
    confidence
        `(n,)` probability that there is a residue there.
    forward
        `(n,)` log-odds that the fragment runs from N to C as given; they add up along a fragment.
        Zeros, which say nothing, if not given.
    """

    ca_A: Floats
    n_A: Floats
    c_A: Floats
    fragment: NDArray[np.intp]
    types: Floats
    secondary: Floats
    confidence: Floats
    forward: Floats = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if len(self.forward) != len(self.ca_A):
            object.__setattr__(self, "forward", np.zeros(len(self.ca_A)))

    @classmethod
    def of_positions(cls, ca_A: Floats, fragment: NDArray[np.intp] | None = None) -> Trace:
        """Residues of which no more than the place of CA is known; one fragment, if not given."""
        ca = np.array(ca_A, np.float64).reshape(-1, 3)
        n = len(ca)
        numbers = np.zeros(n, np.intp) if fragment is None else np.asarray(fragment, np.intp)
        nowhere = np.full((n, 3), np.nan)
        types, secondary = np.full((n, 20), 1 / 20), np.full((n, 3), 1 / 3)
        return cls(ca, nowhere, nowhere.copy(), numbers, types, secondary, np.ones(n))

    def __len__(self) -> int:
        return len(self.ca_A)

    def select(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Trace:
        """Some of the residues, in that order."""
        return Trace(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def fragments(self) -> list[NDArray[np.intp]]:
        """Row numbers of each fragment, in order."""
        return fragment_rows(self.fragment)


def fragment_rows(fragment: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Row numbers of each fragment, in order, of the fragments `(n,)` that the rows are in."""
    if not len(fragment):
        return []
    return np.split(np.arange(len(fragment)), np.flatnonzero(np.diff(fragment)) + 1)
