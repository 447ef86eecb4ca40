"""Atomic models and traces that were built: mmCIF and PDB."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np

from napari_cryoai.core.amino_acids import UNKNOWN, UNKNOWN_NAME
from napari_cryoai.core.atomic_model import AtomicModel, Residues
from napari_cryoai.core.chain_names import chain_names
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.core.trace import Trace
from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.model_cif import cif_document, trace_document
from napari_cryoai.io.model_layout import lay_out
from napari_cryoai.io.model_pdb import check_pdb, pdb_chain_names, pdb_text

AnyPath = str | PathLike[str]
PDB_SUFFIXES, CIF_SUFFIXES = (".pdb", ".ent"), (".cif", ".mmcif")


def write_model(
    path: AnyPath, model: AtomicModel, *, title: str, resolution_A: float | None = None
) -> None:
    """Write a model; the name's ending says whether as mmCIF or as PDB.

    Residues bear the numbers of their places in the sequence, in the columns of the label and of
    the author alike. The column of B-factors holds 100 times the confidence, which the file says;
    of a model that says none, its own. mmCIF holds everything; PDB files lack runner-ups, margins
    and Q-scores.

    Parameters
    ----------
    path
        Ends in .cif, .mmcif, .pdb or .ent.
    model
        At least one residue.
    title
        One line.
    resolution_A
        Of the map.

    Raises
    ------
    CryoAIError
        If the model is empty or contradicts itself, or is too large for a PDB file.
    """
    if _is_pdb(path):
        text = _as_pdb(path, model, title, resolution_A)
    else:
        text = cif_document(lay_out(model, path), model, title, resolution_A).as_string()
    write_text(path, text)


def write_trace(path: AnyPath, trace: Trace, *, title: str = "Backbone trace") -> None:
    """Write a trace: CA, and N and C where they are known, of residues called UNK.

    Each fragment is a chain, A, B, ..., AA, numbered from 1. mmCIF also holds the probabilities of
    amino acids and secondary structure, so that the trace can be threaded again.

    Raises
    ------
    CryoAIError
        If the trace is empty, or has too many fragments for a PDB file.
    """
    model = model_of_trace(trace)
    if _is_pdb(path):
        text = _as_pdb(path, model, title, None)
    else:
        text = trace_document(lay_out(model, path), trace, title).as_string()
    write_text(path, text)


def model_of_trace(trace: Trace) -> AtomicModel:
    """A trace as a model of unknown residues, one chain for each fragment."""
    n = len(trace)
    chains, numbers = np.empty(n, object), np.empty(n, np.intp)
    for name, rows in zip(chain_names(), trace.fragments(), strict=False):
        chains[rows], numbers[rows] = name, np.arange(1, len(rows) + 1)
    residues = Residues(
        chains=chains.astype(np.str_),
        numbers=numbers,
        letters=np.full(n, UNKNOWN),
        ca_A=trace.ca_A,
        confidence=trace.confidence,
        runner_up=np.zeros(n, np.intp),
        margin=np.full(n, np.nan),
        secondary=np.array(list("HEC"))[trace.secondary.argmax(1)],
        q=np.full(n, np.nan),
    )
    return AtomicModel(_backbone(trace, residues), residues)


def _backbone(trace: Trace, residues: Residues) -> Structure:
    """The atoms N, CA and C of a trace, residue by residue."""
    n = len(trace)
    xyz_A = np.stack([trace.n_A, trace.ca_A, trace.c_A], 1).reshape(-1, 3)
    names, elements = np.tile(["N", "CA", "C"], n), np.tile(["N", "C", "C"], n)
    row = np.repeat(np.arange(n), 3)
    # CA without a position stays: the writer has to complain about it.
    kept = np.isfinite(xyz_A).all(1) | (names == "CA")
    row, xyz_A, names, elements = (column[kept] for column in (row, xyz_A, names, elements))
    ones, unknown = np.ones(len(row)), np.full(len(row), UNKNOWN_NAME)
    numbers = residues.numbers[row].astype(np.str_)
    chains = residues.chains[row]
    return Structure(xyz_A, elements, 0 * ones, ones, chains, numbers, unknown, names)


def _is_pdb(path: AnyPath) -> bool:
    suffix = Path(path).suffix.lower()
    if suffix in (*PDB_SUFFIXES, *CIF_SUFFIXES):
        return suffix in PDB_SUFFIXES
    raise CryoAIError(
        "is no name for a model", path=path, remedy="Let it end in .cif (mmCIF) or .pdb"
    )


def _as_pdb(path: AnyPath, model: AtomicModel, title: str, resolution_A: float | None) -> str:
    if len(model.residues):
        check_pdb(model, path)
    names = pdb_chain_names(list(dict.fromkeys(model.residues.chains.tolist())), path)
    return pdb_text(lay_out(model, path, names), names, title, resolution_A)
