"""What lies beside the protein of a model: ligands, waters, nucleic acids that were read."""

from __future__ import annotations

from collections.abc import Mapping

import gemmi
import numpy as np

from napari_cryoai.core.structure import Structure


def add_others(structure: gemmi.Structure, atoms: Structure, names: Mapping[str, str]) -> None:
    """Add atoms that are no protein to their chains, each residue for itself, as they were read."""
    model = structure[0]
    entities: dict[str, gemmi.Entity] = {}
    index = atoms.residue_index()
    for count, rows in enumerate(_groups(index), 1):
        residue = _residue(atoms, rows)
        name = names.get(atoms.chains[rows[0]], str(atoms.chains[rows[0]]))
        residue.subchain = f"{name}x{count}"
        chain = model.find_chain(name)
        if chain is None:
            chain = model.add_chain(gemmi.Chain(name))
        chain.add_residue(residue)
        if residue.name not in entities:
            entities[residue.name] = _entity(residue, len(structure.entities) + len(entities) + 1)
        entities[residue.name].subchains = [*entities[residue.name].subchains, residue.subchain]
    for entity in entities.values():
        structure.entities.append(entity)


def atom_of(structure: Structure, row: int, b_factor_A2: float) -> gemmi.Atom:
    """An atom of a structure, as gemmi has them."""
    atom = gemmi.Atom()
    atom.name = str(structure.atom_names[row])
    atom.element = gemmi.Element(str(structure.elements[row]))
    atom.pos = gemmi.Position(*structure.xyz_A[row].tolist())
    atom.occ, atom.b_iso = float(structure.occupancies[row]), b_factor_A2
    return atom


def _groups(index: np.ndarray[tuple[int], np.dtype[np.intp]]) -> list[list[int]]:
    cuts = np.flatnonzero(np.diff(index)) + 1
    return [rows.tolist() for rows in np.split(np.arange(len(index)), cuts) if len(rows)]


def _residue(atoms: Structure, rows: list[int]) -> gemmi.Residue:
    residue = gemmi.Residue()
    residue.name = str(atoms.residue_names[rows[0]])
    residue.seqid = gemmi.SeqId(str(atoms.residue_numbers[rows[0]]))
    residue.het_flag = "H"
    residue.entity_type = _kind(residue)
    for row in rows:
        residue.add_atom(atom_of(atoms, row, float(atoms.b_factors_A2[row])))
    return residue


def _entity(residue: gemmi.Residue, number: int) -> gemmi.Entity:
    entity = gemmi.Entity(str(number))
    entity.entity_type = residue.entity_type
    return entity


def _kind(residue: gemmi.Residue) -> gemmi.EntityType:
    return gemmi.EntityType.Water if residue.is_water() else gemmi.EntityType.NonPolymer
