"""From binned particles back to those that they were made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.particle_export import export_particles
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.io.particle_origin import rows_in_original
from napari_cryoai.io.particle_tables import open_table
from napari_cryoai.io.star import read_star

COUNT = 5
PLACES = [(10.0, 20.0), (30.5, 20.0), (10.0, 99.25), (400.0, 1.0), (7.0, 7.0)]


def star(path: Path, order: list[int], **columns: str) -> Path:
    """Particles of a STAR file in some order; columns are made of the number `i` of each."""
    labels = ("rlnImageName", "rlnMicrographName", "rlnCoordinateX", "rlnCoordinateY", *columns)
    lines = []
    for i in order:
        x, y = PLACES[i]
        more = [pattern.format(i=i) for pattern in columns.values()]
        lines.append(" ".join([f"{i + 1}@{path.stem}.mrcs", "m.mrc", str(x), f"{y:.6f}", *more]))
    head = "\n".join(f"_{label}" for label in labels)
    path.write_text(f"data_particles\n\nloop_\n{head}\n" + "\n".join(lines) + "\n")
    return path


def cs(path: Path, uids: list[int]) -> Path:
    fields = [("uid", "<u8"), ("blob/path", "S9"), ("blob/idx", "<u4")]
    table = np.zeros(len(uids), [*fields, ("blob/shape", "<u4", (2,)), ("blob/psize_A", "<f4")])
    table["uid"], table["blob/path"] = uids, b"full.mrcs"
    table["blob/idx"] = np.arange(len(uids))
    with path.open("wb") as file:
        np.save(file, table)
    return path


def found(source: Path, rows: list[int], original: Path) -> list[int]:
    tables = (open_table(ParticleFiles(path)) for path in (source, original))
    table, first = tables
    return rows_in_original(table, np.array(rows), first).tolist()


def test_places_on_the_micrographs_lead_back(tmp_path: Path):
    binned = star(tmp_path / "binned.star", [0, 1, 2, 3, 4])
    full = star(tmp_path / "full.star", [3, 1, 4, 0, 2])
    assert found(binned, [0, 3, 4], full) == [3, 0, 2]


def test_the_original_name_leads_back_before_the_place(tmp_path: Path):
    columns = {"rlnImageOriginalName": "{i}@full.mrcs"}  # one less: particle i was image i - 1
    binned = star(tmp_path / "binned.star", [1, 2, 3], **columns)
    full = star(tmp_path / "full.star", [0, 1, 2, 3, 4])
    assert found(binned, [0, 2], full) == [0, 2]


def test_the_uid_leads_back_to_cryosparc(tmp_path: Path):
    binned = star(tmp_path / "binned.star", [0, 1, 2], cryosparcUid="1800000000000000000{i}")
    full = cs(tmp_path / "full.cs", [18000000000000000002, 7, 18000000000000000000])
    assert found(binned, [0, 2], full) == [2, 0]


def test_a_bare_stack_is_taken_row_by_row_if_the_counts_agree(tmp_path: Path):
    write_mrc(tmp_path / "binned.mrcs", np.zeros((COUNT, 8, 8), np.float32), 2.0)
    full = star(tmp_path / "full.star", [3, 1, 4, 0, 2])
    assert found(tmp_path / "binned.mrcs", [0, 4], full) == [0, 4]
    star(tmp_path / "full.star", [3, 1, 4])
    with pytest.raises(CryoAIError, match=r"has 3 particles, and 'binned\.mrcs', .* has 5"):
        found(tmp_path / "binned.mrcs", [0, 4], full)


def test_particles_that_are_not_there_are_refused(tmp_path: Path):
    binned = star(tmp_path / "binned.star", [0, 1, 2])
    full = star(tmp_path / "full.star", [1, 2])
    with pytest.raises(CryoAIError, match=r"no particle like .*10\.0, 20\.0.*micrograph and co"):
        found(binned, [0, 1], full)
    assert found(binned, [1, 2], full) == [0, 1]


def test_particles_that_are_there_twice_are_refused(tmp_path: Path):
    binned = star(tmp_path / "binned.star", [0, 1])
    full = star(tmp_path / "full.star", [0, 1, 1])
    with pytest.raises(CryoAIError, match="several particles like"):
        found(binned, [1], full)


def test_the_rows_of_the_original_are_exported(tmp_path: Path):
    binned = star(tmp_path / "binned.star", [0, 1, 2, 3, 4])
    full = star(tmp_path / "full.star", [3, 1, 4, 0, 2], someColumn="note-{i}")
    rows = np.array([4, 0])
    names = ["5@binned.mrcs", "1@binned.mrcs"]
    assert export_particles(binned, rows, names, tmp_path / "out.star", original=full) == 2
    table = read_star(tmp_path / "out.star")["particles"]
    assert table["rlnImageName"] == ("5@full.mrcs", "1@full.mrcs")
    assert table["someColumn"] == ("note-4", "note-0")


def test_a_cs_file_is_written_from_the_original(tmp_path: Path):
    binned = star(tmp_path / "binned.star", [0, 1, 2], cryosparcUid="{i}")
    full = cs(tmp_path / "full.cs", [2, 1, 0])
    out = tmp_path / "out.cs"
    export_particles(binned, np.array([0]), ["1@binned.mrcs"], out, original=full)
    assert np.load(out)["uid"].tolist() == [0]
