"""Particles built by rule, and their projections."""

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from napari_cryoai.physics.simulators.pseudo_atoms import (
    KINDS,
    make_particle,
    project,
    random_rotations,
)

ONE = np.ones(1)


def view(particle, rotation, yx_A=(96.0, 96.0)):
    return project(particle, np.array([yx_A]), rotation[None], ONE, (96, 96), 2.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_particle_is_as_wide_as_it_says_and_centred_on_its_mass(kind):
    particle = make_particle(kind, 140.0, 3)
    reach = np.linalg.norm(particle.xyz_A, axis=1).max() + particle.sigma_A
    assert 2 * reach == pytest.approx(140.0)
    assert np.abs(particle.xyz_A.mean(0)).max() < 1e-9


def test_a_seed_is_a_structure():
    first, again, other = (make_particle("small", 90.0, seed).xyz_A for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("kind", KINDS)
def test_rotation_leaves_mass_and_centre_of_the_projection(kind):
    particle = make_particle(kind, 140.0, 0)
    y, x = np.mgrid[:96, :96] * 2.0
    for rotation in random_rotations(5, np.random.default_rng(0)):
        image = view(particle, rotation, (90.7, 101.3))
        assert image.sum() == pytest.approx(1.0, abs=1e-5)
        assert (image * y).sum() == pytest.approx(90.7, abs=1e-2)
        assert (image * x).sum() == pytest.approx(101.3, abs=1e-2)


def test_a_quarter_turn_about_the_beam_turns_the_image():
    # projection(y, x) = integral over z of V(R^T (x, y, z)): x goes to y.
    particle = make_particle("small", 120.0, 0)
    turn = Rotation.from_euler("z", 90, degrees=True).as_matrix()
    image, turned = view(particle, np.eye(3)), view(particle, turn)
    # An index i goes to 96 - i about the centre 48, hence the roll.
    assert np.allclose(turned, np.roll(image.T[:, ::-1], 1, axis=1), atol=1e-6)


def test_the_mirror_along_the_beam_changes_nothing():
    particle = make_particle("small", 120.0, 0)
    back = Rotation.from_euler("x", 180, degrees=True).as_matrix()
    image = np.roll(view(particle, back)[::-1], 1, axis=0)
    assert np.allclose(image, view(particle, np.eye(3)), atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "axis", "degrees"),
    [("shell", "z", 90), ("shell", "x", 90), ("barrel", "z", 360 / 7), ("globular", "y", 180)],
)
def test_symmetric_kinds_coincide_with_their_rotated_copies(kind, axis, degrees):
    xyz = make_particle(kind, 140.0, 5).xyz_A
    turned = Rotation.from_euler(axis, degrees, degrees=True).apply(xyz)
    assert cKDTree(xyz).query(turned)[0].max() < 1e-6


def test_a_shell_is_hollow_and_a_globule_is_not():
    def inner(kind):
        r = np.linalg.norm(make_particle(kind, 140.0, 0).xyz_A, axis=1)
        return np.mean(r < 35.0)

    assert inner("shell") < 0.02 < 0.1 < inner("globular")


def test_rotations_are_uniform():
    matrices = random_rotations(20_000, np.random.default_rng(0))
    # Each axis falls evenly on the sphere: every component is uniform in [-1, 1].
    assert np.abs(matrices.mean(0)).max() < 0.02
    assert np.abs((matrices**2).mean(0) - 1 / 3).max() < 0.02
    assert np.allclose(np.linalg.det(matrices), 1.0)


def test_what_lies_outside_the_image_is_left_out_without_wrapping_around():
    image = view(make_particle("small", 80.0, 0), np.eye(3), (-100.0, 96.0))
    assert image.sum() == 0
