"""Models in mmCIF: the standard categories, and what the standard has no place for."""

from __future__ import annotations

import math
from collections.abc import Iterable

import gemmi
import numpy as np

import napari_cryoai
from napari_cryoai.core.amino_acids import LETTERS, letter_of
from napari_cryoai.core.atomic_model import AtomicModel, Residues
from napari_cryoai.core.trace import Trace
from napari_cryoai.io.model_layout import Layout

PROGRAM = "napari-cryoai"
MODEL, POLYMER, RESIDUE = "_cryoai_model.", "_cryoai_polymer.", "_cryoai_residue."
UNMODELLED, TRACE = "_cryoai_unmodelled.", "_cryoai_trace."
B_FACTORS = "100 times the confidence: the probability that the residue lies here"

METRICS = (
    ("1", "confidence", "probability that the residue lies here"),
    ("2", "Q-score", "how well the map resolves the atoms of the residue"),
)
_NOT_KNOWN, _NONE = "?", "."


def cif_document(
    layout: Layout, model: AtomicModel, title: str, resolution_A: float | None
) -> gemmi.cif.Document:
    """A model with the sequences of its chains, its metrics, and what it lacks."""
    block = _block(layout, title, resolution_A)
    residues = model.residues.select(layout.rows)
    _quality(block, residues, layout)
    _residues(block, residues)
    _sequences(block, layout)
    _unobserved(block, layout)
    loop = block.init_loop(UNMODELLED, ["chain", "first", "last", "reason"])
    for u in layout.unmodelled:
        loop.add_row([_text(u.chain), str(u.first), str(u.last), _text(u.reason)])
    loop = block.init_loop(POLYMER, ["chain", "residues", "built", "sequence"])
    for p in model.polymers:
        built = int((residues.chains == p.name).sum())
        loop.add_row([_text(p.name), str(len(p.sequence)), str(built), _text(p.sequence)])
    return _document(block)


def trace_document(layout: Layout, trace: Trace, title: str) -> gemmi.cif.Document:
    """A trace: a chain for each fragment, and what its residues may be."""
    block = _block(layout, title, None)
    kinds = [f"type_{letter}" for letter in LETTERS]
    columns = ["chain", "number", "fragment", "confidence", "helix", "strand", "coil", *kinds]
    _sequences(block, layout)
    loop = block.init_loop(TRACE, columns)
    places = [(chain, str(r.seqid)) for chain, r in layout.residues()]
    values = np.column_stack([trace.confidence, trace.secondary, trace.types])
    for place, row in zip(places, layout.rows.tolist(), strict=True):
        numbers = (f"{value:.4f}" for value in values[row])
        loop.add_row([*place, str(trace.fragment[row]), *numbers])
    return _document(block)


def _block(layout: Layout, title: str, resolution_A: float | None) -> gemmi.cif.Block:
    structure = layout.structure
    structure.info["_entry.id"] = structure.name
    structure.info["_struct.title"] = ascii_text(title)
    structure.info["_exptl.method"] = "ELECTRON MICROSCOPY"
    structure.meta.software = [_software()]
    groups = gemmi.MmcifOutputGroups(True, auth_all=True)
    groups.cell = groups.symmetry = False
    block = structure.make_mmcif_block(groups)
    # gemmi leaves the kinds open, and some programs then take residues for ligands.
    for row in block.find("_chem_comp.", ["id", "type"]):
        row[1] = "'peptide linking'" if row[0] == "GLY" else "'L-peptide linking'"
    if resolution_A is not None:
        block.set_pair("_em_3d_reconstruction.entry_id", structure.name)
        block.set_pair("_em_3d_reconstruction.id", "1")
        block.set_pair("_em_3d_reconstruction.resolution", f"{resolution_A:.2f}")
    block.set_pair(f"{MODEL}program", PROGRAM)
    block.set_pair(f"{MODEL}version", _text(napari_cryoai.__version__))
    if layout.says_confidence:
        block.set_pair(f"{MODEL}b_factors", _text(B_FACTORS))
    return block


def _quality(block: gemmi.cif.Block, residues: Residues, layout: Layout) -> None:
    """Metrics where viewers look for those of predicted models."""
    tags = ["id", "name", "description", "type", "mode"]
    loop = block.init_loop("_ma_qa_metric.", tags)
    for metric, name, description in METRICS:
        loop.add_row([metric, name, _text(description), "'normalized score'", "local"])
    columns = ["model_id", "label_asym_id", "label_seq_id", "label_comp_id"]
    columns += ["metric_id", "metric_value", "ordinal_id"]
    loop = block.init_loop("_ma_qa_metric_local.", columns)
    names = [residue.name for _, residue in layout.residues()]
    count = 0
    for (metric, _, _), values in zip(METRICS, (residues.confidence, residues.q), strict=True):
        for row in np.flatnonzero(np.isfinite(values)).tolist():
            count += 1
            place = [_text(residues.chains[row]), str(residues.numbers[row]), names[row]]
            loop.add_row(["1", *place, metric, f"{values[row]:.4f}", str(count)])


