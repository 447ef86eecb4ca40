"""Chosen particles leave as rows of their own file, and are the ones that were chosen."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.euler import matrices_from_zyz
from napari_cryoai.io import particle_export
from napari_cryoai.io.cryosparc import read_cs
from napari_cryoai.io.indices import INDEX_FILES, read_indices
from napari_cryoai.io.mrc import read_mrc, write_mrc
from napari_cryoai.io.particle_export import export_particles
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.io.particle_stacks import read_particles
from napari_cryoai.io.star import read_star

REAL = (
    "cdrgn_relion31.6opticsgroups.star",
    "cdrgn_FinalRefinement-OriginalParticles-PfCRT.star",
    "cdrgn_empiar_10076_7.star",
)


@pytest.fixture
def real(data: Path) -> Path:
    if not (data / "particles").is_dir():
        pytest.skip("the real particles are not there")
    return data / "particles"


def particle_table(path: Path) -> dict[str, tuple[str, ...]]:
    return next(table for table in read_star(path).values() if "rlnImageName" in table)


@pytest.mark.parametrize("name", REAL)
def test_rows_of_real_files_leave_token_for_token(real: Path, tmp_path: Path, name):
    stack = read_particles(real / name, with_images=False)
    rows = np.flatnonzero(np.random.default_rng(0).random(len(stack)) < 0.5)
    names = [stack.images.names()[row] for row in rows]
    assert export_particles(real / name, rows, names, tmp_path / "out.star") == len(rows)
    before, after = read_star(real / name), read_star(tmp_path / "out.star")
    assert list(after) == list(before)
    block = next(k for k, table in before.items() if "rlnImageName" in table)
    assert list(after[block]) == list(before[block])
    for label, tokens in before[block].items():
        assert after[block][label] == tuple(tokens[row] for row in rows)
    assert {k: t for k, t in after.items() if k != block} == {
        k: t for k, t in before.items() if k != block
    }


def test_rows_of_a_real_cs_file_keep_every_field_and_the_uid(real: Path, tmp_path: Path):
    path = real / "cdrgn_empiar_10076_7.cs"
    names = read_particles(path, with_images=False).images.names()
    rows = np.array([5, 0])
    export_particles(path, rows, [names[row] for row in rows], tmp_path / "out.cs")
    before, after = read_cs(path), read_cs(tmp_path / "out.cs")
    assert after.dtype == before.dtype
    assert after.tobytes() == before[rows].tobytes()
    assert after["uid"].tolist() == before["uid"][rows].tolist()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Six particles of two stacks, with a column of somebody else's."""
    images = np.random.default_rng(1).normal(size=(6, 8, 8)).astype(np.float32)
    write_mrc(tmp_path / "a.mrcs", images[:4], 2.0)
    write_mrc(tmp_path / "b.mrcs", images[4:], 2.0)
    names = [*(f"{i:06d}@a.mrcs" for i in (1, 2, 3, 4)), "1@b.mrcs", "2@b.mrcs"]
    write_star_of(tmp_path / "p.star", names)
    return tmp_path


def write_star_of(path: Path, names: list[str]) -> None:
    rows = "\n".join(f"{name} 1 {i}.500 'it is {i}'" for i, name in enumerate(names))
    path.write_text(
        "# version 50001\n\ndata_optics\n\nloop_\n_rlnOpticsGroup\n_rlnImagePixelSize\n1 2.0\n\n"
        "data_particles\n\nloop_\n_rlnImageName\n_rlnOpticsGroup\n_someScore\n_someText\n"
        f"{rows}\n\ndata_job\n\n_rlnJobTypeLabel relion.select\n"
    )


def names_of(path: Path, rows: np.ndarray) -> list[str]:
    names = read_particles(path).images.names()
    assert names is not None
    return [names[row] for row in rows.tolist()]


ROWS = np.array([4, 1, 5])


@pytest.mark.parametrize("ending", INDEX_FILES)
def test_numbers_of_particles_refer_to_the_source(project: Path, ending):
    out = project / f"chosen{ending}"
    assert export_particles(project / "p.star", ROWS, names_of(project / "p.star", ROWS), out) == 3
    assert read_indices(out, 6).tolist() == ROWS.tolist()


def test_cryodrgn_gets_an_array(project: Path):
    out = project / "ind.pkl"
    export_particles(project / "p.star", ROWS, names_of(project / "p.star", ROWS), out)
    assert pickle.loads(out.read_bytes()).tolist() == ROWS.tolist()


def test_images_of_the_subset_are_those_that_were_chosen(project: Path):
    out = project / "chosen.star"
    export_particles(project / "p.star", ROWS, names_of(project / "p.star", ROWS), out)
    whole, chosen = read_particles(project / "p.star"), read_particles(out)
    assert np.array_equal(chosen.images.read(np.arange(3)), whole.images.read(ROWS))
    assert particle_table(out)["someText"] == ("'it is 4'", "'it is 1'", "'it is 5'")


