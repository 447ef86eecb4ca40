"""Atomic structures in PDB and mmCIF files, also compressed with gzip; read by gemmi."""

from __future__ import annotations

import gzip
import zlib
from os import PathLike
from pathlib import Path
from typing import Any

import gemmi
import numpy as np

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.io.guards import check_readable

AnyPath = str | PathLike[str]

SUFFIXES = (".pdb", ".ent", ".cif", ".mmcif")
MAX_BYTES = 1 << 30
"""Largest text we unpack: four times a whole HIV capsid."""


def read_structure(
    path: AnyPath,
    *,
    hydrogens: bool = False,
    waters: bool = False,
    alternatives: bool = False,
) -> Structure:
    """Read the first model of a file.

    Parameters
    ----------
    hydrogens, waters
        Whether to keep them.
    alternatives
        Keep all alternative locations of an atom with their occupancies, and not the one with the
        highest alone, which is then taken for full.

    Raises
    ------
    CryoAIError
        If the file cannot be understood, or no atom is left.
    """
    path = check_readable(path)
    model = _first_model(parse(path), path)
    structure = _table(model, waters=waters, alternatives=alternatives)
    if not hydrogens:
        structure = structure.select(~np.isin(structure.elements, ["H", "D"]))
    if not np.isfinite(structure.xyz_A).all():
        raise CryoAIError(
            "holds an atom without a position", path=path, remedy="Remove that atom from the file"
        )
    if not len(structure):
        raise CryoAIError(
            "holds no atoms", path=path, remedy="Check that it is the coordinate file"
        )
    return structure


def structures_in(folder: AnyPath) -> list[Path]:
    """The coordinate files of a folder, sorted by name.

    Raises
    ------
    CryoAIError
        If there is none.
    """
    folder = Path(folder)
    found = sorted(
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.name.lower().removesuffix(".gz").endswith(SUFFIXES)
    )
    if found:
        return found
    raise CryoAIError(
        "holds no structures" if folder.is_dir() else "is no folder",
        path=folder,
        remedy="Give a folder of files that end in .pdb or .cif, with or without .gz",
    )


def parse(path: Path) -> gemmi.Structure:
    """All that gemmi finds in a file.

    Raises
    ------
    CryoAIError
        If the file cannot be understood.
    """
    text = coordinate_text(path)
    try:
        if is_cif(path, text):
            return gemmi.make_structure_from_block(gemmi.cif.read_string(text)[0])
        return gemmi.read_pdb_string(text)
    except (ValueError, RuntimeError, IndexError) as error:
        raise CryoAIError(
            f"is no PDB or mmCIF file ({str(error).splitlines()[0]})",
            path=path,
            remedy="Give a file that ends in .pdb or .cif, with or without .gz",
        ) from None


def is_cif(path: Path, text: bytes) -> bool:
    """Whether it is mmCIF, by the name or by how it begins."""
    name = path.name.lower().removesuffix(".gz")
    return name.endswith((".cif", ".mmcif")) or text.lstrip()[:5].lower() == b"data_"


def coordinate_text(path: Path) -> bytes:
    """The text, unpacked if it is compressed."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            text: bytes = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise CryoAIError(
            f"cannot be read ({error})", path=path, remedy="Copy or download the file again"
        ) from None
    if len(text) > MAX_BYTES:
        raise CryoAIError(
            "is too big for a structure", path=path, remedy="Split it into one file per chain"
        )
    return text


def _first_model(found: gemmi.Structure, path: Path) -> gemmi.Model:
    if not len(found):
        raise CryoAIError(
            "holds no atoms", path=path, remedy="Check that it is the coordinate file"
        )
    found.setup_entities()
    return found[0]


def _table(model: gemmi.Model, *, waters: bool, alternatives: bool) -> Structure:
    """The atoms of a model, one row each."""
    rows: list[tuple[Any, ...]] = []
    for chain in model:
        for residue in chain:
            if residue.is_water() and not waters:
                continue
            kept = list(residue) if alternatives else _highest(residue)
            label = str(residue.seqid)
            rows += [_row(chain.name, label, residue.name, a, alternatives) for a in kept]
    columns = list(zip(*rows, strict=True)) or [()] * 8
    xyz, elements, b, occupancy, chains, numbers, residues, atoms = columns
    return Structure(
        np.array(xyz, np.float64).reshape(-1, 3),
        np.array(elements, np.str_),
        np.array(b, np.float64),
        np.array(occupancy, np.float64),
        *(np.array(texts, np.str_) for texts in (chains, numbers, residues, atoms)),
    )


def _row(chain: str, number: str, residue: str, atom: gemmi.Atom, weigh: bool) -> tuple[Any, ...]:
    occupancy = 1.0 if atom.has_altloc() and not weigh else atom.occ
    element = atom.element.name.upper()
    place = atom.pos.tolist()
    return (place, element, atom.b_iso, occupancy, chain, number, residue, atom.name)


def _highest(residue: gemmi.Residue) -> list[gemmi.Atom]:
    """One atom of every name: the one of the highest occupancy, the first of equals."""
    best: dict[str, gemmi.Atom] = {}
    for atom in residue:
        if atom.name not in best or atom.occ > best[atom.name].occ:
            best[atom.name] = atom
    return list(best.values())
