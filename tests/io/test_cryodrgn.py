"""cryoDRGN's stacks with pickles beside them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.euler import matrices_from_zyz
from napari_cryoai.core.particle_ctf import ParticleCtf
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.io.cryodrgn import read_cryodrgn
from napari_cryoai.io.image_stacks import open_images
from napari_cryoai.io.mrc import read_mrc, write_mrc
from napari_cryoai.io.particle_stacks import read_particles, write_particles

COUNT, BOX, PIXEL_A = 6, 16, 2.5


def dump(path: Path, *values: Any) -> Path:
    path.write_bytes(b"".join(pickle.dumps(value) for value in values))
    return path


def ctf_table(count: int = COUNT) -> np.ndarray:
    row = (BOX, PIXEL_A, 15000, 14000, 30, 300, 2.7, 0.1, 5)
    table = np.tile(np.array(row, np.float32), (count, 1))
    table[:, 2] += np.arange(count)
    return table


def rotations(count: int = COUNT) -> np.ndarray:
    rng = np.random.default_rng(0)
    return matrices_from_zyz(*rng.uniform(0, 180, (3, count))).astype(np.float32)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Six images, as cryoDRGN has them: two stacks, a list of them, and the pickles."""
    images = np.random.default_rng(1).normal(size=(COUNT, BOX, BOX)).astype(np.float32)
    write_mrc(tmp_path / "all.mrcs", images, PIXEL_A)
    (tmp_path / "parts").mkdir()
    write_mrc(tmp_path / "parts/a.mrcs", images[:4], PIXEL_A)
    write_mrc(tmp_path / "parts/b.mrcs", images[4:], PIXEL_A)
    (tmp_path / "list.txt").write_text("parts/a.mrcs\nparts/b.mrcs\n")
    shifts = np.linspace(-0.1, 0.1, 2 * COUNT).reshape(COUNT, 2)
    dump(tmp_path / "poses.pkl", (rotations(), shifts))
    dump(tmp_path / "ctf.pkl", ctf_table())
    return tmp_path


@pytest.mark.parametrize("name", ["all.mrcs", "list.txt"])
def test_a_stack_with_poses_and_ctf_is_a_set_of_particles(project: Path, name):
    stack = read_cryodrgn(project / name, poses=project / "poses.pkl", ctf=project / "ctf.pkl")
    assert len(stack) == COUNT
    assert stack.pixel_size_A.tolist() == [PIXEL_A] * COUNT
    np.testing.assert_allclose(stack.rotations, rotations(), atol=1e-6)
    # A shift in the file is what centres the image, x first, as a fraction of the box.
    np.testing.assert_allclose(stack.shifts_yx_A[0], [0.9 / 11 * 40, 0.1 * 40])
    assert stack.ctf is not None
    assert stack.ctf.defocus_u_A.tolist() == [15000.0 + i for i in range(COUNT)]
    assert stack.ctf.phase_shift_deg.tolist() == [5.0] * COUNT
    images = stack.images.read(np.arange(COUNT))
    assert np.array_equal(images, read_mrc(project / "all.mrcs"))


def test_indices_choose_of_everything_alike(project: Path):
    dump(project / "ind.pkl", np.array([5, 1]))
    given = {"poses": project / "poses.pkl", "ctf": project / "ctf.pkl"}
    whole = read_cryodrgn(project / "list.txt", **given)
    chosen = read_cryodrgn(project / "list.txt", **given, indices=project / "ind.pkl")
    assert chosen.images.names() == ["000002@parts/b.mrcs", "000002@parts/a.mrcs"]
    assert np.array_equal(chosen.rotations, whole.rotations[[5, 1]])
    assert chosen.ctf.defocus_u_A.tolist() == [15005.0, 15001.0]


def test_pickles_that_have_been_filtered_themselves_fit_too(project: Path):
    dump(project / "ind.pkl", np.array([5, 1]))
    dump(project / "poses.pkl", (rotations()[[5, 1]], np.zeros((2, 2))))
    chosen = read_cryodrgn(
        project / "all.mrcs", poses=project / "poses.pkl", indices=project / "ind.pkl"
    )
    np.testing.assert_allclose(chosen.rotations, rotations()[[5, 1]], atol=1e-6)


