"""Models in PDB files, as far as their columns hold them."""

from __future__ import annotations

import string
import textwrap
from os import PathLike

import gemmi

import napari_cryoai
from napari_cryoai.core.atomic_model import AtomicModel
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.model_cif import B_FACTORS, PROGRAM, ascii_text, missing
from napari_cryoai.io.model_layout import Layout

CHAIN_NAMES = string.ascii_uppercase + string.ascii_lowercase + string.digits
MOST_RECORDS, HIGHEST_NUMBER = 99_999, 9_999
LOWEST_A, HIGHEST_A = -999.999, 9_999.999
_WIDTH = 69


def pdb_chain_names(chains: list[str], path: str | PathLike[str]) -> dict[str, str]:
    """A letter or digit for each chain: its own name, if it is one, or the next that is free.

    Raises
    ------
    CryoAIError
        If there are more than 62 chains.
    """
    if len(chains) > len(CHAIN_NAMES):
        raise _too_large(f"{len(chains)} chains, and a PDB file holds {len(CHAIN_NAMES)}", path)
    taken = {chain for chain in chains if chain in CHAIN_NAMES}
    free = (name for name in CHAIN_NAMES if name not in taken)
    return {chain: chain if chain in taken else next(free) for chain in chains}


def check_pdb(model: AtomicModel, path: str | PathLike[str]) -> None:
    """Refuse what the columns of a PDB file cannot hold, rather than write it wrong.

    Raises
    ------
    CryoAIError
        If there are too many atoms, numbers are too high, or positions too far out.
    """
    atoms, chains = len(model.structure), len(set(model.residues.chains.tolist()))
    if atoms + chains > MOST_RECORDS:
        raise _too_large(f"{atoms:,} atoms, and a PDB file holds {MOST_RECORDS:,}", path)
    highest = int(model.residues.numbers.max())
    if highest > HIGHEST_NUMBER:
        raise _too_large(f"a residue {highest}; in a PDB file they end at {HIGHEST_NUMBER}", path)
    if model.structure.xyz_A.min() < LOWEST_A or model.structure.xyz_A.max() > HIGHEST_A:
        raise _too_large(f"atoms beyond {LOWEST_A:.0f} or {HIGHEST_A:.0f} A", path)


def pdb_text(layout: Layout, names: dict[str, str], title: str, resolution_A: float | None) -> str:
    """The file; chains are called as `names` says, and the remarks tell which was which."""
    structure = layout.structure
    structure.info["_struct.title"] = ascii_text(title)
    structure.info["_exptl.method"] = "ELECTRON MICROSCOPY"
    lines = [] if resolution_A is None else ["", f"RESOLUTION. {resolution_A:7.2f} ANGSTROMS."]
    remarks = _remark(2, lines)
    remarks += _remark(3, ["", *_about(layout, names)])
    remarks += _remark(465, _missing(layout, names))
    structure.raw_remarks = remarks
    return str(structure.make_pdb_string())


def _about(layout: Layout, names: dict[str, str]) -> list[str]:
    lines = [f"MADE BY {PROGRAM} {ascii_text(napari_cryoai.__version__)}"]
    if layout.says_confidence:
        lines += textwrap.wrap(f"COLUMN OF B-FACTORS: {B_FACTORS}", _WIDTH)
    return lines + [f"CHAIN {new} IS {old}" for old, new in names.items() if old != new]


def _missing(layout: Layout, names: dict[str, str]) -> list[str]:
    if not layout.unmodelled:
        return []
    lines = ["", "MISSING RESIDUES"]
    for u in layout.unmodelled:
        told = f"{names.get(u.chain, u.chain)} {u.first}-{u.last}: {ascii_text(u.reason)}"
        lines += textwrap.wrap(told, _WIDTH)
    lines += ["", "  M RES C SSSEQI"]
    return lines + [f"    {name} {names[chain]} {n:5d}" for chain, n, name in missing(layout)]


def _remark(number: int, lines: list[str]) -> list[str]:
    return [f"REMARK {number:3d} {line}".ljust(80) for line in lines]


def _too_large(what: str, path: str | PathLike[str]) -> CryoAIError:
    return CryoAIError(f"the model has {what}", path=path, remedy="Write it as mmCIF (.cif)")


def made_here(structure: gemmi.Structure) -> bool:
    """Whether the B-factors of a PDB file that was read are confidences of ours."""
    return any(B_FACTORS[:40] in remark for remark in structure.raw_remarks)
