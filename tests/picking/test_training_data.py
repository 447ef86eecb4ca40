"""Training examples: the truth lies on the particles, whatever diameter was given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_cryoai.io.structures import read_structure
from napari_cryoai.physics.simulators.micrograph_model import MicrographModel
from napari_cryoai.picking import training_data, training_particles
from napari_cryoai.picking.blob import radial_average
from napari_cryoai.picking.correlate import disc
from napari_cryoai.picking.preprocess import DIAMETER_PX
from napari_cryoai.picking.training_data import SIDE_PX, WRONG_DIAMETER, make_example
from napari_cryoai.picking.training_scene import COARSE_PX, Wear

COUNT = 24


@pytest.fixture(scope="module")
def structures(tmp_path_factory):
    """Two molecules: a helix of 60 residues, and a lump."""
    folder = tmp_path_factory.mktemp("structures")
    rng = np.random.default_rng(0)
    turn = np.deg2rad(100) * np.arange(60)
    helix = np.stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * np.arange(60)], -1)
    lump = 18 * rng.normal(size=(200, 3))
    return [_written(folder / "helix.pdb", helix), _written(folder / "lump.pdb", lump)]


def _written(path, xyz):
    atoms = (
        f"ATOM  {i + 1:5d}  CA  ALA A{i + 1:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00 30.00           C"
        for i, (x, y, z) in enumerate(xyz)
    )
    path.write_text("\n".join([*atoms, "END", ""]))
    return path


@pytest.fixture(scope="module")
def examples(structures):
    return [make_example(seed, structures) for seed in range(COUNT)]


def test_examples_are_of_one_shape_and_white(examples):
    for example in examples:
        assert example.white.shape == example.junk.shape == (SIDE_PX, SIDE_PX)
        assert example.white.dtype == np.float32
        assert 0.6 < example.white.std() < 1.4  # a part of a field that is white as a whole
        assert abs(example.white.mean()) < 0.1
        assert np.isfinite(example.white).all()


def test_the_truth_lies_on_the_image_and_off_the_junk(examples):
    for example in examples:
        assert len(example.yx) == len(example.size)
        at = np.clip(np.rint(example.yx), 0, SIDE_PX - 1).astype(int)
        assert (np.abs(at - example.yx) <= 0.5 + 1e-9).all()
        # A coarse pixel more or less at the edge of a patch of junk.
        assert example.junk[tuple(at.T)].mean() < 0.1 if len(at) else True


def test_one_seed_one_example(structures, examples):
    again = make_example(5, structures)
    assert np.array_equal(again.white, examples[5].white)
    assert np.array_equal(again.yx, examples[5].yx)
    assert not np.array_equal(examples[5].white, examples[6].white)


def test_given_diameters_are_off_by_as_much_as_users_are(structures):
    rng = np.random.default_rng(0)
    given = np.array([training_data._given_diameter(rng) for _ in range(1000)])
    off = np.exp(np.abs(np.log(given)))
    assert 0.95 * WRONG_DIAMETER < off.max() <= WRONG_DIAMETER
    assert min(given) < 1 / 1.4 < 1.4 < max(given)
    assert np.median(off) < 1.12


@pytest.fixture
def easy(monkeypatch):
    """Fields of clear cages with nothing else on them."""

    def model(rng, diameter_A, frame_px):
        pixel_size_A = diameter_A / COARSE_PX
        return MicrographModel(
            frame_px, pixel_size_A, diameter_A=diameter_A, count=30, snr=0.2 * pixel_size_A**2
        )

    def cage(rng, structures):
        return training_data.particles.make_particle("shell", 130.0, 0)

    monkeypatch.setattr(training_data, "draw_model", model)
    monkeypatch.setattr(training_data, "draw_wear", lambda rng, filtered: Wear(0, 1, (0,) * 4, 0))
    monkeypatch.setattr(training_data, "_draw_particle", cage)


@pytest.mark.parametrize("given", [0.75, 1.0, 1.25])
def test_centres_and_sizes_hold_for_a_wrong_diameter(easy, monkeypatch, given):
    monkeypatch.setattr(training_data, "_given_diameter", lambda rng: given)
    example = make_example(1, [])
    assert np.allclose(example.size, 1 / given)
    here = radial_average(example.white, example.yx, disc(DIAMETER_PX)[1])
    profile = here[DIAMETER_PX, DIAMETER_PX:]
    # The wall of a cage is seen edge-on at 0.4 of its diameter.
    assert np.argmax(profile) == pytest.approx(0.4 * DIAMETER_PX / given, abs=1.3)
    assert profile.max() > 0.5
    moved = radial_average(example.white, example.yx + 3, disc(DIAMETER_PX)[1])
    assert moved[DIAMETER_PX].max() < 0.85 * profile.max()


def test_an_assembly_is_larger_than_its_unit_but_not_too_large(structures):
    rng = np.random.default_rng(0)
    unit_A = 2 * np.linalg.norm(training_particles.residues_A(structures[1]), axis=1).max()
    for _ in range(20):
        particle = training_particles.assembled(structures[1:], rng)
        assert unit_A < particle.diameter_A <= training_particles.LARGEST_A
        reach_A = np.linalg.norm(particle.xyz_A, axis=1).max()
        assert 2 * reach_A < particle.diameter_A


def test_a_structure_has_one_point_per_residue(structures):
    particle = training_particles.of_structure(structures[:1], np.random.default_rng(0))
    assert len(particle.xyz_A) == 60
    assert particle.diameter_A == pytest.approx(59 * 1.5 + 2 * training_particles.RESIDUE_A, abs=3)


def test_the_potential_of_a_structure_spans_the_coarse_grid(structures):
    rng = np.random.default_rng(0)
    found = training_particles.conformers_of(structures[1:], rng, COARSE_PX)
    diameter_A = read_structure(structures[1]).diameter_A
    assert found.diameter_A == pytest.approx(diameter_A)
    assert found.pixel_size_A == pytest.approx(diameter_A / COARSE_PX)
    assert found is training_particles.conformers_of(structures[1:], rng, COARSE_PX)


def test_residues_that_stand_for_atoms_look_like_them(structures):
    """The cheap way and the dear one give the same image, to the eye of a picker."""
    from napari_cryoai.physics.simulators.micrographs import simulate_micrograph

    rng = np.random.default_rng(0)
    atoms = training_particles.conformers_of(structures[1:], rng, COARSE_PX)
    points = training_particles.of_structure(structures[1:], rng)
    model = MicrographModel(
        (264, 264), atoms.pixel_size_A, count=1, dose_e_per_A2=1e9, snr=1e6, solvent=0.0
    )
    one = simulate_micrograph(model, 0, conformers=atoms).image
    points = replace(points, diameter_A=atoms.diameter_A)
    other = simulate_micrograph(model, 0, particle=points).image
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.8