def test_the_pixel_size_is_that_of_the_box_whatever_it_was_binned_to(project: Path):
    table = ctf_table()
    table[:, 0], table[:, 1] = 2 * BOX, PIXEL_A / 2
    dump(project / "ctf.pkl", table)
    stack = read_cryodrgn(project / "all.mrcs", ctf=project / "ctf.pkl")
    assert stack.pixel_size_A.tolist() == [PIXEL_A] * COUNT


def test_density_that_is_dark_is_inverted_when_it_is_read(project: Path):
    stack = read_cryodrgn(project / "all.mrcs", uninvert_data=True)
    assert np.array_equal(stack.images.read(np.array([2])), -read_mrc(project / "all.mrcs")[2:3])


@pytest.mark.parametrize("value", [rotations(), (rotations(),), [rotations()]])
def test_old_poses_without_shifts_are_centred(project: Path, value):
    dump(project / "poses.pkl", value)
    stack = read_cryodrgn(project / "all.mrcs", poses=project / "poses.pkl")
    assert not stack.shifts_yx_A.any()
    np.testing.assert_allclose(stack.rotations, rotations(), atol=1e-6)


def test_shifts_in_pixels_are_refused_and_read_when_the_user_says_so(project: Path):
    dump(project / "poses.pkl", (rotations(), np.full((COUNT, 2), -1.6)))
    with pytest.raises(CryoAIError, match=r"row 1 is 1\.6 boxes long.*--shifts-in-pixels"):
        read_cryodrgn(project / "all.mrcs", poses=project / "poses.pkl")
    stack = read_cryodrgn(project / "all.mrcs", poses=project / "poses.pkl", shifts_in_pixels=True)
    np.testing.assert_allclose(stack.shifts_yx_A, 1.6 * PIXEL_A)


def test_what_the_pickles_say_replaces_what_a_star_file_says(project: Path):
    names = [f"{i + 1}@all.mrcs" for i in range(COUNT)]
    own = ParticleStack.of_images(
        open_images(names, project / "p.star"),
        PIXEL_A,
        shifts_yx_A=(1.0, 2.0),
        rotations=np.eye(3),
        half=[1, 2] * 3,
        ctf=ParticleCtf.of_values(
            COUNT, defocus_u_A=9000, defocus_v_A=9000, defocus_angle_deg=0, voltage_kV=300
        ),
    )
    write_particles(own, project / "p.star")
    stack = read_cryodrgn(project / "p.star", poses=project / "poses.pkl", ctf=project / "ctf.pkl")
    np.testing.assert_allclose(stack.rotations, rotations(), atol=1e-6)
    assert stack.ctf.defocus_v_A.tolist() == [14000.0] * COUNT
    assert stack.half.tolist() == [1, 2] * 3
    write_particles(stack, project / "again.star")
    again = read_particles(project / "again.star")
    np.testing.assert_allclose(again.rotations, stack.rotations, atol=1e-7)
    np.testing.assert_allclose(again.shifts_yx_A, stack.shifts_yx_A, atol=1e-6)
    assert again.ctf.amplitude_contrast == pytest.approx(0.1)


def test_poses_of_a_star_file_that_was_sorted_since_are_refused(project: Path):
    names = [f"{i + 1}@all.mrcs" for i in range(COUNT)]
    images = open_images(names, project / "p.star")
    write_particles(
        ParticleStack.of_images(images, PIXEL_A, rotations=rotations()), project / "p.star"
    )
    read_cryodrgn(project / "p.star", poses=project / "poses.pkl")
    dump(project / "poses.pkl", (rotations()[::-1], np.zeros((COUNT, 2))))
    with pytest.raises(CryoAIError, match=r"another order: row 1 is that of particle 6 \(6 of 6"):
        read_cryodrgn(project / "p.star", poses=project / "poses.pkl")


def test_real_files_of_cryodrgns_own_tests_are_read(data: Path, tmp_path: Path):
    source = data / "particles"
    if not source.is_dir():
        pytest.skip("the real particles are not there")
    stack = read_cryodrgn(source / "cdrgn_relion31.mrcs", pixel_size_A=1.7)
    star = read_particles(source / "cdrgn_relion31.star", with_images=False)
    assert len(stack) == len(star) == 5
    dump(tmp_path / "poses.pkl", (star.rotations, np.zeros((5, 2))))
    again = read_cryodrgn(
        source / "cdrgn_relion31.mrcs", poses=tmp_path / "poses.pkl", pixel_size_A=1.7
    )
    np.testing.assert_allclose(again.rotations, star.rotations)


