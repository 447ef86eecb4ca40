"""Frames of residues: what they tell turns and moves with the map."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from napari_cryoai.building.tracing.residue_frames import (
    BOX_PX,
    NEIGHBOURS,
    RELATIONS,
    frames,
    neighbours,
    relations,
    surroundings,
)
from napari_cryoai.building.tracing.residue_network import ResidueConfig, ResidueNetwork, placed
from napari_cryoai.nets.octahedral import matrices, turned


def walk(n=20, seed=0):
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(n, 3)) + np.array([1.5, 0, 0])
    length = rng.uniform(3.6, 4.0, (n, 1))  # no two neighbours are equally near
    return np.cumsum(length * steps / np.linalg.norm(steps, axis=1, keepdims=True), axis=0)


def test_axes_are_right_handed_and_run_along_the_chain():
    ca, fragment = walk(), np.repeat([0, 1], 10)
    axes = frames(ca, fragment)
    assert np.allclose(axes @ axes.transpose(0, 2, 1), np.eye(3))
    assert np.allclose(np.linalg.det(axes), 1)
    inner = np.r_[1:9, 11:19]
    along = ca[inner + 1] - ca[inner - 1]
    assert np.allclose((along * axes[inner, 0]).sum(1), np.linalg.norm(along, axis=1))


def test_a_fragment_does_not_know_what_another_one_does():
    ca, fragment = walk(), np.repeat([0, 1], 10)
    moved = np.where(fragment[:, None] == 1, ca + 5, ca)
    assert np.allclose(frames(ca, fragment)[:10], frames(moved, fragment)[:10])


def test_a_straight_chain_and_a_lone_residue_have_axes():
    straight = np.arange(5)[:, None] * [3.8, 0, 0]
    assert np.isfinite(frames(straight, np.zeros(5, int))).all()
    assert np.allclose(np.linalg.det(frames(np.zeros((1, 3)), np.zeros(1, int))), 1)
    assert frames(np.empty((0, 3)), np.empty(0, int)).shape == (0, 3, 3)


def test_axes_turn_with_the_map_where_the_chain_gives_none():
    rng = np.random.default_rng(2)
    straight, pair, lone = np.arange(4)[:, None] * [3.8, 0, 0], walk(2) + 9, walk(3, 1) - 7
    ca = np.concatenate([straight, pair, lone]) + rng.normal(size=3)
    fragment = np.array([0, 0, 0, 0, 1, 1, 2, 3, 4])
    turn = Rotation.random(rng=rng).as_matrix()
    assert np.allclose(frames(ca @ turn.T, fragment), frames(ca, fragment) @ turn.T, atol=1e-6)


def test_neighbours_are_the_nearest_others():
    ca = walk()
    near = neighbours(ca)
    assert near.shape == (20, NEIGHBOURS)
    assert (near != np.arange(20)[:, None]).all()
    distance = np.linalg.norm(ca[:, None] - ca[None], axis=-1)
    assert np.array_equal(near[:, 0], np.argsort(distance, axis=1)[:, 1])
    assert (neighbours(ca[:3])[:, 2:] == np.arange(3)[:, None]).all()


def test_relations_are_the_same_wherever_the_molecule_lies():
    ca, fragment = walk(), np.repeat([0, 1], 10)
    turn = Rotation.random(rng=np.random.default_rng(1)).as_matrix()
    moved = ca @ turn.T + np.array([10, -20, 3])
    found = [relations(c, frames(c, fragment), fragment, neighbours(c)) for c in (ca, moved)]
    assert found[0].shape == (20, NEIGHBOURS, RELATIONS)
    assert np.allclose(*found, atol=1e-5)


def test_the_cube_shows_what_lies_along_the_axes():
    volume = torch.zeros(1, 40, 40, 40)
    volume[0, 20, 20, 24] = 1.0  # 4 A along x from the residue
    ca = torch.tensor([[20.0, 20.0, 20.0]])
    along_x = torch.tensor([[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    cube = surroundings(volume, ca, along_x)[0, 0]
    first, outwards, across = (int(i) for i in torch.nonzero(cube == cube.max())[0])
    assert cube.shape == (BOX_PX,) * 3
    assert first - (BOX_PX - 1) / 2 in (3.5, 4.5)
    assert abs(outwards - (BOX_PX - 1) / 2 + 2) <= 0.5
    assert abs(across - (BOX_PX - 1) / 2) <= 0.5


def test_the_network_answers_alike_for_a_map_that_is_turned():
    torch.manual_seed(0)
    network = ResidueNetwork(ResidueConfig(width=32)).eval()
    torch.nn.init.normal_(network.answer.weight, std=0.1)
    volume = torch.randn(2, 40, 40, 40)
    ca, fragment = walk(8) / 2 + 12, np.zeros(8, int)
    answers = []
    for rotation in (0, 7):
        turn = matrices()[rotation].double().numpy()
        moved = (ca - 19.5) @ turn.T + 19.5
        axes = frames(moved, fragment)
        near = neighbours(moved)
        told = torch.from_numpy(relations(moved, axes, fragment, near))
        places, turns = torch.from_numpy(moved).float(), torch.from_numpy(axes).float()
        with torch.inference_mode():
            cubes = surroundings(turned(volume, rotation), places, turns)
            found = network(cubes, torch.from_numpy(near), told)
        atoms = (placed(found.atoms, places, turns).double().numpy() - 19.5) @ turn
        answers.append((found.types, found.forward, torch.from_numpy(atoms)))
    for one, other in zip(*answers, strict=True):
        assert torch.allclose(one, other, atol=1e-3)
    assert answers[0][0].std() > 1e-3


def test_a_residue_alone_does_not_look_at_what_comes_next_in_the_table():
    """Fragments are in an order of no meaning, another one in a map that was turned."""
    rng = np.random.default_rng(4)
    ca = rng.normal(0, 6, (9, 3))
    fragment = np.arange(9)
    order = rng.permutation(9)
    assert np.allclose(frames(ca, fragment)[order], frames(ca[order], fragment))


def test_of_neighbours_as_near_as_each_other_the_same_are_taken_in_a_turned_map():
    """Candidates lie on voxels, where many distances are the same."""
    rng = np.random.default_rng(5)
    ca = np.unique(rng.integers(0, 9, (60, 3)) * 2.0, axis=0)
    turned = np.stack([ca[:, 1], 16.0 - ca[:, 0], ca[:, 2]], 1)
    order = np.lexsort(turned.T)
    found = order[neighbours(turned[order])][np.argsort(order)]
    assert np.array_equal(np.sort(found), np.sort(neighbours(ca)))
