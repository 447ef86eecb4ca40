"""No relative of a test structure is trained on."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.structures import read_structure, structures_in
from napari_cryoai.physics.simulators.structure_split import (
    chain_words,
    families,
    split_structures,
    words_of,
)

LETTERS = [gemmi.expand_one_letter(c, gemmi.ResidueKind.AA) for c in "ARNDCQEGHILKMFPSTWYV"]
DATA = Path(__file__).parents[3] / "shared" / "data" / "structures"


def sequence(seed, length=120):
    return np.random.default_rng(seed).choice(LETTERS, length).tolist()


def mutated(residues, share, seed):
    rng = np.random.default_rng(seed)
    return [str(rng.choice(LETTERS)) if rng.random() < share else r for r in residues]


def written(path, *chains):
    lines = []
    for chain, residues in zip("ABCD", chains, strict=False):
        for i, name in enumerate(residues):
            serial, x = len(lines) + 1, 3.8 * (i % 100)
            lines.append(
                f"ATOM  {serial:5d}  CA  {name} {chain}{i + 1:4d}    "
                f"{x:8.3f}{0.0:8.3f}{0.0:8.3f}  1.00 30.00           C"
            )
    path.write_text("\n".join([*lines, "END", ""]))
    return path


def test_the_words_of_a_chain_are_its_overlapping_pieces(tmp_path):
    path = written(tmp_path / "a.pdb", ["MSE", "ALA", "GLY", "SER", "VAL", "LEU"])
    assert chain_words(read_structure(path)) == [{"MAGSV", "AGSVL"}]


def test_relatives_are_one_family_and_strangers_are_not(tmp_path):
    a = sequence(0)
    paths = [
        written(tmp_path / "a.pdb", a),
        written(tmp_path / "b.pdb", sequence(1)),
        written(tmp_path / "c.pdb", sequence(2), mutated(a, 0.1, 3)),
        written(tmp_path / "d.pdb", a[30:100]),
    ]
    assert families(words_of(paths)) == [[paths[0], paths[2], paths[3]], [paths[1]]]


def test_a_complex_joins_the_families_of_its_chains(tmp_path):
    a, b = sequence(0), sequence(1)
    paths = [
        written(tmp_path / "a.pdb", a),
        written(tmp_path / "b.pdb", b),
        written(tmp_path / "both.pdb", a, b),
    ]
    assert families(words_of(paths)) == [paths]


def test_each_structure_goes_to_one_part_and_stays_there_when_others_come(tmp_path):
    paths = [written(tmp_path / f"s{i:03d}.pdb", sequence(i, 40)) for i in range(120)]
    before = split_structures(paths)
    assert sorted([*before[0], *before[1], *before[2]]) == paths
    assert 0.7 < len(before[0]) / len(paths) < 0.9
    assert len(before[1]) > 3
    assert len(before[2]) > 3
    after = split_structures([*paths, written(tmp_path / "t.pdb", sequence(999, 40))])
    assert all(set(old) <= set(new) for old, new in zip(before, after, strict=True))


def test_a_file_that_cannot_be_read_is_told_and_left_out(tmp_path):
    paths = [written(tmp_path / f"s{i}.pdb", sequence(i, 40)) for i in range(3)]
    broken = tmp_path / "broken.cif"
    broken.write_text("data_x\nloop_\n_atom_site.id\n'")
    with pytest.raises(CryoAIError, match="broken"):
        split_structures([*paths, broken])
    told = []
    parts = split_structures([*paths, broken], told.append)
    assert sorted(path for part in parts for path in part) == paths
    assert [error.path for error in told] == [broken]
    assert split_structures([broken], told.append) == ([], [], [])


@pytest.mark.skipif(not DATA.is_dir(), reason="the structures are not at hand")
@pytest.mark.slow
def test_no_chain_of_the_test_structures_resembles_one_of_the_others():
    train, validation, test = split_structures(structures_in(DATA))
    assert min(len(validation), len(test)) >= 15
    known = [words for path in train for words in chain_words(read_structure(path))]
    for path in (*validation, *test):
        for words in chain_words(read_structure(path)):
            assert all(len(words & k) < 0.2 * min(len(words), len(k)) for k in known)
