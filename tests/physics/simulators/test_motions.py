"""Parts that move: rigid, about the joint, through the states that they should have."""

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.motions import (
    MOTIONS,
    Joint,
    beyond_waist,
    moving,
    part_of,
)


@pytest.fixture
def lobes() -> Structure:
    """A lobe of 300 atoms, chain A, and one of 200, chain B, joined by a thin neck along x."""
    rng = np.random.default_rng(0)
    large = rng.normal(0, 5, (300, 3)) * [1.0, 1.0, 0.6] - [25, 0, 0]
    small = rng.normal(0, 4, (200, 3)) * [1.0, 1.6, 0.6] + [25, 0, 0]
    neck = np.linspace([-12, 0, 0], [12, 0, 0], 25)
    one = Structure.of_atoms(np.concatenate([large, neck, small]), "C", 40.0)
    chains = np.array(["A"] * 312 + ["B"] * 213)
    return Structure(**{**vars(one), "chains": chains})


@pytest.mark.parametrize("kind", MOTIONS)
def test_the_part_moves_as_a_whole_and_the_rest_stays(kind, lobes):
    part = part_of(lobes, "B")
    motion = moving(lobes, kind, 9, part="B")
    inner = np.linalg.norm(np.diff(lobes.xyz_A[part], axis=0), axis=1)
    for state in motion.structures:
        assert np.array_equal(state.xyz_A[~part], lobes.xyz_A[~part])
        assert np.allclose(np.linalg.norm(np.diff(state.xyz_A[part], axis=0), axis=1), inner)
    assert len(motion) == len(motion.states) == len(motion.coordinates) == 9


def test_a_turn_closes_and_its_steps_are_equal(lobes):
    motion = moving(lobes, "turn", 12, part="B", angle_deg=30)
    xyz = np.stack([s.xyz_A for s in motion.structures])
    steps = np.sqrt(((np.roll(xyz, -1, 0) - xyz) ** 2).sum(-1).mean(1))
    assert np.allclose(steps, steps[0])
    assert steps[0] > 1
    assert motion.states.tolist() == (np.arange(12) * 30.0).tolist()
    apart = np.linalg.norm(motion.coordinates[:, None] - motion.coordinates, axis=-1)
    assert np.argmax(apart[0]) == 6


def test_a_hinge_swings_as_far_to_either_side(lobes):
    motion = moving(lobes, "hinge", 5, part="B", angle_deg=25)
    part = part_of(lobes, "B")
    joint = Joint.between(lobes, part)
    arms = [s.xyz_A[part].mean(0) - joint.pivot_A for s in motion.structures]
    cosine = [a @ arms[2] / np.linalg.norm(a) / np.linalg.norm(arms[2]) for a in arms]
    assert np.rad2deg(np.arccos(cosine)) == pytest.approx([25, 12.5, 0, 12.5, 25], abs=0.2)
    assert np.allclose(motion.structures[2].xyz_A, lobes.xyz_A)


def test_a_plane_has_a_square_of_states_and_the_unmoved_one_in_its_middle(lobes):
    motion = moving(lobes, "plane", 20, part="B")
    assert len(motion) == 25
    assert motion.coordinates[12].tolist() == [0, 0]
    assert np.allclose(motion.structures[12].xyz_A, lobes.xyz_A)


def test_classes_are_alike_to_none_and_differ_with_the_seed(lobes):
    motion, other = (moving(lobes, "classes", 10, part="B", seed=seed) for seed in (0, 1))
    apart = np.linalg.norm(motion.coordinates[:, None] - motion.coordinates, axis=-1)
    assert np.allclose(apart[~np.eye(10, dtype=bool)], np.sqrt(2))
    assert not np.allclose(motion.structures[0].xyz_A, other.structures[0].xyz_A)


def test_the_joint_lies_in_the_neck_and_points_to_the_part(lobes):
    joint = Joint.between(lobes, part_of(lobes, "B"))
    assert np.abs(joint.pivot_A).max() < 6
    assert joint.axes[0] == pytest.approx([1, 0, 0], abs=0.1)
    assert np.allclose(joint.axes @ joint.axes.T, np.eye(3))


def test_unnamed_what_lies_beyond_the_neck_moves(lobes):
    beyond = beyond_waist(lobes)
    assert beyond[-200:].all()
    assert beyond[:300].mean() < 0.02


def test_parts_are_chains_and_residues_of_them(lobes):
    assert part_of(lobes, "A").sum() == 312
    assert np.flatnonzero(part_of(lobes, "A:3-5,B:313-313")).tolist() == [2, 3, 4, 312]


@pytest.mark.parametrize(
    ("part", "says"),
    [("C", "Its chains are A, B"), ("A:x-3", "is no part of a chain"), ("A,B", "all of the")],
)
def test_a_part_that_is_not_there_or_all_there_is_is_refused(lobes, part, says):
    with pytest.raises(CryoAIError, match=says):
        moving(lobes, "turn", 4, part=part)


def test_the_middle_of_all_states_is_at_the_centre_of_the_box(lobes):
    motion = moving(lobes, "turn", 8, part="B", angle_deg=60)
    conformers = Conformers.of_motion(motion, 32, 5.0)
    assert conformers.states.tolist() == motion.states.tolist()
    assert conformers.coordinates is motion.coordinates
    mean = sum(conformers.map(i) for i in range(8))
    along = [mean.clamp(min=0).amax(axes) > 0.05 * mean.max() for axes in ((1, 2), (0, 2), (0, 1))]
    for axis in along:
        inside = axis.nonzero().flatten().double()
        assert abs(float(inside.min() + inside.max()) / 2 - 16) <= 1.5
