"""The residues of a model as a file has them: chains, sequences, places, and what is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike

import gemmi
import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.amino_acids import UNKNOWN, UNKNOWN_NAME, letter_of, name_of
from napari_cryoai.core.atomic_model import AtomicModel, Unmodelled
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.model_of import residue_of_atoms
from napari_cryoai.core.structure import Structure
from napari_cryoai.io.model_others import add_others, atom_of
from napari_cryoai.io.model_secondary import helices_and_sheets

Floats = NDArray[np.float64]
AnyPath = str | PathLike[str]
CHAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+*~|-]*")
"""What needs no quotes in mmCIF; not all programs write or read quotes right."""
NO_REASON = "not built"
"""Of residues that a model leaves out without saying why."""


@dataclass(frozen=True, eq=False)
class Layout:
    """A model as a file holds it.

    Attributes
    ----------
    structure
        Its atoms, entities, helices and strands. What is no protein follows the protein of its
        chain.
    rows
        `(n,)` rows of the model's residues in the order of the file.
    sequences
        Names of all residues of each chain that has atoms.
    unmodelled
        All that the polymers have and the model has not.
    says_confidence
        Whether B-factors are 100 times the confidence; else they are those of the model.
    """

    structure: gemmi.Structure
    rows: NDArray[np.intp]
    sequences: dict[str, tuple[str, ...]]
    unmodelled: tuple[Unmodelled, ...]
    says_confidence: bool

    def residues(self) -> list[tuple[str, gemmi.Residue]]:
        """Chain and residue of each of `rows`."""
        polymer = gemmi.EntityType.Polymer
        return [(c.name, r) for c in self.structure[0] for r in c if r.entity_type == polymer]


def lay_out(model: AtomicModel, path: AnyPath, names: Mapping[str, str] | None = None) -> Layout:
    """Bring a model in the order of a file.

    Parameters
    ----------
    model
        At least one residue.
    path
        For the messages.
    names
        What the chains are called in the file, if not as in the model.

    Raises
    ------
    CryoAIError
        If there is nothing to write, or it contradicts itself: a residue that is there twice, lies
        outside its sequence or is another than its sequence says, a position that is no number.
    """
    check(model, path)
    sequences = _sequences(model, path)
    rows = _ordered(model)
    made = gemmi.Structure()
    made.name = "model"
    made.add_model(_atoms(model, rows, names or {}))
    made.entities = gemmi.EntityList(_entities(sequences, names or {}))
    add_others(made, model.structure.select(residue_of_atoms(model.structure) < 0), names or {})
    layout = Layout(made, rows, sequences, unmodelled_of(model), model.residues.says_confidence)
    helices_and_sheets(made, layout.residues(), model.residues.select(rows))
    return layout


def check(model: AtomicModel, path: AnyPath) -> None:
    """Refuse a model that is empty or cannot be written."""
    residues, structure = model.residues, model.structure
    if not len(residues) or not len(structure):
        raise CryoAIError(
            "the model holds no atoms, and an empty file helps nobody: nothing was written",
            path=path,
            remedy="Look at the report for what was found in the map, and why nothing was built",
        )
    if not np.isfinite(structure.xyz_A).all():
        raise CryoAIError(
            "an atom of the model has no position", path=path, remedy="Build that residue again"
        )
    _check_names(residues.chains, path)
    places = list(zip(residues.chains.tolist(), residues.numbers.tolist(), strict=True))
    if len(set(places)) < len(places):
        chain, number = next(p for p in places if places.count(p) > 1)
        raise CryoAIError(
            f"residue {number} of chain {chain} is there twice",
            path=path,
            remedy="Delete one of the two, or give it another chain",
        )
    owner = residue_of_atoms(structure)
    first = np.unique(owner[owner >= 0], return_index=True)[1]
    if not np.array_equal(structure.chains[owner >= 0][first], residues.chains):
        raise ValueError("the atoms of a model do not follow its residues")


def _check_names(chains: NDArray[np.str_], path: AnyPath) -> None:
    for name in np.unique(chains).tolist():
        if not CHAIN_NAME.fullmatch(name):
            raise CryoAIError(
                f"a chain is called '{name}', which not all programs read",
                path=path,
                remedy="Call it by letters and digits: A, or AB",
            )


def unmodelled_of(model: AtomicModel) -> tuple[Unmodelled, ...]:
    """What of the polymers has no atoms, stretch by stretch; what has no reason is given one."""
    found: list[Unmodelled] = []
    for polymer in model.polymers:
        reasons = np.full(len(polymer.sequence), NO_REASON, object)
        for stretch in model.unmodelled:
            if stretch.chain == polymer.name:
                reasons[stretch.first - 1 : stretch.last] = stretch.reason
        built = model.residues.numbers[model.residues.chains == polymer.name]
        reasons[built[built <= len(reasons)] - 1] = ""
        cuts = np.flatnonzero(reasons[1:] != reasons[:-1]) + 1
        for part in np.split(np.arange(len(reasons)), cuts):
            if len(part) and reasons[part[0]]:
                first, last = int(part[0]) + 1, int(part[-1]) + 1
                found.append(Unmodelled(polymer.name, first, last, reasons[part[0]]))
    return tuple(found)


def _sequences(model: AtomicModel, path: AnyPath) -> dict[str, tuple[str, ...]]:
    """Names of the residues of each chain; what the sequence does not know, the atoms tell."""
    known = {polymer.name: polymer.sequence for polymer in model.polymers}
    residues = model.residues
    names = _names(model)
    found: dict[str, list[str]] = {}
    for chain in dict.fromkeys(residues.chains.tolist()):
        rows = np.flatnonzero(residues.chains == chain)
        letters = known.get(chain) or UNKNOWN * int(residues.numbers[rows].max())
        sequence = [name_of(letter) for letter in letters]
        for row in rows.tolist():
            _place(sequence, chain, int(residues.numbers[row]), str(names[row]), path)
        found[chain] = sequence
    return {chain: tuple(sequence) for chain, sequence in found.items()}


def _names(model: AtomicModel) -> NDArray[np.str_]:
    """`(n,)` names of the residues, as the atoms have them."""
    owner = residue_of_atoms(model.structure)
    first = np.unique(owner[owner >= 0], return_index=True)[1]
    return model.structure.residue_names[owner >= 0][first]


def _place(sequence: list[str], chain: str, number: int, name: str, path: AnyPath) -> None:
    if not 1 <= number <= len(sequence):
        raise CryoAIError(
            f"residue {number} of chain {chain} lies outside its sequence of {len(sequence)}",
            path=path,
            remedy="Number the residues by their places in the sequence, from 1",
        )
    expected = sequence[number - 1]
    if UNKNOWN_NAME not in (expected, name) and letter_of(expected) != letter_of(name):
        raise CryoAIError(
            f"residue {number} of chain {chain} is {name}, and {expected} in the sequence",
            path=path,
            remedy="Thread the sequence again, or correct it",
        )
    sequence[number - 1] = name if expected == UNKNOWN_NAME else expected


def _ordered(model: AtomicModel) -> NDArray[np.intp]:
    """Rows of the residues: chain by chain in order of appearance, along the sequence."""
    chains = model.residues.chains
    _, first, inverse = np.unique(chains, return_index=True, return_inverse=True)
    order: NDArray[np.intp] = np.lexsort((model.residues.numbers, first[inverse]))
    return order


def _atoms(model: AtomicModel, rows: NDArray[np.intp], names: Mapping[str, str]) -> gemmi.Model:
    structure, residues = model.structure, model.residues
    owner = residue_of_atoms(structure)
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(len(residues) + 1))
    made: dict[str, gemmi.Chain] = {}
    b_factors_A2 = structure.b_factors_A2
    if residues.says_confidence:
        # The last one is for atoms of no residue, which are written elsewhere.
        of_residue = np.append(100 * np.nan_to_num(residues.confidence).clip(0, 1), 0.0)
        b_factors_A2 = of_residue[owner]
    for row in rows.tolist():
        chain = names.get(residues.chains[row], str(residues.chains[row]))
        atoms = order[starts[row] : starts[row + 1]]
        residue = _residue(structure, atoms, chain, int(residues.numbers[row]), b_factors_A2)
        made.setdefault(chain, gemmi.Chain(chain)).add_residue(residue)
    result = gemmi.Model(1)
    for one in made.values():
        result.add_chain(one)
    return result


def _residue(
    structure: Structure, atoms: NDArray[np.intp], chain: str, number: int, b_factors_A2: Floats
) -> gemmi.Residue:
    made = gemmi.Residue()
    made.name = str(structure.residue_names[atoms[0]])
    made.seqid = gemmi.SeqId(number, " ")
    made.label_seq, made.subchain = number, chain
    made.entity_type, made.het_flag = gemmi.EntityType.Polymer, "A"
    for row in atoms.tolist():
        made.add_atom(atom_of(structure, row, float(b_factors_A2[row])))
    return made


def _entities(
    sequences: dict[str, tuple[str, ...]], names: Mapping[str, str]
) -> list[gemmi.Entity]:
    """One for each sequence that differs."""
    chains_of: dict[tuple[str, ...], list[str]] = {}
    for chain, sequence in sequences.items():
        chains_of.setdefault(sequence, []).append(names.get(chain, chain))
    made = []
    for number, (sequence, chains) in enumerate(chains_of.items(), 1):
        entity = gemmi.Entity(str(number))
        entity.entity_type, entity.polymer_type = (
            gemmi.EntityType.Polymer,
            gemmi.PolymerType.PeptideL,
        )
        entity.full_sequence, entity.subchains = list(sequence), chains
        made.append(entity)
    return made
