"""What is in maps besides protein."""

import numpy as np
import torch
from scipy.spatial import cKDTree

from napari_cryoai.core.structure import Structure
from napari_cryoai.physics.simulators.decoys import belt, duplex, glycan, on_surface, with_b_field


def ball(count=800, radius_A=20.0):
    rng = np.random.default_rng(0)
    xyz = rng.normal(size=(count, 3))
    xyz *= radius_A * rng.random((count, 1)) ** (1 / 3) / np.linalg.norm(xyz, axis=1)[:, None]
    return Structure.of_atoms(xyz)


def test_a_double_helix_turns_every_ten_steps_and_is_twenty_angstrom_wide():
    helix = duplex(21)
    radius = np.hypot(*helix.xyz_A[:, :2].T)
    assert 9.5 < radius.max() < 11
    phosphorus = helix.xyz_A[helix.elements == "P"][:21]
    assert np.allclose(phosphorus[10] - phosphorus[0], [0, 0, 34.0], atol=1e-6)
    assert np.abs(helix.xyz_A.mean(0)).max() < 1.0


def test_its_two_strands_do_not_clash_and_run_opposite_ways():
    helix = duplex(12)
    first, second = np.split(helix.xyz_A, 2)
    assert cKDTree(first).query(second)[0].min() > 1.2
    p = helix.elements[: len(first)] == "P"
    assert np.all(np.diff(first[p, 2]) > 0) and np.all(np.diff(second[p, 2]) < 0)


def test_decoys_touch_the_surface_and_do_not_overlap():
    rng = np.random.default_rng(1)
    protein = ball()
    for decoy, upright in ((duplex(10), False), (glycan(rng, 6), True)):
        for _ in range(3):
            placed = on_surface(decoy, protein, rng, upright=upright)
            nearest = cKDTree(protein.xyz_A).query(placed.xyz_A)[0].min()
            assert 2.8 < nearest < 6.0


def test_b_factors_are_one_a_residue_smooth_and_higher_outside():
    protein = ball()
    moving = with_b_field(protein, np.random.default_rng(0), 60.0, 0.5)
    b = moving.b_factors_A2
    assert 40 < np.median(b) < 80
    reach = np.linalg.norm(protein.xyz_A, axis=1)
    assert b[reach > 17].mean() > 1.3 * b[reach < 10].mean()
    near = cKDTree(protein.xyz_A).query(protein.xyz_A, k=2)[1][:, 1]
    assert np.corrcoef(np.log(b), np.log(b[near]))[0, 1] > 0.5


def test_a_belt_surrounds_the_waist_and_leaves_the_poles_free():
    density = belt(ball(), np.array([0.0, 0.0, 1.0]), 48, 2.0)
    assert density.shape == (48, 48, 48)
    middle = 24
    assert float(density[middle, middle, middle]) < 0.1
    assert float(density[middle, middle, middle + 11 :].max()) > 0.5
    assert float(density[middle + 11 :, middle, middle].max()) < 0.1
    assert torch.isfinite(density).all()
