"""All atoms: a peptide whose atoms are known, in a map of its own; and real ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_cryoai.building.atoms.backbone import Backbone
from napari_cryoai.building.atoms.backdrop import backdrop_of
from napari_cryoai.building.atoms.field import field_around
from napari_cryoai.building.atoms.full_atoms import build_atoms
from napari_cryoai.building.atoms.residue_atoms import residue_atoms, side_chain_torsions
from napari_cryoai.building.atoms.topology import CA, KINDS, C, N, kind
from napari_cryoai.building.scoring.geometry import clashscore, deviations, ramachandran
from napari_cryoai.core.amino_acids import letter_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.maps import read_map
from napari_cryoai.io.structures import read_structure
from napari_cryoai.jobs.progress import finish
from napari_cryoai.physics.potential import map_of

DATA = Path(__file__).parents[4] / "shared" / "data"


def density_of(structure, n=64, pixel_A=1.0, b_A2=70.0):
    """A map at about 3 A, in which the structure lies where it does."""
    middle = structure.xyz_A.mean(0)
    moved = replace(
        structure.moved_to(structure.xyz_A - middle), b_factors_A2=np.full(len(structure), b_A2)
    )
    data = map_of(moved, n, pixel_A).numpy()
    z, y, x = (middle[::-1] - n // 2 * pixel_A).tolist()
    return DensityMap(data, pixel_A, (z, y, x))


def backbone_of(structure, noise_A=0.0, seed=0):
    atoms = residue_atoms(structure)
    rng = np.random.default_rng(seed)
    xyz = atoms.xyz_A + rng.normal(0, noise_A / np.sqrt(3), atoms.xyz_A.shape)
    letters = np.array([letter_of(KINDS[k]) for k in atoms.kinds])
    numbers = np.cumsum(np.where(atoms.bound, 1, 3))
    n = len(atoms)
    return Backbone(atoms.chains, numbers, letters, xyz[:, N], xyz[:, CA], xyz[:, C], np.ones(n))


def chi1_agreement(found, truth):
    ours, theirs = (side_chain_torsions(residue_atoms(s))[:, 0] for s in (found, truth))
    away = np.degrees(np.abs(np.angle(np.exp(1j * (ours - theirs)))))
    known = np.isfinite(away) & (residue_atoms(truth).kinds != KINDS.index("PRO"))
    return float((away[known] < 40).mean())


def rmsd(found, truth, slots):
    ours, theirs = residue_atoms(found).xyz_A, residue_atoms(truth).xyz_A
    return float(np.sqrt(np.nanmean(((ours - theirs)[:, slots] ** 2).sum(-1))))


@pytest.fixture(scope="module")
def rebuilt(peptide):
    return finish(build_atoms(backbone_of(peptide, 0.5), density_of(peptide), 3.0))


def test_every_residue_has_all_its_atoms_in_order(rebuilt, peptide):
    assert rebuilt.atom_names.tolist() == peptide.atom_names.tolist()
    assert rebuilt.residue_names.tolist() == peptide.residue_names.tolist()
    assert np.isfinite(rebuilt.xyz_A).all()


def test_the_density_brings_a_noisy_backbone_nearer_to_the_truth(rebuilt, peptide):
    start = backbone_of(peptide, 0.5).ca_A - residue_atoms(peptide).xyz_A[:, CA]
    before = float(np.sqrt((start**2).sum(-1).mean()))
    after = rmsd(rebuilt, peptide, [CA])
    assert before > 0.4
    assert after < 0.3


def test_side_chains_stand_as_the_density_says(rebuilt, peptide):
    assert chi1_agreement(rebuilt, peptide) >= 0.85


def test_the_geometry_is_sound(rebuilt):
    assert ramachandran(rebuilt).favoured > 0.9
    assert clashscore(rebuilt) < 15
    found = deviations(rebuilt)
    assert found.bonds_rmsz < 0.5
    assert found.angles_rmsz < 1.0
    assert found.chirality_errors == 0


def test_the_same_input_gives_the_same_atoms(rebuilt, peptide):
    again = finish(build_atoms(backbone_of(peptide, 0.5), density_of(peptide), 3.0))
    assert np.array_equal(again.xyz_A, rebuilt.xyz_A)


def test_a_map_that_lies_elsewhere_moves_the_model_with_it(rebuilt, peptide):
    shift = np.array([10.0, -20.0, 30.0])
    moved = peptide.moved_to(peptide.xyz_A + shift)
    found = finish(build_atoms(backbone_of(moved, 0.5), density_of(moved), 3.0))
    assert np.abs(found.xyz_A - shift - rebuilt.xyz_A).max() < 0.05


def test_it_works_without_a_map_and_without_letters(peptide):
    known = backbone_of(peptide)
    unknown = Backbone(
        known.chains, known.numbers, np.full(len(known), "X"),
        np.full_like(known.n_A, np.nan), known.ca_A, np.full_like(known.c_A, np.nan),
        known.confidence,
    )  # fmt: skip
    found = finish(build_atoms(unknown, None, None))
    assert set(found.residue_names) == {"UNK"}
    assert set(found.atom_names) == {"N", "CA", "C", "O", "CB"}
    assert rmsd(found, peptide, [N, CA, C]) < 0.5


def test_the_end_of_the_sequence_has_a_second_oxygen(peptide):
    known = backbone_of(peptide)
    last = int(known.numbers[-1])
    found = finish(build_atoms(known, None, None, ends={"A": last}))
    assert found.atom_names[-1] == "OXT"
    carbon = found.xyz_A[(found.atom_names == "C") & (found.residue_numbers == str(last))][0]
    assert np.linalg.norm(found.xyz_A[-1] - carbon) == pytest.approx(1.25, abs=1e-6)
    assert "OXT" not in finish(build_atoms(known, None, None, ends={"A": last + 1})).atom_names


def test_a_map_of_nothing_is_as_good_as_none(peptide):
    known = backbone_of(peptide)
    flat = DensityMap(np.zeros((40, 40, 40), np.float32), 1.0)
    found = finish(build_atoms(known, flat, 3.0))
    assert np.array_equal(found.xyz_A, finish(build_atoms(known, None, 3.0)).xyz_A)


def test_no_residues_are_refused():
    empty = np.empty((0, 3))
    none = Backbone(
        np.empty(0, str), np.empty(0, int), np.empty(0, str), empty, empty, empty, np.empty(0)
    )
    with pytest.raises(CryoAIError, match="no residue"):
        finish(build_atoms(none, None, None))


def test_it_can_be_cancelled_at_every_report(peptide):
    job = build_atoms(backbone_of(peptide), density_of(peptide), 3.0)
    seen = []
    for progress in job:
        seen.append(progress.done / progress.total)
        if len(seen) == 6:
            job.close()
            break
    assert seen == sorted(seen)
    assert 0 <= seen[-1] < 1


def test_the_field_is_the_density_with_its_slope(peptide):
    density = density_of(peptide)
    places = residue_atoms(peptide).xyz_A[:, CA]
    field = field_around(density, 3.0, places)
    at = torch.tensor(places[5:6], requires_grad=True)
    field.at(at).sum().backward()
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = 0.2
        rise = field.sample(places[5:6] + step) - field.sample(places[5:6] - step)
        assert at.grad[0, axis].item() == pytest.approx(rise[0] / 0.4, abs=0.15)
    assert np.median(field.sample(places)) == pytest.approx(1.0, abs=0.05)
    far = field.sample(places.mean(0) + np.array([[500.0, 0, 0]]))
    assert far.item() == pytest.approx(0.0, abs=1e-6)


def test_where_the_backbone_is_taken_away_side_chains_are_left(peptide):
    atoms = residue_atoms(peptide)
    field = field_around(density_of(peptide), 3.0, atoms.xyz_A[:, CA])
    main = atoms.xyz_A[:, :5].reshape(-1, 3)
    main = main[np.isfinite(main[:, 0])]
    left = backdrop_of(field.sample, main)
    phenyl = [kind(KINDS.index("PHE")).atoms.index(a) for a in ("CE1", "CE2", "CZ")]
    rings = atoms.xyz_A[atoms.kinds == KINDS.index("PHE")][:, phenyl]
    assert left(rings).mean() > 1.0
    assert np.abs(left(main).mean()) < 0.4 * field.sample(main).mean() / left.height


@pytest.mark.slow
def test_side_chains_of_a_real_map_are_found_more_often_than_without_it():
    folder = DATA / "maps"
    if not (folder / "daq_3J6B_9.pdb.gz").is_file():
        pytest.skip("the maps are not at hand")
    truth = read_structure(folder / "daq_3J6B_9.pdb.gz")
    density = read_map(folder / "daq_2566_3J6B_9.mrc.gz")
    known = backbone_of(truth)
    found = finish(build_atoms(known, density, 3.2))
    blind = finish(build_atoms(known, None, None))
    assert chi1_agreement(found, truth) > 0.65
    assert chi1_agreement(found, truth) > chi1_agreement(blind, truth) + 0.05
    assert clashscore(found) < clashscore(truth) + 10
