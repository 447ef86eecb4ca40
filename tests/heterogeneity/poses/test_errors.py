"""Poses are compared in one frame, whatever frame and hand they were found in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from napari_cryoai.heterogeneity.poses.errors import pose_errors
from napari_cryoai.physics.fsc import fsc
from napari_cryoai.physics.slices import FourierVolume, disk
from napari_cryoai.physics.symmetry import point_group

MIRROR = np.diag([1.0, 1.0, -1.0])


@pytest.fixture
def truth() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return Rotation.random(300, rng=2).as_matrix(), rng.normal(0, 5, (300, 2))


def seen_otherwise(truth, is_mirrored, offset_A=(3.0, -2.0, 1.0)):
    """The same poses, of a map that was turned, moved and perhaps mirrored."""
    rotations, shifts = truth
    frame = Rotation.from_rotvec([0.4, -1.2, 0.7]).as_matrix()
    hand = MIRROR if is_mirrored else np.eye(3)
    found = hand @ (rotations @ frame.T) @ hand
    return found, shifts - (found @ np.asarray(offset_A))[:, 1::-1]


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_another_frame_hand_and_centre_are_no_error(truth, is_mirrored):
    errors = pose_errors(*seen_otherwise(truth, is_mirrored), *truth)
    assert errors.is_mirrored == is_mirrored
    assert errors.angle_deg.max() < 1e-3
    assert errors.shift_A.max() < 1e-3
    assert errors.offset_xyz_A == pytest.approx([3, -2, 1], abs=1e-3)


def test_the_other_hand_is_an_error_where_it_is_not_allowed(truth):
    errors = pose_errors(*seen_otherwise(truth, is_mirrored=True), *truth, either_hand=False)
    assert errors.median_angle_deg > 20


def test_what_was_added_is_what_is_reported(truth):
    found, shifts = seen_otherwise(truth, is_mirrored=False)
    rng = np.random.default_rng(3)
    axes = rng.normal(size=(300, 3))
    turns = Rotation.from_rotvec(np.radians(4) * axes / np.linalg.norm(axes, axis=1)[:, None])
    errors = pose_errors(turns.as_matrix() @ found, shifts, *truth)
    assert errors.median_angle_deg == pytest.approx(4, abs=0.2)


def test_a_third_of_wrong_poses_does_not_move_the_frame(truth):
    found, shifts = seen_otherwise(truth, is_mirrored=True)
    found[:100] = Rotation.random(100, rng=9).as_matrix()
    errors = pose_errors(found, shifts, *truth)
    assert errors.is_mirrored
    assert errors.angle_deg[100:].max() < 1e-3


def test_symmetry_mates_are_the_same_pose(truth):
    group = point_group("D3", dtype=torch.float64)
    found, shifts = truth
    mates = group.numpy()[np.random.default_rng(4).integers(len(group), size=len(found))]
    errors = pose_errors(found @ mates, shifts, *truth, group)
    assert errors.angle_deg.max() < 1e-3
    assert pose_errors(found @ mates, shifts, *truth).median_angle_deg > 20


def test_the_map_goes_where_the_poses_go(truth):
    """The map of one set of poses, seen by these, is the true one seen by the others."""
    axis = torch.arange(32) - 16.0
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    map_ = sum(
        torch.exp(-((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2) / 6)
        for cx, cy, cz in ((4, 1, -3), (-3, 5, 0), (0, -4, 4), (2, 2, 6))
    )
    found, shifts = seen_otherwise(truth, is_mirrored=True)
    errors = pose_errors(found, shifts, *truth)
    moved = errors.to_truth(map_, 2.0)
    assert fsc(moved, map_)[2:8].min() < 0.5
    circle = disk(32, radius=10)

    def views(volume, rotations, shifts_yx_A):
        slices = FourierVolume.of_map(volume, kernel="kaiser-bessel").at(
            torch.from_numpy(rotations[:20]).float(), circle.xy
        )
        angle = shifts_yx_A[:20, ::-1] @ circle.xy.numpy().T * (-2 * np.pi / 64)
        return slices * torch.from_numpy(np.exp(1j * angle))

    here, there = views(map_, found, shifts), views(moved, *truth)
    assert (here - there).abs().max() < 0.02 * here.abs().max()
