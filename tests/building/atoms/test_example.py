"""The example protein is one that nature could have made, and its map is of it."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from napari_cryoai.building.atoms.example import SEQUENCE, example_map, example_model, torsions_deg
from napari_cryoai.building.scoring.geometry import (
    ca_geometry,
    clashscore,
    deviations,
    ramachandran,
    rotamers,
)
from napari_cryoai.core.amino_acids import LETTERS, letter_of
from napari_cryoai.core.atomic_model import AtomicModel


@pytest.fixture(scope="module")
def example() -> AtomicModel:
    return example_model()


def test_it_has_every_amino_acid_and_the_sequence_that_it_says(example):
    atoms = example.structure
    names = atoms.residue_names[atoms.atom_names == "CA"]
    assert "".join(letter_of(name) for name in names) == SEQUENCE
    assert example.polymers[0].sequence == "".join(example.residues.letters) == SEQUENCE
    assert set(SEQUENCE) == set(LETTERS)


def test_its_torsions_are_those_that_it_was_made_from(example):
    found = ramachandran(example.structure)
    assert np.allclose(found.phi_deg[1:], torsions_deg()[1:, 0], atol=1e-6)
    assert np.allclose(found.psi_deg[:-1], torsions_deg()[:-1, 1], atol=1e-6)
    assert np.allclose(np.abs(found.omega_deg[1:]), 180)


def test_its_geometry_is_sound(example):
    atoms = example.structure
    assert ramachandran(atoms).favoured > 0.95
    assert rotamers(atoms).outliers == 0
    assert ca_geometry(atoms).outliers == 0
    assert clashscore(atoms) < 3
    found = deviations(atoms)
    assert found.bonds_rmsz < 0.2
    assert found.angles_rmsz < 0.4
    assert found.chirality_errors == 0
    steps = np.linalg.norm(np.diff(example.residues.ca_A, axis=0), axis=1)
    assert np.allclose(steps, 3.80, atol=0.02)


def test_it_is_four_helices_in_a_compact_bundle(example):
    runs = [(kind, len(list(run))) for kind, run in groupby(example.residues.secondary)]
    assert [length > 15 for kind, length in runs if kind == "H"] == [True] * 4
    ca_A = example.residues.ca_A
    gyration_A = np.sqrt(((ca_A - ca_A.mean(0)) ** 2).sum(1).mean())
    # Folded proteins: 2.2 N^0.38 A (Skolnick, Kolinski and Ortiz 1997, J. Mol. Biol. 265, 217).
    assert gyration_A < 1.1 * 2.2 * len(ca_A) ** 0.38


def test_its_core_is_greasy_and_its_surface_charged(example):
    atoms = example.structure
    heavy = atoms.xyz_A
    cb = heavy[atoms.atom_names == "CB"]
    names = atoms.residue_names[atoms.atom_names == "CB"]
    around = (np.linalg.norm(cb[:, None] - heavy, axis=2) < 10).sum(1)
    greasy = np.isin(names, ["LEU", "ILE", "VAL", "PHE", "MET"])
    charged = np.isin(names, ["GLU", "LYS", "ASP", "ARG"])
    assert around[greasy].mean() > 1.2 * around[charged].mean()


def test_it_is_the_same_every_time(example):
    assert np.array_equal(example_model().structure.xyz_A, example.structure.xyz_A)


def test_the_map_shows_the_atoms_where_they_are(example):
    density = example_map(example, seed=1)
    values = (density.data - density.data.mean()) / density.data.std()

    def at(xyz_A: np.ndarray) -> float:
        index = (xyz_A[:, ::-1] - density.origin_A) / density.pixel_size_A
        return float(map_coordinates(values, index.T, order=1).mean())

    atoms = example.structure
    main = atoms.xyz_A[np.isin(atoms.atom_names, ["N", "CA", "C"])]
    assert at(main) > 3
    for axis in np.eye(3):
        for away_A in (-1.0, 1.0):
            assert at(main + away_A * axis) < 0.9 * at(main)
    assert at(main * [1, 1, -1]) < 0.5 * at(main)


def test_the_seed_is_that_of_the_noise(example):
    one, same, other = (example_map(example, seed).data for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert 0.5 < np.corrcoef(one.ravel(), other.ravel())[0, 1] < 0.999
