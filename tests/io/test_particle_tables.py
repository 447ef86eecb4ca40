"""Tables of particles are known by their columns, and rows leave as they came."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.io.particle_tables import ParticleTable, open_table
from napari_cryoai.io.star import read_star


def opened(path: Path) -> ParticleTable:
    return open_table(ParticleFiles(path))


@pytest.fixture
def star(tmp_path: Path) -> Path:
    (tmp_path / "p.star").write_text(
        "data_optics\n\n_rlnOpticsGroup 1\n_rlnVoltage 300\n\ndata_particles\n\nloop_\n"
        "_rlnImageName\n_rlnDefocusU\n_someWord\n"
        "3@a.mrcs 15000.10 yes\n1@a.mrcs 1.5e4 'no, not'\n2@'x.mrcs 12000 \"it is\"\n"
    )
    return tmp_path / "p.star"


def test_columns_of_numbers_are_told_from_those_of_words(star: Path):
    table = opened(star)
    assert table.columns() == ["rlnDefocusU"]
    assert table.column("rlnDefocusU").tolist() == [15000.1, 15000.0, 12000.0]
    assert table.column("someWord") is None
    assert table.column("rlnImageName") is None


def test_rows_keep_their_tokens_and_the_file_its_other_tables(star: Path, tmp_path: Path):
    opened(star).write(np.array([2, 0]), tmp_path / "out.star")
    blocks = read_star(tmp_path / "out.star")
    assert blocks["particles"]["rlnDefocusU"] == ("12000", "15000.10")
    assert blocks["particles"]["someWord"] == ('"it is"', "yes")
    assert blocks["particles"]["rlnImageName"] == ("2@'x.mrcs", "3@a.mrcs")
    assert blocks["optics"] == {"rlnOpticsGroup": ("1",), "rlnVoltage": ("300",)}
    assert "_rlnVoltage  300" in (tmp_path / "out.star").read_text()


def test_vectors_of_cs_files_are_columns_one_by_one(tmp_path: Path):
    fields = [("uid", "<u8"), ("blob/path", "S9"), ("blob/idx", "<u4"), ("blob/shape", "<u4", 2)]
    fields += [("blob/psize_A", "<f4"), ("alignments3D/shift", "<f4", 2), ("filament/flag", "?")]
    table = np.zeros(2, fields)
    table["blob/path"], table["blob/idx"] = b">S1/a.mrc", [4, 0]
    table["alignments3D/shift"] = [[1, 2], [3, 4]]
    with (tmp_path / "p.cs").open("wb") as file:
        np.save(file, table)
    read = opened(tmp_path / "p.cs")
    assert read.names() == ["000005@S1/a.mrc", "000001@S1/a.mrc"]
    assert read.column("alignments3D_shift_1").tolist() == [2, 4]
    assert read.column("filament_flag").tolist() == [0, 0]
    assert read.column("blob_path") is None
    assert {"uid", "blob_idx", "blob_shape_0"} <= set(read.columns())


def test_a_stack_has_names_and_nothing_else(tmp_path: Path):
    write_mrc(tmp_path / "p.mrcs", np.zeros((2, 8, 8), np.float32), None)
    table = opened(tmp_path / "p.mrcs")
    assert table.names() == ["000001@p.mrcs", "000002@p.mrcs"]
    assert table.columns() == []
    assert table.column("row") is None


def test_picks_are_no_particle_images(tmp_path: Path):
    (tmp_path / "picks.star").write_text("data_\n\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 2\n")
    with pytest.raises(CryoAIError, match="no particle images"):
        opened(tmp_path / "picks.star")
    with (tmp_path / "picks.cs").open("wb") as file:
        np.save(file, np.zeros(2, [("uid", "<u8")]))
    with pytest.raises(CryoAIError, match="the field blob/path is missing"):
        opened(tmp_path / "picks.cs")