def broken_poses(**change: Any) -> Any:
    parts = {"rotations": rotations(), "shifts": np.zeros((COUNT, 2))} | change
    return parts["rotations"], parts["shifts"]


NOT_A_NUMBER = np.where(np.arange(COUNT) == 3, np.nan, 0.0)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (broken_poses(rotations=rotations(5), shifts=np.zeros((5, 2))), "5 rows, and 'all.mrcs'"),
        (broken_poses(shifts=np.zeros((5, 2))), r"6 rotations, and shifts of \(5, 2\)"),
        (broken_poses(shifts=np.zeros((COUNT, 3))), r"shifts of \(6, 3\)"),
        (broken_poses(rotations=rotations() * 1.1), "row 1 is not a rotation matrix"),
        (broken_poses(rotations=-rotations()), "row 1 is not a rotation matrix"),
        (broken_poses(rotations=np.zeros((COUNT, 4))), "no array of numbers of 3 dimensions"),
        (broken_poses(rotations=np.zeros((COUNT, 2, 2))), r"not \(n, 3, 3\)"),
        (broken_poses(shifts=np.stack([NOT_A_NUMBER] * 2, -1)), "no number in row 4"),
        ((rotations(),) * 3, "it holds 3 arrays"),
        ("poses", "no array of numbers"),
        ({}, "no array of numbers"),
    ],
)
def test_poses_that_are_none_are_refused(project: Path, value, problem):
    path = dump(project / "poses.pkl", value)
    with pytest.raises(CryoAIError, match=problem) as caught:
        read_cryodrgn(project / "all.mrcs", poses=path)
    assert caught.value.path == path


def broken_ctf(column: int, value: float) -> np.ndarray:
    table = ctf_table()
    table[2, column] = value
    return table


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (ctf_table(5), "has 5 rows, and 'all.mrcs' has 6 particles"),
        (ctf_table()[:, :8], "has 8 columns"),
        (broken_ctf(1, 0.0), "says no box size or pixel size"),
        (broken_ctf(2, np.nan), "no number in row 3"),
        (broken_ctf(5, 300000.0), "voltage of particle 3, 300000"),
        (broken_ctf(7, 2.7), "amplitude contrast of particle 3"),
        (broken_ctf(0, 4 * BOX), "row 3 that the box is 160 A wide, and it is 40 A"),
        ((1, 2), "no array of numbers"),
    ],
)
def test_ctf_parameters_that_are_none_are_refused(project: Path, value, problem):
    path = dump(project / "ctf.pkl", value)
    with pytest.raises(CryoAIError, match=problem) as caught:
        read_cryodrgn(project / "all.mrcs", ctf=path)
    assert caught.value.path == path


def test_ctf_parameters_of_other_images_contradict_the_header(project: Path):
    table = ctf_table()
    table[:, 1] = 1.1
    dump(project / "ctf.pkl", table)
    with pytest.raises(CryoAIError, match=r"1\.1 A, and the header of its stack says 2\.5 A"):
        read_cryodrgn(project / "all.mrcs", ctf=project / "ctf.pkl")


def test_a_nan_image_is_named_with_the_row_of_its_particle(project: Path):
    images = read_mrc(project / "parts/b.mrcs").copy()
    images[1, 3, 3] = np.nan
    write_mrc(project / "parts/b.mrcs", images, PIXEL_A)
    stack = read_cryodrgn(project / "list.txt")
    with pytest.raises(CryoAIError, match=r"image 2 holds .*particle 6") as caught:
        stack.images.read(np.arange(COUNT))
    assert caught.value.path == project / "parts/b.mrcs"


def test_the_pixel_size_is_asked_for_where_nobody_tells_it(project: Path):
    write_mrc(project / "all.mrcs", read_mrc(project / "all.mrcs"), 1.0)
    with pytest.raises(CryoAIError, match="does not tell the pixel size"):
        read_cryodrgn(project / "all.mrcs")
    assert read_cryodrgn(project / "all.mrcs", pixel_size_A=3.0).pixel_size_A[0] == 3.0


@pytest.mark.parametrize("line", ["../all.mrcs", "/etc/passwd", "gone.mrcs", ""])
def test_a_list_leads_nowhere_else(project: Path, line):
    (project / "parts/list.txt").write_text(f"{line}\n")
    with pytest.raises(CryoAIError) as caught:
        read_cryodrgn(project / "parts/list.txt")
    assert caught.value.path == project / "parts/list.txt"