def test_names_may_be_spelt_with_more_or_fewer_zeros(project: Path):
    assert names_of(project / "p.star", ROWS) == ["000001@b.mrcs", "000002@a.mrcs", "000002@b.mrcs"]
    assert particle_table(project / "p.star")["rlnImageName"][4] == "1@b.mrcs"


def test_a_file_that_was_sorted_since_is_refused_and_the_row_is_named(project: Path):
    names = names_of(project / "p.star", ROWS)
    tokens = list(particle_table(project / "p.star")["rlnImageName"])
    write_star_of(project / "p.star", tokens[::-1])
    with pytest.raises(CryoAIError) as caught:
        export_particles(project / "p.star", ROWS, names, project / "chosen.star")
    assert caught.value.path == project / "p.star"
    said = str(caught.value)
    assert "row 5 is '000002@a.mrcs', and it was '000001@b.mrcs', which is in row 2 now" in said
    assert "3 of 3 chosen rows differ" in said
    assert not (project / "chosen.star").exists()


def test_a_file_of_other_particles_is_refused(project: Path):
    names = names_of(project / "p.star", ROWS)
    write_star_of(project / "p.star", [f"{i}@a.mrcs" for i in (1, 2, 3, 4)] + ["3@a.mrcs"] * 2)
    with pytest.raises(CryoAIError, match=r"row 5 .*'000001@b\.mrcs', which is not in it \(2 of 3"):
        export_particles(project / "p.star", ROWS, names, project / "chosen.star")


def test_a_file_that_lost_rows_is_refused(project: Path):
    names = names_of(project / "p.star", ROWS)
    write_star_of(project / "p.star", [f"{i}@a.mrcs" for i in (1, 2, 3)])
    with pytest.raises(CryoAIError, match=r"has 3 particles, and row 6 was chosen \(2 of 3"):
        export_particles(project / "p.star", ROWS, names, project / "chosen.star")


@pytest.mark.parametrize("name", ["p.star", "./p.star", "chosen.csv", "chosen"])
def test_outputs_that_make_no_sense_are_refused(project: Path, name):
    with pytest.raises(CryoAIError):
        export_particles(
            project / "p.star", ROWS, names_of(project / "p.star", ROWS), project / name
        )
    assert len(particle_table(project / "p.star")["rlnImageName"]) == 6


def test_a_star_file_is_no_cs_file(project: Path):
    with pytest.raises(CryoAIError, match=r"which is no \.cs file"):
        export_particles(
            project / "p.star", ROWS, names_of(project / "p.star", ROWS), project / "c.cs"
        )


def test_nothing_chosen_is_said(project: Path):
    with pytest.raises(CryoAIError, match="no particle is chosen"):
        export_particles(project / "p.star", ROWS[:0], [], project / "c.star")


def test_a_count_that_is_not_the_chosen_one_is_noticed(project: Path, monkeypatch):
    names = names_of(project / "p.star", ROWS)
    table = type(particle_export.open_table(ParticleFiles(project / "p.star")))
    original = table.write
    monkeypatch.setattr(table, "write", lambda self, rows, out: original(self, rows[:-1], out))
    with pytest.raises(CryoAIError, match="holds 2 particles after it was written"):
        export_particles(project / "p.star", ROWS, names, project / "chosen.star")


def test_a_stack_with_pickles_becomes_a_star_file(project: Path):
    rotations = matrices_from_zyz(*np.random.default_rng(0).uniform(0, 90, (3, 4)))
    (project / "poses.pkl").write_bytes(pickle.dumps((rotations, np.full((4, 2), 0.1))))
    (project / "ind.pkl").write_bytes(pickle.dumps([3, 0, 2]))
    files = ParticleFiles(project / "a.mrcs", project / "poses.pkl", indices=project / "ind.pkl")
    stack = files.read()
    rows = files.rows(len(stack))[[2, 0]]
    names = [stack.images.names()[i] for i in (2, 0)]
    assert export_particles(files, rows, names, project / "out.star") == 2
    again = read_particles(project / "out.star")
    np.testing.assert_allclose(again.rotations, rotations[[2, 3]], atol=1e-7)
    np.testing.assert_allclose(again.shifts_yx_A, -0.1 * 16)
    assert np.array_equal(again.images.read(np.arange(2)), read_mrc(project / "a.mrcs")[[2, 3]])


def test_cryosparcs_particles_become_a_star_file(real: Path, tmp_path: Path):
    for name in ("cdrgn_empiar_10076_7.cs", "cdrgn_empiar_10076_7.mrc"):
        shutil.copyfile(real / name, tmp_path / name.removeprefix("cdrgn_"))
    source = tmp_path / "empiar_10076_7.cs"
    rows = np.array([6, 2])
    export_particles(source, rows, names_of(source, rows), tmp_path / "out.star")
    whole, again = read_particles(source), read_particles(tmp_path / "out.star")
    assert np.array_equal(again.images.read(np.arange(2)), whole.images.read(rows))
    assert again.extra["cryosparcUid"].tolist() == whole.extra["cryosparcUid"][rows].tolist()
