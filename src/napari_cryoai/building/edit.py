"""A model while it is mended: after each edit of its trace, only what has changed is made anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_cryoai.building.atoms.backbone import Backbone
from napari_cryoai.building.atoms.full_atoms import build_atoms
from napari_cryoai.building.build import Built, backbone_of, in_chain_order, model_from
from napari_cryoai.building.threading.thread import Threaded, Threader
from napari_cryoai.core.amino_acids import LETTERS, letter_of, name_of
from napari_cryoai.core.atomic_model import AtomicModel, Polymer
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.model_edits import named
from napari_cryoai.core.model_of import b_factors_of, residue_of_atoms
from napari_cryoai.core.structure import Structure
from napari_cryoai.core.trace import Trace
from napari_cryoai.jobs.progress import Job

Rows = NDArray[np.intp]

NEAREST_A = 0.5
"""Residues of a fragment that lie nearer to each other are one too many."""

_SHARED = ("N", "CA", "C", "O", "CB")
"""Atoms that a residue keeps when it turns out to be another one."""


@dataclass(frozen=True, eq=False)
class Editor:
    """A model, and the trace that it is made of.

    Attributes
    ----------
    threaded
        The trace, and what of the sequences each of its residues is.
    rows
        `(n,)` row of the trace for each residue of the model.
    threader
        It remembers what did not change.
    polymers
        The chains, with their sequences.
    others
        Atoms that are of no residue: nucleic acids, ligands, waters. They stay as they are.
    """

    threaded: Threaded
    rows: Rows
    threader: Threader
    polymers: tuple[Polymer, ...]
    others: Structure

    @classmethod
    def of_built(cls, built: Built) -> Editor:
        """Of a model that was just built."""
        polymers, rows = built.model.polymers, in_chain_order(built.threaded)
        return cls(built.threaded, rows, Threader(polymers), polymers, _others(built.model))

    @classmethod
    def of_model(cls, model: AtomicModel) -> Editor:
        """Of any model: its residues are taken for what they are called."""
        polymers = tuple(p for p in model.polymers if p.sequence)
        threaded = _called(model, polymers)
        rows = np.arange(len(threaded))
        return cls(threaded, rows, Threader(polymers), polymers, _others(model))

    @property
    def trace(self) -> Trace:
        """What edits are made to."""
        return self.threaded.trace

    def edited(self, trace: Trace, model: AtomicModel) -> tuple[Editor, AtomicModel]:
        """The model after an edit of its trace.

        Residues that were not moved keep their atoms; of those that are another amino acid now, the
        main chain. Of others no more is there than what the trace has of them.

        Raises
        ------
        CryoAIError
            If no residue is left, or one would lie on another one of its fragment.
        """
        if not len(trace):
            raise CryoAIError("no residue would be left", remedy="Close the model to be rid of it")
        if _crowded(trace) > _crowded(self.trace):
            raise CryoAIError(
                f"two residues of a fragment would lie within {NEAREST_A} A of each other",
                remedy="Put the residue elsewhere, or delete one of the two",
            )
        # What it was last asked may have been undone.
        self.threader.remember(self.threaded)
        threaded = self.threader.thread(trace)
        rows = in_chain_order(threaded)
        backbone = backbone_of(threaded, rows, self.polymers)
        atoms = _atoms(backbone, self._earlier(threaded.trace.ca_A[rows]), model)
        changed = model_from(atoms, threaded, rows, backbone, self.polymers)
        if not model.residues.says_confidence:
            changed = _unsure(changed, atoms.b_factors_A2)
        return replace(self, threaded=threaded, rows=rows), self._with_others(changed)

    def shifted(self, row: int, by: int) -> Trace:
        """The fragment of a residue of the model slides along its sequence.

        Raises
        ------
        CryoAIError
            If it has no place in a sequence, or would leave it.
        """
        threaded, at = self.threaded, int(self.rows[row])
        polymer = int(threaded.polymer[at])
        if polymer < 0:
            raise CryoAIError(
                "this fragment has no place in a sequence", remedy="Build with its sequence"
            )
        rows = np.flatnonzero(
            (threaded.trace.fragment == threaded.trace.fragment[at]) & (threaded.polymer == polymer)
        )
        sequence, places = self.polymers[polymer].sequence, threaded.position[rows] + by
        if places.min() < 0 or places.max() >= len(sequence):
            raise CryoAIError(
                "the fragment would slide beyond the end of the sequence", remedy="Shift it less"
            )
        return named(threaded.trace, rows, [sequence[p] for p in places.tolist()])

    def finished(
        self,
        density: DensityMap | None,
        resolution_A: float | None,
        before: AtomicModel | None = None,
    ) -> Job[AtomicModel]:
        """Build all atoms anew, in the density.

        Parameters
        ----------
        before
            The model as it is; if it says no confidence, its residues keep their mean B-factors.
        """
        backbone = backbone_of(self.threaded, self.rows, self.polymers)
        structure = yield from build_atoms(backbone, density, resolution_A)
        model = model_from(structure, self.threaded, self.rows, backbone, self.polymers)
        if before is not None and not before.residues.says_confidence:
            model = _unsure(model, b_factors_of(before)[structure.residue_index()])
        return self._with_others(model)

    def _with_others(self, model: AtomicModel) -> AtomicModel:
        return replace(model, structure=_together([model.structure, self.others]))

    def _earlier(self, ca_A: NDArray[np.float64]) -> Rows:
        """`(m,)` residue of the model at each place of the trace before; -1 for new places."""
        places = self.threaded.trace.ca_A[self.rows]
        known: dict[bytes, list[int]] = {}
        for row in reversed(range(len(places))):
            known.setdefault(places[row].tobytes(), []).append(row)
        found = (known.get(place.tobytes()) for place in ca_A)
        return np.array([same.pop() if same else -1 for same in found], np.intp)


def trace_of(model: AtomicModel) -> Trace:
    """The residues of a model as a trace: a fragment for each run of numbers of a chain."""
    residues, structure = model.residues, model.structure
    n = len(residues)
    row = residue_of_atoms(structure)
    main = {name: np.full((n, 3), np.nan) for name in ("N", "C")}
    for name, xyz_A in main.items():
        atoms = np.flatnonzero((structure.atom_names == name) & (row >= 0))
        xyz_A[row[atoms]] = structure.xyz_A[atoms]
    breaks = (residues.chains[1:] != residues.chains[:-1]) | (np.diff(residues.numbers) != 1)
    fragment = np.concatenate([[0], np.cumsum(breaks)])[:n]
    secondary = np.eye(3)[["HEC".index(kind) for kind in residues.secondary]].reshape(n, 3)
    sure = np.where(np.isfinite(residues.confidence), residues.confidence, 1.0)
    types = np.full((n, len(LETTERS)), 1 / len(LETTERS))
    trace = Trace(residues.ca_A, main["N"], main["C"], fragment, types, secondary, sure)
    return named(trace, np.arange(n), residues.letters.tolist())


def _called(model: AtomicModel, polymers: Sequence[Polymer]) -> Threaded:
    """The residues of a model where their chains and numbers say that they are.

    The first of several with the same number has it; numbers beyond the sequence are no place.
    """
    numbers, n = model.residues.numbers, len(model.residues)
    of_chain = {polymer.name: i for i, polymer in enumerate(polymers)}
    polymer = np.array([of_chain.get(str(c), -1) for c in model.residues.chains], np.intp)
    length = np.array([len(p.sequence) for p in polymers] + [0])[polymer]
    first = np.zeros(n, np.bool_)
    first[np.unique(np.stack([polymer, numbers]), axis=1, return_index=True)[1]] = True
    polymer = np.where(first & (numbers > 0) & (numbers <= length), polymer, -1)
    position = np.where(polymer >= 0, numbers - 1, -1)
    none, unknown = np.full(n, -1), np.full(n, np.nan)
    return Threaded(trace_of(model), np.arange(n), polymer, position, np.ones(n), none, unknown)


def _crowded(trace: Trace) -> int:
    """Pairs of residues of a fragment that lie on each other."""
    number = np.cumsum(np.diff(trace.fragment, prepend=trace.fragment[:1]) != 0)
    pairs = cKDTree(trace.ca_A).query_pairs(NEAREST_A, output_type="ndarray")
    return int((number[pairs[:, 0]] == number[pairs[:, 1]]).sum())


def _others(model: AtomicModel) -> Structure:
    """The atoms that are of none of the model's residues."""
    return model.structure.select(residue_of_atoms(model.structure) < 0)


