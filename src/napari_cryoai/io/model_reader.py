"""Models read back: our own with all that is known of them, others as far as they say."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.amino_acids import LETTERS, UNKNOWN, letter_of
from napari_cryoai.core.atomic_model import AtomicModel, Polymer, Residues, Unmodelled
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.model_of import MISSING, model_of, rows_of_chains
from napari_cryoai.core.trace import Trace
from napari_cryoai.io.guards import check_readable
from napari_cryoai.io.model_cif import POLYMER, RESIDUE, TRACE, UNMODELLED
from napari_cryoai.io.model_layout import unmodelled_of
from napari_cryoai.io.model_pdb import CHAIN_NAMES, made_here
from napari_cryoai.io.structures import coordinate_text, is_cif, parse, read_structure

AnyPath = str | PathLike[str]
Place = tuple[str, str]

_OURS = ["chain", "number", "confidence", "runner_up", "margin", "secondary", "q"]
_AGREES = 0.9
_FULL_SCORE = 100.0


def read_model(path: AnyPath) -> AtomicModel:
    """Read the protein of a PDB or mmCIF file, and what the file knows of its residues.

    Confidences come from our own table, from pLDDT (as a fraction), or from the B-factors of a PDB
    file that says it was written here; in other files they are NaN. Numbers are places in the
    sequence where the file tells the sequence, and the author's numbers elsewhere; where these
    repeat, or begin below 1, residues are counted from 1.

    Raises
    ------
    CryoAIError
        If the file cannot be understood, or holds no protein.
    """
    path = check_readable(path)
    model = _protein(path)
    text = coordinate_text(path)
    block = gemmi.cif.read_string(text)[0] if is_cif(path, text) else gemmi.cif.Block("none")
    parsed = parse(path)
    model = _numbered(model, parsed)
    polymers = _polymers(block) or model.polymers
    residues = _with_our_table(_with_scores(model, parsed, block), block)
    return _with_gaps(replace(model, residues=residues, polymers=polymers), block)


def read_trace(path: AnyPath) -> Trace:
    """Read a trace; that of a file of another program is its CA, N and C, and a chain a fragment.

    Raises
    ------
    CryoAIError
        If the file cannot be understood, or holds no protein.
    """
    path = check_readable(path)
    model = _protein(path)
    trace = _atoms_of_trace(model)
    text = coordinate_text(path)
    if not is_cif(path, text):
        return trace
    block = gemmi.cif.read_string(text)[0]
    kinds = [f"type_{letter}" for letter in LETTERS]
    known = _columns(block, ["fragment", "confidence", "helix", "strand", "coil", *kinds])
    if len(known) != len(trace):
        return trace
    return replace(
        trace,
        fragment=known[:, 0].astype(np.intp),
        confidence=known[:, 1],
        secondary=known[:, 2:5],
        types=known[:, 5:],
    )


def _protein(path: Path) -> AtomicModel:
    structure = read_structure(path)
    free = next(name for name in CHAIN_NAMES if name not in structure.chains)
    # Old PDB files leave the column of the chain blank.
    named = np.where(structure.chains == "", free, structure.chains)
    model = model_of(replace(structure, chains=named))
    if not len(model.residues):
        raise CryoAIError("holds no protein", path=path, remedy="Give a file with atoms called CA")
    return model


def _atoms_of_trace(model: AtomicModel) -> Trace:
    structure, residues = model.structure, model.residues
    rows = rows_of_chains(residues.chains)
    fragment = np.empty(len(residues), np.intp)
    for number, some in enumerate(rows):
        fragment[some] = number
    trace = Trace.of_positions(residues.ca_A, fragment)
    index = structure.residue_index()
    own = index[(structure.atom_names == "CA") & (structure.elements == "C")]
    row_of = dict(zip(own.tolist(), range(len(own)), strict=True))
    for name, column in (("N", trace.n_A), ("C", trace.c_A)):
        for atom in np.flatnonzero(structure.atom_names == name).tolist():
            row = row_of.get(int(index[atom]))
            if row is not None:
                column[row] = structure.xyz_A[atom]
    return trace.select(np.concatenate(rows))


def _columns(block: gemmi.cif.Block, tags: list[str]) -> NDArray[np.float64]:
    """`(n, len(tags))` numbers of the table of a trace."""
    rows = [[gemmi.cif.as_number(v) for v in row] for row in block.find(TRACE, tags)]
    return np.array(rows, np.float64).reshape(-1, len(tags))


def _numbered(model: AtomicModel, parsed: gemmi.Structure) -> AtomicModel:
    """The model with numbers and sequences as the file tells them, chain by chain."""
    parsed.setup_entities()
    parsed.assign_label_seq_id()
    is_pdb = parsed.input_format == gemmi.CoorFormat.Pdb
    residues, numbers = model.residues, model.residues.numbers.copy()
    texts = _ca_numbers(model)
    polymers = []
    for rows in rows_of_chains(residues.chains):
        chain = str(residues.chains[rows[0]])
        letters, places = _labels(parsed, chain)
        found = [places.get(str(text), 0) for text in texts[rows]]
        # In PDB files places come from an alignment, which cannot tell one of equal residues
        # from the next; the author's numbers can, if they fit.
        own = numbers[rows].tolist()
        if is_pdb and letters and _agree(letters, own, residues.letters[rows]):
            found = own
        if letters and _agree(letters, found, residues.letters[rows]):
            numbers[rows] = found
            polymers.append(Polymer(chain, letters))
            continue
        if min(own) < 1 or len(set(own)) < len(own):
            numbers[rows] = np.arange(1, len(rows) + 1)
        letter_at = np.full(int(numbers[rows].max()), UNKNOWN)
        letter_at[numbers[rows] - 1] = residues.letters[rows]
        polymers.append(Polymer(chain, "".join(letter_at)))
    return AtomicModel(model.structure, replace(residues, numbers=numbers), tuple(polymers))


def _ca_numbers(model: AtomicModel) -> NDArray[np.str_]:
    """`(n,)` numbers and insertion codes of the author."""
    structure = model.structure
    index = structure.residue_index()
    rows = np.flatnonzero((structure.atom_names == "CA") & (structure.elements == "C"))
    return structure.residue_numbers[rows[np.unique(index[rows], return_index=True)[1]]]


def _labels(parsed: gemmi.Structure, chain: str) -> tuple[str, dict[str, int]]:
    """Sequence of a chain, and the place in it of each number of the author."""
    for part in parsed[0]:
        if part.name != chain or not len(polymer := part.get_polymer()):
            continue
        entity = parsed.get_entity_of(polymer)
        if entity is None or not entity.full_sequence:
            break
        letters = (letter_of(gemmi.Entity.first_mon(name)) for name in entity.full_sequence)
        places = {str(r.seqid): r.label_seq for r in polymer if r.label_seq is not None}
        return "".join(letters), places
    return "", {}


def _agree(sequence: str, places: list[int], letters: NDArray[np.str_]) -> bool:
    """Whether all residues have a place of their own in a sequence, and nearly all fit there."""
    if min(places) < 1 or max(places) > len(sequence) or len(set(places)) < len(places):
        return False
    pairs = [(sequence[p - 1], letter) for p, letter in zip(places, letters.tolist(), strict=True)]
    fit = [UNKNOWN in pair or pair[0] == pair[1] for pair in pairs]
    return float(np.mean(fit)) >= _AGREES


def _with_scores(model: AtomicModel, parsed: gemmi.Structure, block: gemmi.cif.Block) -> Residues:
    """Residues with the confidences of other predictors, or of our own PDB files."""
    residues = model.residues
    if made_here(parsed):
        structure = model.structure
        index = structure.residue_index()
        ca = np.flatnonzero((structure.atom_names == "CA") & (structure.elements == "C"))
        ca = ca[np.unique(index[ca], return_index=True)[1]]
        return replace(residues, confidence=structure.b_factors_A2[ca] / 100)
    metrics = [row[0] for row in block.find("_ma_qa_metric.", ["id", "type"]) if "pLDDT" in row[1]]
    tags = ["label_asym_id", "label_seq_id", "metric_id", "metric_value"]
    found = {
        (row.str(0), row.str(1)): gemmi.cif.as_number(row[3])
        for row in block.find("_ma_qa_metric_local.", tags)
        if row[2] in metrics[:1]
    }
    values = np.array([found.get(place, np.nan) for place in _places(residues)])
    scale = _FULL_SCORE if len(values) and np.nanmax([*values, 0]) > 1 else 1.0
    return replace(residues, confidence=values / scale) if found else residues


def _with_our_table(residues: Residues, block: gemmi.cif.Block) -> Residues:
    known = {(row.str(0), row.str(1)): row for row in block.find(RESIDUE, _OURS)}
    rows = [known.get(place) for place in _places(residues)]
    if not known or None in rows:
        return residues
    number = gemmi.cif.as_number
    confidence, runner_up, margin, q = (
        np.array([number(row[column]) for row in rows if row is not None])
        for column in (2, 3, 4, 6)
    )
    secondary = np.array([row.str(5) for row in rows if row is not None])
    runners = np.nan_to_num(runner_up).astype(np.intp)
    return replace(
        residues,
        confidence=confidence,
        runner_up=runners,
        margin=margin,
        secondary=secondary,
        q=q,
    )


def _polymers(block: gemmi.cif.Block) -> tuple[Polymer, ...]:
    """Those of our own table, which has those without atoms too."""
    rows = block.find(POLYMER, ["chain", "sequence"])
    return tuple(Polymer(row.str(0), row.str(1)) for row in rows)


def _with_gaps(model: AtomicModel, block: gemmi.cif.Block) -> AtomicModel:
    rows = block.find(UNMODELLED, ["chain", "first", "last", "reason"])
    told = tuple(Unmodelled(r.str(0), int(r[1]), int(r[2]), r.str(3)) for r in rows)
    if told:
        return replace(model, unmodelled=told)
    gaps = tuple(replace(gap, reason=MISSING) for gap in unmodelled_of(model))
    return replace(model, unmodelled=gaps)


def _places(residues: Residues) -> list[Place]:
    numbers = (str(number) for number in residues.numbers.tolist())
    return list(zip(residues.chains.tolist(), numbers, strict=True))