def _residues(block: gemmi.cif.Block, residues: Residues) -> None:
    columns = ["chain", "number", "letter", "confidence", "runner_up", "margin", "secondary", "q"]
    loop = block.init_loop(RESIDUE, columns)
    r = residues
    for row in range(len(r)):
        runner_up = str(r.runner_up[row]) if r.runner_up[row] else _NONE
        place = [_text(r.chains[row]), str(r.numbers[row]), str(r.letters[row])]
        confidence, margin, q = (_number(v[row]) for v in (r.confidence, r.margin, r.q))
        loop.add_row([*place, confidence, runner_up, margin, str(r.secondary[row]), q])


def _sequences(block: gemmi.cif.Block, layout: Layout) -> None:
    """What gemmi leaves out of the sequences, and programs look for."""
    poly = block.find_loop("_entity_poly.entity_id").get_loop()
    poly.add_columns(["_entity_poly.pdbx_seq_one_letter_code_can"], _NOT_KNOWN)
    entity_of: dict[str, tuple[str, list[str]]] = {}
    for entity in layout.structure.entities:
        if entity.entity_type == gemmi.EntityType.Polymer:
            letters = "".join(letter_of(name) for name in entity.full_sequence)
            row = [poly[i, 0] for i in range(poly.length())].index(entity.name)
            poly[row, poly.width() - 1] = letters
            for chain in entity.subchains:
                entity_of[chain] = (entity.name, entity.full_sequence)
    columns = ["asym_id", "entity_id", "seq_id", "mon_id", "ndb_seq_num", "pdb_seq_num"]
    columns += ["auth_seq_num", "pdb_mon_id", "auth_mon_id", "pdb_strand_id", "pdb_ins_code"]
    loop = block.init_loop("_pdbx_poly_seq_scheme.", [*columns, "hetero"])
    built = {(chain, residue.label_seq) for chain, residue in layout.residues()}
    for chain, (entity_id, names) in entity_of.items():
        for n, name in enumerate(names, 1):
            here = (str(n), name) if (chain, n) in built else (_NOT_KNOWN, _NOT_KNOWN)
            ids = [chain, entity_id, str(n), name, str(n), str(n)]
            loop.add_row([*ids, here[0], here[1], here[1], chain, _NONE, "n"])


def _unobserved(block: gemmi.cif.Block, layout: Layout) -> None:
    """What chains lack, where the archive lists what a map does not show."""
    columns = ["id", "polymer_flag", "occupancy_flag", "PDB_model_num", "auth_asym_id"]
    columns += ["auth_comp_id", "auth_seq_id", "PDB_ins_code", "label_asym_id"]
    columns += ["label_comp_id", "label_seq_id"]
    loop = block.init_loop("_pdbx_unobs_or_zero_occ_residues.", columns)
    for count, (chain, number, name) in enumerate(missing(layout), 1):
        place = [_text(chain), name, str(number)]
        loop.add_row([str(count), "Y", "1", "1", *place, _NOT_KNOWN, *place])


def missing(layout: Layout) -> Iterable[tuple[str, int, str]]:
    """Chain, number and name of each residue that chains of the file lack."""
    for stretch in layout.unmodelled:
        sequence = layout.sequences.get(stretch.chain)
        if sequence is not None:
            for number in range(stretch.first, stretch.last + 1):
                yield stretch.chain, number, sequence[number - 1]


def ascii_text(text: str) -> str:
    """In the letters that coordinate files may hold, on one line."""
    return " ".join(text.encode("ascii", "replace").decode().split())


def _document(block: gemmi.cif.Block) -> gemmi.cif.Document:
    document = gemmi.cif.Document()
    document.add_copied_block(block)
    # A table without rows is no CIF.
    for item in list(document[0]):
        if item.loop is not None and not item.loop.length():
            item.erase()
    return document


def _software() -> gemmi.SoftwareItem:
    item = gemmi.SoftwareItem()
    item.name, item.version = PROGRAM, napari_cryoai.__version__
    item.classification = gemmi.SoftwareItem.Classification.ModelBuilding
    return item


def _text(value: object) -> str:
    return gemmi.cif.quote(ascii_text(str(value)))


def _number(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else _NOT_KNOWN