def _atoms(backbone: Backbone, earlier: Rows, model: AtomicModel) -> Structure:
    """The atoms of the residues: those that they had, or N, CA and C as far as they are known."""
    parts: list[Structure] = []
    residue_of_part: list[Rows] = []
    row = residue_of_atoms(model.structure)
    kept, same = _kept(backbone, earlier, model, row)
    if len(kept):
        parts.append(model.structure.select(kept))
        residue_of_part.append(same)
    fresh = np.flatnonzero(earlier < 0)
    typical_A2 = float(np.median(model.structure.b_factors_A2))
    for name, xyz_A in (("N", backbone.n_A), ("CA", backbone.ca_A), ("C", backbone.c_A)):
        known = fresh[np.isfinite(xyz_A[fresh]).all(axis=1)]
        if len(known):
            parts.append(
                replace(
                    Structure.of_atoms(xyz_A[known], name[0], typical_A2),
                    atom_names=np.full(len(known), name),
                )
            )
            residue_of_part.append(known)
    residue = np.concatenate(residue_of_part)
    order = np.argsort(residue, kind="stable")
    return _named(_together(parts).select(order), residue[order], backbone)


def _unsure(model: AtomicModel, b_factors_A2: NDArray[np.float64]) -> AtomicModel:
    """A model of which nobody has said how sure it is, with B-factors of its own."""
    residues = replace(model.residues, confidence=np.full(len(model.residues), np.nan))
    structure = replace(model.structure, b_factors_A2=b_factors_A2)
    return replace(model, residues=residues, structure=structure)


