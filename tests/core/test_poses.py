"""Poses at the borders of other programs."""

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.euler import zyz_from_matrices
from napari_cryoai.core.poses import (
    from_cryodrgn,
    from_cryosparc,
    from_relion,
    to_cryodrgn,
    to_cryosparc,
    to_relion,
)
from napari_cryoai.io.particle_stacks import read_particles
from napari_cryoai.io.star import read_star
from napari_cryoai.physics.fourier import shift_phases, to_fourier, to_real
from napari_cryoai.physics.slices import FourierVolume

PARTICLES = Path(__file__).parents[3] / "shared" / "data" / "particles"
NAMES = [
    "cdrgn_relion31.star",
    "cdrgn_relion31.6opticsgroups.star",
    "cdrgn_FinalRefinement-OriginalParticles-PfCRT.star",
]
CRYODRGN = [  # what `cryodrgn parse_pose_star` (4.3.1) makes of the first row of cdrgn_relion31
    (0.81941806, -0.10080704, 0.56426234),
    (-0.53288075, 0.22868946, 0.81470193),
    (-0.21116853, -0.96826601, 0.13367414),
]
CRYOSPARC = (0.12573022, -0.13210486, 0.64042265)
CRYODRGN_OF_CRYOSPARC = [  # and `cryodrgn parse_pose_csparc` of that rotation vector
    (0.79398752, 0.58613113, 0.16135089),
    (-0.60213598, 0.79477941, 0.07588122),
    (-0.08376202, -0.15740392, 0.98397557),
]


def angles_of(name):
    path = PARTICLES / name
    if not path.exists():
        pytest.skip("the real particles are not at hand")
    blocks = read_star(path)
    table = next(block for block in blocks.values() if "rlnAngleRot" in block)
    columns = (table[f"rlnAngle{what}"] for what in ("Rot", "Tilt", "Psi"))
    return np.array([[float(v) for v in column] for column in columns]).T


def random_poses(count=50):
    rng = np.random.default_rng(0)
    rotations, _ = from_relion(rng.uniform(-180, 180, (count, 3)))
    return rotations, rng.normal(0, 5, (count, 2))


@pytest.mark.parametrize("name", NAMES)
def test_angles_of_real_files_come_back(name):
    angles = angles_of(name)
    assert len(angles)
    rotations, _ = from_relion(angles)
    again, _ = to_relion(rotations, np.zeros((len(angles), 2)))
    # A tilt of -30 is the same as one of 30, half a turn about: the rotations are what counts.
    assert np.abs(from_relion(again)[0] - rotations).max() < 1e-12
    regular = angles[:, 1] >= 0
    assert np.allclose(again[regular], angles[regular], atol=1e-5)


@pytest.mark.parametrize("name", NAMES[:2])
def test_the_reader_of_particles_says_the_same(name):
    angles = angles_of(name)
    stack = read_particles(PARTICLES / name, with_images=False)
    assert np.allclose(stack.rotations, from_relion(angles)[0])


def test_the_reader_of_cryosparc_files_says_the_same(tmp_path):
    path = PARTICLES / "cdrgn_empiar_10076_7.cs"
    if not path.exists():
        pytest.skip("the real particles are not at hand")
    imported = np.load(path)
    rng = np.random.default_rng(0)
    fields = [("alignments3D/pose", 3), ("alignments3D/shift", 2)]
    dtype = imported.dtype.descr + [(name, "<f4", (k,)) for name, k in fields]
    table = np.zeros(len(imported), [*dtype, ("alignments3D/psize_A", "<f4")])
    for name in imported.dtype.names:
        table[name] = imported[name]
    for name, k in fields:
        table[name] = rng.normal(0, 1, (len(table), k))
    table["alignments3D/psize_A"] = 2.62  # the alignment's pixels, twice the images'
    with (tmp_path / "particles.cs").open("wb") as file:
        np.save(file, table)
    stack = read_particles(tmp_path / "particles.cs", with_images=False)
    expected = from_cryosparc(*(table[name] for name, _ in fields), 2.62)
    assert np.allclose(stack.rotations, expected[0], atol=1e-6)
    assert np.allclose(stack.shifts_yx_A, expected[1], atol=1e-5)


def test_a_real_pose_is_cryodrgns():
    rotations, _ = from_relion(angles_of(NAMES[0])[:1])
    assert np.allclose(rotations[0], CRYODRGN, atol=1e-7)


def test_a_vector_of_cryosparc_is_cryodrgns_matrix():
    assert np.allclose(from_cryosparc([CRYOSPARC])[0][0], CRYODRGN_OF_CRYOSPARC, atol=1e-7)


