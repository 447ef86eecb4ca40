"""Geometry of models: on a helix that is known, and on structures that were refined."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.building.scoring.geometry import (
    CaGeometry,
    ca_geometry,
    clashes,
    clashscore,
    deviations,
    ramachandran,
    rotamers,
)
from napari_cryoai.core.structure import Structure
from napari_cryoai.io.structures import read_structure

DATA = Path(__file__).parents[4] / "shared" / "data" / "structures"


@pytest.fixture(scope="module")
def refined() -> Structure:
    """A crystal structure at high resolution; no table knows it."""
    path = DATA / "biotite__1o1z.pdb.gz"
    if not path.is_file():
        pytest.skip("the structures are not at hand")
    return read_structure(path)


def test_an_alpha_helix_has_its_angles(peptide):
    found = ramachandran(peptide)
    inner = slice(1, -1)
    assert np.allclose(found.phi_deg[inner], -63, atol=0.5)
    assert np.allclose(found.psi_deg[inner], -42, atol=0.5)
    assert np.allclose(np.abs(found.omega_deg[1:]), 180, atol=0.5)
    assert found.favoured == 1.0
    assert not found.is_cis.any()
    assert not found.is_twisted.any()


def test_ends_have_no_region(peptide):
    region = ramachandran(peptide).region
    assert region[0] == region[-1] == ""
    assert (region[1:-1] != "").all()


def test_a_mirror_image_has_outliers_and_wrong_hands(peptide):
    mirrored = peptide.moved_to(peptide.xyz_A * [1, 1, -1])
    assert ramachandran(mirrored).outliers > 0.05
    chiral = len(np.unique(peptide.residue_numbers[peptide.atom_names == "CB"]))
    assert deviations(mirrored).chirality_errors == chiral
    assert deviations(peptide).chirality_errors == 0


def test_no_torsion_goes_over_a_break(peptide):
    cut = peptide.select(peptide.residue_numbers != "10")
    omega = ramachandran(cut).omega_deg
    after = list(dict.fromkeys(cut.residue_numbers.tolist())).index("11")
    assert np.isnan(omega[after])
    assert np.isfinite(np.delete(omega, [0, after])).all()


def test_a_refined_structure_is_sound(refined):
    angles = ramachandran(refined)
    assert angles.favoured > 0.97
    assert angles.outliers < 0.005
    assert rotamers(refined).outliers < 0.02
    assert clashscore(refined) < 8
    found = deviations(refined)
    assert found.bonds_rmsz < 1
    assert found.angles_rmsz < 1
    assert ca_geometry(refined).outliers < 0.01


def test_noise_of_a_third_of_an_angstrom_shows_in_every_measure(refined):
    rng = np.random.default_rng(0)
    noisy = refined.moved_to(refined.xyz_A + rng.normal(0, 0.3, refined.xyz_A.shape))
    assert ramachandran(noisy).favoured < 0.85
    assert clashscore(noisy) > clashscore(refined) + 10
    assert deviations(noisy).bonds_rmsz > 10
    assert rotamers(noisy).outliers > rotamers(refined).outliers


def test_two_atoms_on_top_of_each_other_clash_and_bound_ones_do_not():
    far = Structure.of_atoms([[0, 0, 0], [3.5, 0, 0]])
    near = Structure.of_atoms([[0, 0, 0], [2.5, 0, 0]])
    assert clashscore(far) == 0
    found = clashes(near)
    assert found.pairs.tolist() == [[0, 1]]
    assert found.overlap_A == pytest.approx([0.9])
    assert found.score == pytest.approx(500)


def test_a_hydrogen_bond_is_no_clash():
    pair = Structure.of_atoms([[0, 0, 0], [2.7, 0, 0]], ["N", "O"])
    carbons = replace(pair, elements=np.array(["C", "C"]))
    assert clashscore(pair) == 0
    assert clashscore(carbons) > 0


def test_hydrogens_in_the_file_change_nothing(refined):
    rng = np.random.default_rng(0)
    beside = refined.moved_to(refined.xyz_A + rng.normal(0, 0.5, refined.xyz_A.shape))
    beside = replace(beside, elements=np.full(len(beside), "H"))
    columns = Structure.__dataclass_fields__
    both = Structure(
        **{
            name: np.concatenate([getattr(refined, name), getattr(beside, name)])
            for name in columns
        }
    )
    assert clashes(both).pairs.tolist() == clashes(refined).pairs.tolist()


def test_a_ca_that_is_moved_is_found_in_a_trace(peptide):
    trace = peptide.select(peptide.atom_names == "CA")
    assert ca_geometry(trace).outliers == 0
    xyz = trace.xyz_A.copy()
    xyz[12] += [1.5, 0, 0]
    found: CaGeometry = ca_geometry(trace.moved_to(xyz))
    assert found.is_outlier[12]
    assert not found.is_outlier[:8].any()


def test_nothing_has_no_geometry():
    nothing = Structure.of_atoms(np.empty((0, 3)))
    assert clashscore(nothing) == 0
    assert np.isnan(ramachandran(nothing).favoured)
    assert np.isnan(rotamers(nothing).outliers)
    assert np.isnan(ca_geometry(nothing).outliers)
    assert np.isnan(deviations(nothing).bonds_rmsz)