def _kept(backbone: Backbone, earlier: Rows, model: AtomicModel, row: Rows) -> tuple[Rows, Rows]:
    """Atoms of the model that stay, and the residue that each is of now."""
    now = np.full(len(model.residues), -1, np.intp)
    now[earlier[earlier >= 0]] = np.flatnonzero(earlier >= 0)
    atoms = np.flatnonzero(row >= 0)
    atoms = atoms[now[row[atoms]] >= 0]
    residue = now[row[atoms]]
    alike = model.residues.letters[row[atoms]] == backbone.letters[residue]
    names = model.structure.atom_names[atoms]
    shared = np.isin(names, _SHARED) & ((names != "CB") | (backbone.letters[residue] != "G"))
    stay = alike | shared
    return atoms[stay], residue[stay]


def _named(structure: Structure, residue: Rows, backbone: Backbone) -> Structure:
    names = np.array([name_of(str(letter)) for letter in backbone.letters], np.str_)[residue]
    kinds, inverse = np.unique(structure.residue_names, return_inverse=True)
    letters = np.array([letter_of(str(kind)) for kind in kinds])[inverse]
    # Selenomethionine is a methionine, and stays one with selenium.
    same = letters == backbone.letters[residue]
    return replace(
        structure,
        chains=backbone.chains[residue],
        residue_numbers=backbone.numbers[residue].astype(np.str_),
        residue_names=np.where(same, structure.residue_names, names),
    )


def _together(parts: Sequence[Structure]) -> Structure:
    names = parts[0].__dataclass_fields__
    return Structure(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})
