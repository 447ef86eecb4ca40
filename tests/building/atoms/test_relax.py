"""A peptide relaxed in a force field and in a map of its own."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from napari_cryoai.building.atoms import relax as module
from napari_cryoai.building.atoms.relax import Relaxed, relax
from napari_cryoai.building.build import BuildParams, build
from napari_cryoai.building.scoring.geometry import deviations, ramachandran
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.jobs.progress import finish
from napari_cryoai.physics.potential import map_of

RESOLUTION_A = 3.0


@pytest.fixture
def openmm():
    return pytest.importorskip("openmm")


@pytest.fixture(scope="module")
def density(peptide) -> DensityMap:
    """At about 3 A, its box longer than wide, and far from the origin."""
    middle = peptide.xyz_A.mean(0)
    moved = replace(
        peptide.moved_to(peptide.xyz_A - middle), b_factors_A2=np.full(len(peptide), 70.0)
    )
    data = map_of(moved, 64, 1.0).numpy()[4:60, 10:50]
    z, y, x = (middle[::-1] - 32 + (4, 10, 0)).tolist()
    return DensityMap(data, 1.0, (z, y, x))


@pytest.fixture(scope="module")
def noisy(peptide) -> Structure:
    """Each atom 0.2 A off, and all of them aside."""
    noise = np.random.default_rng(0).normal(0, 0.2 / np.sqrt(3), peptide.xyz_A.shape)
    return peptide.moved_to(peptide.xyz_A + noise + np.array([0.3, -0.2, 0.15]))


@pytest.fixture(scope="module")
def relaxed(noisy, density) -> Relaxed:
    pytest.importorskip("openmm")
    return finish(relax(noisy, density, RESOLUTION_A))


def test_only_places_change(relaxed, noisy):
    assert relaxed.warnings == ()
    found = relaxed.structure
    assert np.isfinite(found.xyz_A).all()
    for column in ("elements", "chains", "residue_numbers", "residue_names", "atom_names"):
        assert getattr(found, column).tolist() == getattr(noisy, column).tolist()


def test_atoms_go_back_to_where_the_density_is(relaxed, noisy, peptide):
    def aside(structure):
        main = np.isin(structure.atom_names, ["N", "CA", "C", "O"])
        return np.linalg.norm((structure.xyz_A - peptide.xyz_A)[main].mean(0))

    assert aside(noisy) > 0.35
    assert aside(relaxed.structure) < 0.5 * aside(noisy)


def test_the_geometry_becomes_that_of_the_force_field(relaxed, noisy):
    before, after = deviations(noisy), deviations(relaxed.structure)
    assert before.bonds_rmsz > 3
    assert after.bonds_rmsz < 1
    assert after.chirality_errors == 0


def test_the_same_model_relaxes_to_the_same_places(openmm, relaxed, noisy, density):
    again = finish(relax(noisy, density, RESOLUTION_A))
    assert np.array_equal(again.structure.xyz_A, relaxed.structure.xyz_A)


def test_it_tells_how_far_it_is(openmm, noisy, density):
    steps = list(relax(noisy, density, RESOLUTION_A))
    assert len(steps) > 3
    assert [step.done for step in steps] == list(range(len(steps)))
    assert steps[-1].done <= steps[-1].total


def test_no_hand_turns_where_chains_run_into_each_other(openmm, monkeypatch, peptide, density):
    monkeypatch.setattr(module, "LOSS", 1.0)
    other = replace(
        peptide, xyz_A=peptide.xyz_A + np.array([0, 0, 2.0]), chains=np.full(len(peptide), "B")
    )
    columns = {
        name: np.concatenate([getattr(peptide, name), getattr(other, name)])
        for name in peptide.__dataclass_fields__
    }
    found = finish(relax(Structure(**columns), density, RESOLUTION_A))
    assert found.warnings == ()
    assert deviations(found.structure).chirality_errors == 0
    assert ramachandran(found.structure).is_twisted.sum() < 5


def test_residues_that_are_not_known_breaks_and_lone_residues_are_relaxed(openmm, peptide, density):
    n = int(peptide.residue_numbers[-1])
    number = peptide.residue_numbers.astype(int)
    main = np.isin(peptide.atom_names, ["N", "CA", "C", "O", "CB"])
    unknown = (number >= 16) & (peptide.residue_names != "GLY")
    kept = (~unknown | main) & ~np.isin(number, [5, 7, n])
    names = np.where(unknown, "UNK", peptide.residue_names)
    model = replace(peptide, residue_names=names).select(kept)
    found = finish(relax(model, density, RESOLUTION_A))
    assert found.warnings == ()
    assert found.structure.residue_names.tolist() == model.residue_names.tolist()
    moved = np.linalg.norm(found.structure.xyz_A - model.xyz_A, axis=1)
    assert 0 < moved.max() < 1.5


def test_a_model_that_the_map_would_fit_worse_stays(openmm, monkeypatch, noisy, density):
    monkeypatch.setattr(module, "correlations", lambda *_: (0.9, 0.9 - module.LOSS - 0.001))
    found = finish(relax(noisy, density, RESOLUTION_A))
    assert found.structure is noisy
    assert "correlation with the map would fall from 0.900 to 0.889" in found.warnings[0]


def test_correlation_falls_as_atoms_move_away(peptide, density):
    field = module.field_around(density, RESOLUTION_A, peptide.xyz_A)
    aside = peptide.xyz_A + np.array([1.0, 0, 0])
    good, bad = module.correlations(field, peptide.xyz_A, aside, seed=0)
    assert good > 0.9
    assert bad < good - 0.1


def test_without_a_finite_energy_the_model_stays(openmm, peptide, density):
    xyz_A = peptide.xyz_A.copy()
    one, other = np.flatnonzero(peptide.atom_names == "CB")[[2, 12]]
    xyz_A[one] = xyz_A[other]
    model = peptide.moved_to(xyz_A)
    found = finish(relax(model, density, RESOLUTION_A))
    assert found.structure is model
    assert "not relaxed" in found.warnings[0]


def test_where_there_is_no_density_the_model_stays(openmm, peptide, density):
    away = peptide.moved_to(peptide.xyz_A + 500)
    found = finish(relax(away, density, RESOLUTION_A))
    assert found.structure is away
    assert "no density" in found.warnings[0]


def test_a_model_too_large_for_the_table_of_its_density_stays(
    openmm, monkeypatch, peptide, density
):
    monkeypatch.setattr("napari_cryoai.building.atoms.force_field.MOST_VALUES", 1000)
    found = finish(relax(peptide, density, RESOLUTION_A))
    assert found.structure is peptide
    assert "too large" in found.warnings[0]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        (BuildParams(relax=True), r'pip install "napari-cryoai\[openmm\]"'),
        (BuildParams(relax=True, side_chains=False), "side chains"),
    ],
)
def test_what_cannot_be_relaxed_is_refused_before_any_work(monkeypatch, density, params, told):
    monkeypatch.setitem(sys.modules, "openmm", None)
    with pytest.raises(CryoAIError, match=told):
        next(build(params, density))
