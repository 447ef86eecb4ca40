"""Which residue of a model stands for which of the reference: one to one, by the place of CA."""

from __future__ import annotations

from dataclasses import dataclass, fields

import gemmi
import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.amino_acids import LETTERS, MODIFIED, NAMES, UNKNOWN, letter_of
from napari_cryoai.core.atomic_model import AtomicModel
from napari_cryoai.core.structure import Structure
from napari_cryoai.core.trace import Trace

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

BOND_A = 4.5
"""CA of residues that are joined are not farther apart: 3.8 A, 2.95 A before cis peptide bonds."""
_KNOWN = {*NAMES, *MODIFIED}


@dataclass(frozen=True, eq=False)
class Alphas:
    """The CA of a protein, one row each, chain by chain from the N to the C terminus.

    Attributes
    ----------
    chains
        `(n,)` names; of a trace, numbers of the fragments.
    numbers
        `(n,)` text: number of the residue, and insertion code if there is one.
    letters
        `(n,)` amino acids; X where not known.
    ca_A
        `(n, 3)` positions (x, y, z).
    """

    chains: NDArray[np.str_]
    numbers: NDArray[np.str_]
    letters: NDArray[np.str_]
    ca_A: Floats

    @classmethod
    def of(cls, model: Structure | AtomicModel | Trace) -> Alphas:
        """Those of a structure, a built model, or a trace before it has a sequence."""
        if isinstance(model, Trace):
            return _of_trace(model)
        structure = model.structure if isinstance(model, AtomicModel) else model
        # The element tells it from calcium.
        here = (structure.atom_names == "CA") & (structure.elements == "C")
        names, inverse = np.unique(structure.residue_names, return_inverse=True)
        here &= np.array([_is_residue(name) for name in names.tolist()], np.bool_)[inverse]
        letters = np.array([_letter(name) for name in names.tolist()], "<U1")[inverse]
        s = structure
        columns = (s.chains, s.residue_numbers, letters, s.xyz_A)
        return cls(*(column[here] for column in columns))._by_chain()

    def __len__(self) -> int:
        return len(self.chains)

    def select(self, rows: Rows | NDArray[np.bool_]) -> Alphas:
        """Some of them, in that order."""
        return Alphas(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def joined(self) -> NDArray[np.bool_]:
        """`(n - 1,)` whether each row and the next one follow one another in a chain.

        They do if they are of one chain, and are either no more than 4.5 A apart or numbered so: a
        model that numbers residues as neighbours says that they are, however far apart they lie.
        """
        if len(self) < 2:
            return np.zeros(0, np.bool_)
        near = np.linalg.norm(np.diff(self.ca_A, axis=0), axis=1) <= BOND_A
        steps = np.diff(np.array([_whole(number) for number in self.numbers.tolist()]))
        return (self.chains[1:] == self.chains[:-1]) & (near | (steps == 1))

    def bonded(self) -> NDArray[np.bool_]:
        """`(n - 1,)` whether each row and the next one are of one chain and at most 4.5 A apart."""
        near = np.linalg.norm(np.diff(self.ca_A, axis=0), axis=1) <= BOND_A
        return near & (self.chains[1:] == self.chains[:-1])

    def _by_chain(self) -> Alphas:
        """Rows of a chain together, as some files have them apart."""
        _, first, inverse = np.unique(self.chains, return_index=True, return_inverse=True)
        return self.select(np.argsort(first[inverse], kind="stable"))


@dataclass(frozen=True, eq=False)
class Matches:
    """Pairs of rows.

    Attributes
    ----------
    model, reference
        `(k,)` rows; those of the reference ascend.
    distance_A
        `(k,)` of each pair.
    """

    model: Rows
    reference: Rows
    distance_A: Floats

    def __len__(self) -> int:
        return len(self.model)

    def model_of(self, n_reference: int) -> Rows:
        """`(n_reference,)` row of the model for each of the reference; -1 for none."""
        found = np.full(n_reference, -1, np.intp)
        found[self.reference] = self.model
        return found


def match(model_A: Floats, reference_A: Floats, radius_A: float) -> Matches:
    """Pair points of two sets, one to one, as they lie.

    As many pairs as there can be at all; of all such choices, the one with the least sum of squared
    distances. This is exact: an assignment problem on the graph of neighbours, solved by the
    Jonker-Volgenant algorithm, in which every point of the reference may also stay alone, at a
    price that no choice of pairs makes up for.

    Parameters
    ----------
    model_A, reference_A
        `(m, 3)` and `(n, 3)`.
    radius_A
        Farthest pair.
    """
    from scipy.sparse import csr_array  # slow to import
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching
    from scipy.spatial import cKDTree

    m, n = len(model_A), len(reference_A)
    if not m or not n:
        return Matches(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0))
    near = cKDTree(reference_A).sparse_distance_matrix(
        cKDTree(model_A), radius_A, output_type="coo_matrix"
    )
    # Each edge costs something: the solver takes an edge of weight 0 for none.
    alone = (radius_A**2 + 1) * (n + 1)
    rows = np.concatenate([near.row, np.arange(n)])
    columns = np.concatenate([near.col, m + np.arange(n)])
    costs = np.concatenate([near.data**2 + 1, np.full(n, alone)])
    graph = csr_array((costs, (rows, columns)), (n, m + n))
    reference, model = min_weight_full_bipartite_matching(graph)
    paired = model < m
    reference, model = reference[paired].astype(np.intp), model[paired].astype(np.intp)
    distance_A = np.linalg.norm(reference_A[reference] - model_A[model], axis=1)
    order = np.argsort(reference)
    return Matches(model[order], reference[order], distance_A[order])


def _of_trace(trace: Trace) -> Alphas:
    n = len(trace)
    numbers = np.empty(n, np.intp)
    for rows in trace.fragments():
        numbers[rows] = np.arange(1, len(rows) + 1)
    known = trace.types.max(1) > trace.types.min(1)
    best = np.array(list(LETTERS))[trace.types.argmax(1)]
    letters = np.where(known, best, UNKNOWN)
    return Alphas(trace.fragment.astype(np.str_), numbers.astype(np.str_), letters, trace.ca_A)


def _is_residue(name: str) -> bool:
    """Whether an atom called CA in it is that of an amino acid; ligands may have one too."""
    known = gemmi.find_tabulated_residue(name)
    return name in _KNOWN or not known.found() or known.is_amino_acid()


def _letter(name: str) -> str:
    letter = letter_of(name)
    if letter != UNKNOWN:
        return letter
    # Modified residues bear the small letter of their parent.
    parent = gemmi.find_tabulated_residue(name).one_letter_code.upper().strip()
    return parent if parent in LETTERS and parent else UNKNOWN


def _whole(number: str) -> float:
    """Number without its insertion code; NaN, which follows nothing, if there is one or none."""
    return float(number) if number.lstrip("-").isdigit() else np.nan
