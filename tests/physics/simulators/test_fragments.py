"""Pieces of broken particles: there, but neither picks nor junk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_cryoai.physics.simulators.fragments import SHARE, add_fragments, broken_off
from napari_cryoai.physics.simulators.micrograph_model import MicrographModel
from napari_cryoai.physics.simulators.micrographs import simulate_micrograph
from napari_cryoai.physics.simulators.pseudo_atoms import make_particle

MODEL = MicrographModel(shape=(300, 320), pixel_size_A=3.0, count=5, structure_seed=2)


def test_a_piece_is_a_part_of_the_particle():
    particle = make_particle("shell", 130.0, 1)
    for seed in range(5):
        piece = broken_off(particle, np.random.default_rng(seed))
        share = len(piece.xyz_A) / len(particle.xyz_A)
        assert SHARE[0] * 0.9 < share < SHARE[1] * 1.1
        assert np.allclose(piece.xyz_A.mean(0), 0, atol=1e-6)
        assert np.ptp(piece.xyz_A, axis=0).max() <= np.ptp(particle.xyz_A, axis=0).max()


def test_the_mass_of_the_pieces_is_a_share_of_that_of_particles():
    phase = np.zeros((200, 200), np.float32)
    centres = np.full((8, 2), 300.0) + 40 * np.arange(8)[:, None] * [0, 1] - [0, 140]
    particle = make_particle("globular", 120.0, 0)
    add_fragments(phase, particle, centres, np.random.default_rng(0), pixel_size_A=3.0)
    assert 8 * SHARE[0] < phase.sum() < 8 * SHARE[1]


def test_fragments_change_the_image_and_nothing_else():
    plain = simulate_micrograph(MODEL, 4)
    littered = simulate_micrograph(replace(MODEL, n_fragments=30), 4)
    assert plain.picks == littered.picks
    assert np.array_equal(plain.junk, littered.junk)
    change = littered.image - plain.image
    assert 0.05 < change.std() / plain.image.std() < 1
