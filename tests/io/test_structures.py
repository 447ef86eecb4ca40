"""Structures as they are deposited."""

from __future__ import annotations

import gzip
from pathlib import Path

import gemmi
import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.structures import read_structure

PDB = """\
ATOM      1  N   ALA A   1      11.104   6.134  -6.504  1.00 20.00           N
ATOM      2  CA AALA A   1      11.639   6.071  -5.147  0.40 30.00           C
ATOM      3  CA BALA A   1      11.739   6.171  -5.247  0.60 35.00           C
ATOM      4  HA  ALA A   1      11.039   5.071  -5.147  1.00 30.00           H
HETATM    5  O   HOH A 101       1.000   2.000   3.000  1.00 40.00           O
HETATM    6 FE   HEM A 102      -1.000  -2.000  -3.000  0.50 25.00          FE
END
"""


@pytest.fixture
def pdb(tmp_path: Path) -> Path:
    path = tmp_path / "small.pdb"
    path.write_text(PDB)
    return path


def test_hydrogens_waters_and_minor_locations_are_left_out(pdb: Path) -> None:
    found = read_structure(pdb)
    assert found.elements.tolist() == ["N", "C", "FE"]
    assert found.atom_names.tolist() == ["N", "CA", "FE"]
    assert np.allclose(found.xyz_A[1], [11.739, 6.171, -5.247])
    assert found.b_factors_A2.tolist() == [20, 35, 25]
    assert found.residue_numbers.tolist() == ["1", "1", "102"]
    assert found.occupancies.tolist() == [1, 1, 0.5]


def test_all_of_them_can_be_had(pdb: Path) -> None:
    found = read_structure(pdb, hydrogens=True, waters=True, alternatives=True)
    assert len(found) == 6
    assert np.allclose(found.occupancies, [1, 0.4, 0.6, 1, 1, 0.5])


def test_mmcif_and_gzip_say_the_same_as_pdb(pdb: Path, tmp_path: Path) -> None:
    cif, packed = tmp_path / "small.cif", tmp_path / "small.pdb.gz"
    gemmi.read_pdb(str(pdb)).make_mmcif_document().write_file(str(cif))
    packed.write_bytes(gzip.compress(PDB.encode()))
    text = read_structure(pdb)
    for path in (cif, packed):
        other = read_structure(path)
        assert np.allclose(other.xyz_A, text.xyz_A)
        assert other.elements.tolist() == text.elements.tolist()


@pytest.mark.parametrize(
    ("name", "atoms", "nucleic"), [("ngl__1d66", 1707, 773), ("ngl__1ema", 1771, 0)]
)
def test_deposited_structures(data: Path, name: str, atoms: int, nucleic: int) -> None:
    found = read_structure(data / "structures" / f"{name}.pdb.gz")
    assert len(found) <= atoms
    assert found.is_nucleic().sum() == nucleic
    assert not {"H", "D"} & set(found.elements.tolist())
    assert (found.b_factors_A2 > 0).all()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.pdb", b"REMARK nothing\nEND\n", "holds no atoms"),
        ("a.cif", b"not cif at all", "is no PDB or mmCIF file"),
        ("a.pdb.gz", b"not gzip", "cannot be read"),
        ("a.pdb", b"", "is empty"),
        ("a.cif", b"data_x\n_cell.length_a 1\n", "holds no atoms"),
        ("w.pdb", PDB.splitlines()[4].encode(), "holds no atoms"),
    ],
)
def test_what_is_no_structure_is_refused(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CryoAIError, match=says):
        read_structure(path)
    with pytest.raises(CryoAIError, match="no such file"):
        read_structure(tmp_path / "absent.pdb")
