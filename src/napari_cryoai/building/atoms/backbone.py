"""A chain of residues of which no more is known than where they roughly lie."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.atoms.peptide_planes import CIS_A
from napari_cryoai.building.atoms.rama_classes import classes_of
from napari_cryoai.building.atoms.topology import PRO, kinds_of_letters
from napari_cryoai.core.errors import CryoAIError

Floats = NDArray[np.float64]

LONGEST_STEP_A = 5.5
"""Residues next in number whose CA are farther apart are not bound to each other."""


@dataclass(frozen=True, eq=False)
class Backbone:
    """Residues in the order of their chains, one row each.

    Attributes
    ----------
    chains
        `(n,)` names.
    numbers
        `(n,)` places in the sequence; where they jump the chain is broken.
    letters
        `(n,)` amino acids; "X", or any other letter, is one that is not known.
    n_A, ca_A, c_A
        `(n, 3)` positions (x, y, z) in space; NaN where N or C is not known.
    confidence
        `(n,)` 0 to 1.
    """

    chains: NDArray[np.str_]
    numbers: NDArray[np.intp]
    letters: NDArray[np.str_]
    n_A: Floats
    ca_A: Floats
    c_A: Floats
    confidence: Floats

    def __post_init__(self) -> None:
        n = len(self.chains)
        for name in ("numbers", "letters", "confidence"):
            if len(getattr(self, name)) != n:
                raise ValueError(f"{n} residues need as many {name}")
        for name in ("n_A", "ca_A", "c_A"):
            if getattr(self, name).shape != (n, 3):
                raise ValueError(f"{name} has the shape {getattr(self, name).shape}, not ({n}, 3)")
        if not np.isfinite(self.ca_A).all():
            raise CryoAIError(
                "a residue has no place for its CA", remedy="Leave it out, or place it"
            )

    def __len__(self) -> int:
        return len(self.chains)

    @cached_property
    def kinds(self) -> NDArray[np.intp]:
        """`(n,)` rows of `topology.KINDS`."""
        return kinds_of_letters(self.letters)

    @cached_property
    def bound(self) -> NDArray[np.bool_]:
        """`(n,)` whether there is a peptide bond to the residue before."""
        found = np.zeros(len(self), np.bool_)
        follows = (self.chains[1:] == self.chains[:-1]) & (np.diff(self.numbers) == 1)
        found[1:] = follows & (self._steps < LONGEST_STEP_A)
        return found

    @cached_property
    def is_cis(self) -> NDArray[np.bool_]:
        """`(n,)` whether that bond is cis: before proline alone, where its CA are that near."""
        found = np.zeros(len(self), np.bool_)
        found[1:] = self.bound[1:] & (self.kinds[1:] == PRO) & (self._steps < CIS_A)
        return found

    @cached_property
    def classes(self) -> NDArray[np.intp]:
        """`(n,)` rows of `rama_classes.CLASSES`."""
        return classes_of(self.kinds, self.bound)

    @property
    def _steps(self) -> Floats:
        steps: Floats = np.linalg.norm(np.diff(self.ca_A, axis=0), axis=1)
        return steps
