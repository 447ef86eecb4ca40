"""Particles are chosen by their place, by columns of the run, and by columns of their file."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.selection.select import select_particles
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.particle_files import ParticleFiles

COUNT = 8
ROWS = np.array([6, 0, 3, 4])
"""Of the file, the particles that have a place: some, and not in order."""
DEFOCUS = 10000 + 1000 * np.arange(COUNT)


@pytest.fixture
def files(tmp_path: Path) -> ParticleFiles:
    write_mrc(tmp_path / "p.mrcs", np.zeros((COUNT, 8, 8), np.float32), 2.0)
    labels = ("rlnImageName", "rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnImagePixelSize")
    labels += ("rlnRandomSubset", "somebodysScore", "someText")
    rows = [
        f"{i + 1}@p.mrcs {DEFOCUS[i]} {DEFOCUS[i] - 500} 0 2.0 {i % 2 + 1} {i / 10} word{i}"
        for i in range(COUNT)
    ]
    head = "\n".join(f"_{label}" for label in labels)
    (tmp_path / "p.star").write_text(f"data_particles\n\nloop_\n{head}\n" + "\n".join(rows) + "\n")
    return ParticleFiles(tmp_path / "p.star")


@pytest.fixture
def table() -> LatentTable:
    return LatentTable(
        np.array([[-1, 0], [0, 1], [1, 2], [2, 3]], np.float32),
        np.zeros((4, 2, 2), np.float32),
        ROWS,
        np.array([f"{row + 1:06d}@p.mrcs" for row in ROWS]),
        {"contrast": np.array([0.5, 1.0, 1.5, 2.0], np.float32)},
    )


@pytest.mark.parametrize(
    ("condition", "chosen"),
    [
        ("z1 >= 1", [2, 3]),
        ("z2 == 1", [1]),
        ("contrast < 1.2", [0, 1]),
        ("row == 7", [0]),
        ("rlnDefocusU >= 13000", [0, 2, 3]),
        ("defocus_A < 13000", [1, 2]),
        ("astigmatism_A == 500", [0, 1, 2, 3]),
        ("half == 1", [0, 1, 3]),
        ("somebodysScore > 0.35 and z1 > 0", [3]),
        ("pixel_size_A == 2 and not shift_A > 0", [0, 1, 2, 3]),
        ("score > 0", []),
    ],
)
def test_names_mean_columns_of_run_and_file(table, files, condition, chosen):
    assert select_particles(table, condition, files).tolist() == chosen


def test_what_the_caller_gives_comes_first(table):
    more = {"cluster": np.array([0, 1, 1, 0]), "contrast": np.zeros(4)}
    assert select_particles(table, "cluster == 1", more=more).tolist() == [1, 2]
    assert not len(select_particles(table, "contrast > 0", more=more))


def test_the_file_is_not_opened_for_what_the_run_knows(table, tmp_path):
    gone = ParticleFiles(tmp_path / "gone.star")
    assert select_particles(table, "z1 > 0 and contrast > 0", gone).tolist() == [2, 3]
    with pytest.raises(CryoAIError, match="no such file"):
        select_particles(table, "rlnDefocusU > 0", gone)


def test_columns_of_a_file_that_was_sorted_since_are_not_used(table, files):
    path = files.particles
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:-COUNT], *lines[-COUNT:][::-1]]) + "\n")
    assert select_particles(table, "z1 > 0", files).tolist() == [2, 3]
    with pytest.raises(CryoAIError, match=r"row 7 is '2@p\.mrcs', and it was '000007@p\.mrcs'"):
        select_particles(table, "rlnDefocusU > 0", files)


@pytest.mark.parametrize("name", ["someText", "rlnImageName", "phase", "tilt_deg"])
def test_columns_that_are_none_or_of_text_are_refused(table, files, name):
    with pytest.raises(CryoAIError, match=f"there is no column '{name}'"):
        select_particles(table, f"{name} > 0", files)


def test_a_stack_knows_what_cryodrgns_pickles_say(tmp_path: Path):
    write_mrc(tmp_path / "p.mrcs", np.zeros((COUNT, 8, 8), np.float32), 2.0)
    ctf = np.tile(np.array([8, 2.0, 0, 0, 0, 300, 2.7, 0.1, 0], np.float32), (COUNT, 1))
    ctf[:, 2] = ctf[:, 3] = DEFOCUS
    (tmp_path / "ctf.pkl").write_bytes(pickle.dumps(ctf))
    (tmp_path / "ind.pkl").write_bytes(pickle.dumps(ROWS))
    files = ParticleFiles(
        tmp_path / "p.mrcs", ctf=tmp_path / "ctf.pkl", indices=tmp_path / "ind.pkl"
    )
    names = np.array(files.read().images.names())
    table = LatentTable(np.zeros((4, 1)), np.zeros((4, 1, 1)), ROWS, names)
    assert select_particles(table, "defocus_A > 13500", files).tolist() == [0, 3]
    some = table.select(np.array([3, 1]))
    assert select_particles(some, "defocus_A > 13500", files).tolist() == [0]


def test_fields_of_cs_files_have_names_without_slashes(tmp_path: Path):
    write_mrc(tmp_path / "p.mrcs", np.zeros((COUNT, 8, 8), np.float32), 2.0)
    fields = [("uid", "<u8"), ("blob/path", "S6"), ("blob/idx", "<u4")]
    fields += [("blob/shape", "<u4", (2,)), ("blob/psize_A", "<f4"), ("ctf/df1_A", "<f4")]
    rows = np.zeros(COUNT, [*fields, ("components_mode_0/value", "<f4")])
    rows["blob/path"], rows["blob/idx"], rows["blob/shape"] = b"p.mrcs", np.arange(COUNT), 8
    rows["blob/psize_A"], rows["ctf/df1_A"] = 2.0, DEFOCUS
    rows["components_mode_0/value"] = np.arange(COUNT)
    with (tmp_path / "p.cs").open("wb") as file:
        np.save(file, rows)
    names = np.array([f"{row + 1:06d}@p.mrcs" for row in ROWS])
    table = LatentTable(np.zeros((4, 1)), np.zeros((4, 1, 1)), ROWS, names)
    files = ParticleFiles(tmp_path / "p.cs")
    assert select_particles(table, "ctf_df1_A > 13500", files).tolist() == [0, 3]
    assert select_particles(table, "components_mode_0_value <= 3", files).tolist() == [1, 2]
    assert select_particles(table, "blob_shape_1 == 8", files).tolist() == [0, 1, 2, 3]