@pytest.mark.parametrize("vector", [(0, 0, 0), (0, 0, 1e-9), (np.pi, 0, 0), (2.0, -1.0, 1.5)])
def test_rotation_vectors_come_back(vector):
    rotations, _ = from_cryosparc([vector])
    again, _ = to_cryosparc(rotations, [[0, 0]], 1.0)
    assert np.allclose(from_cryosparc(again)[0], rotations)


def test_programs_agree_through_ours():
    rotations, positions = random_poses()
    angles, origins = to_relion(rotations, positions)
    vectors, shifts = to_cryosparc(rotations, positions, 1.7)
    matrices, fractions = to_cryodrgn(rotations, positions, 200.0)
    for found in (
        from_relion(angles, origins),
        from_cryosparc(vectors, shifts, 1.7),
        from_cryodrgn(matrices, fractions, 200.0),
    ):
        assert np.allclose(found[0], rotations)
        assert np.allclose(found[1], positions)
    assert np.allclose(origins, 1.7 * shifts)
    assert np.allclose(origins, 200.0 * fractions)


def test_the_origin_in_a_file_centres_the_image():
    """RELION: `_rlnOriginX/YAngst` is what the image is moved by to be centred."""
    n, pixel = 16, 2.0
    image = torch.zeros(1, n, n)
    image[0, n // 2 - 3, n // 2 + 5] = 1.0  # the particle, up and to the right
    _, position = from_relion([[0, 0, 0]], [[-5 * pixel, 3 * pixel]])
    assert np.allclose(position, [[-3 * pixel, 5 * pixel]])
    phases = shift_phases(torch.tensor(-position, dtype=torch.float32), (n, n), pixel)
    centred = to_real(to_fourier(image) * phases, (n, n))
    assert np.unravel_index(int(centred.argmax()), (1, n, n))[1:] == (n // 2, n // 2)


def test_relions_psi_turns_the_projection_clockwise_as_displayed_with_y_down():
    """A point on the map's x axis, seen with psi = 90, lies at -y."""
    n = 33
    map_ = torch.zeros(n, n, n)
    map_[16, 16, 16 + 6] = 1.0
    rotation, _ = from_relion([[0, 0, 90]])
    seen = FourierVolume.of_map(map_).slices(torch.tensor(rotation, dtype=torch.float32))
    image = to_real(seen, (n, n))[0]
    assert np.unravel_index(int(image.argmax()), (n, n)) == (16 - 6, 16)


def test_tilt_and_rot_turn_the_map_under_the_viewer():
    """The direction of view is (rot, tilt) in the map's polar coordinates."""
    rotation, _ = from_relion([[30, 60, 77]])
    t, r = np.radians([60, 30])
    view = [np.sin(t) * np.cos(r), np.sin(t) * np.sin(r), np.cos(t)]
    assert np.allclose(rotation[0].T @ [0, 0, 1], view)
    assert np.allclose(np.ravel(zyz_from_matrices(rotation)), [30, 60, 77])


def test_poses_that_are_none_are_refused():
    with pytest.raises(CryoAIError, match="angles in row 2 is not a finite number"):
        from_relion([[0, 0, 0], [0, np.nan, 0]])
    with pytest.raises(CryoAIError, match="row 1 is not a rotation matrix"):
        from_cryodrgn([np.eye(3) * 2], None, 100.0)
    with pytest.raises(CryoAIError, match="not a rotation matrix"):
        to_relion([np.diag([1, 1, -1])], [[0, 0]])
    with pytest.raises(CryoAIError, match="they are in pixels"):
        from_cryodrgn([np.eye(3)], [[4.0, 0.1]], 100.0)


def test_fractions_are_of_each_particles_own_box():
    rotations, positions = random_poses(3)
    boxes_A = [100.0, 200.0, 400.0]
    _, fractions = to_cryodrgn(rotations, positions, boxes_A)
    assert np.allclose(fractions * np.array(boxes_A)[:, None], -positions[:, ::-1])
    assert np.allclose(from_cryodrgn(rotations, fractions, boxes_A)[1], positions)


@pytest.mark.parametrize("shift", [0.51, -0.51, -3.0])
def test_a_particle_outside_its_box_has_shifts_in_another_unit(shift):
    with pytest.raises(CryoAIError, match=r"row 2 is [\d.]+ boxes long"):
        from_cryodrgn([np.eye(3)] * 2, [[0.1, -0.5], [0.0, shift]], 100.0)
    assert len(from_cryodrgn([np.eye(3)] * 2, [[0.1, -0.5], [0.0, 0.5]], 100.0)[1]) == 2
