"""`cryoai heterogeneity select`: from a condition to a file of the original particles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result

from napari_cryoai.cli.heterogeneity_select import select_command
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.core.selection_set import SelectionSet
from napari_cryoai.heterogeneity.output import read_latents, write_latents
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.io.particle_stacks import read_particles
from napari_cryoai.io.selections import write_selections
from napari_cryoai.io.star import read_star

COUNT = 12


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A training of twelve particles, in the order of their file."""
    write_mrc(tmp_path / "p.mrcs", np.zeros((COUNT, 8, 8), np.float32), 2.0)
    rows = [f"{i + 1}@p.mrcs 2.0 {9000 + 1000 * i} kept{i}" for i in range(COUNT)]
    (tmp_path / "p.star").write_text(
        "data_particles\n\nloop_\n_rlnImageName\n_rlnImagePixelSize\n_rlnDefocusU\n_someText\n"
        + "\n".join(rows)
        + "\n"
    )
    files = ParticleFiles(tmp_path / "p.star")
    folder = tmp_path / "run"
    folder.mkdir()
    names = np.array(files.read().images.names())
    z = np.linspace(-1, 1, COUNT, dtype=np.float32)[:, None]
    table = LatentTable(z, np.zeros((COUNT, 1, 1), np.float32), np.arange(COUNT), names)
    write_latents(table, folder / "z.npz")
    config = {"method": "covariance", **files.as_config()}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def select(run: Path, where: str, output: str, *more: Any) -> Result:
    words = [run, "--where", where, "--output", run.parent / output, *more]
    return CliRunner().invoke(select_command, [str(word) for word in words])


def test_the_count_that_is_told_is_that_of_the_file(run: Path):
    result = select(run, "z1 > 0 and rlnDefocusU < 18000", "chosen.star")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("3 of 12 particles: ")
    table = read_star(run.parent / "chosen.star")["particles"]
    assert table["someText"] == ("kept6", "kept7", "kept8")
    assert len(read_particles(run.parent / "chosen.star")) == 3


def test_a_file_that_cannot_find_its_images_says_so(run: Path, tmp_path_factory):
    far = tmp_path_factory.mktemp("far") / "chosen.star"
    result = select(run, "z1 > 0", str(far))
    assert result.exit_code == 0
    assert "not found from where it lies" in result.output
    assert read_star(far)["particles"]["someText"][0] == "kept6"
    assert "not found" not in select(run, "z1 > 0", "chosen.star").output
    assert "not found" not in select(run, "z1 > 0", str(far.with_suffix(".pkl"))).output


def test_machines_are_told_in_json(run: Path):
    result = select(run, "z1 > 0", "chosen.npz", "--json")
    assert json.loads(result.output)["result"]["particles"] == 6


@pytest.mark.parametrize(
    ("where", "output", "problem"),
    [
        ("z1 >", "chosen.star", "cannot be read at character 5"),
        ("z2 > 0", "chosen.star", "there is no column 'z2'"),
        ("z1 > 5", "chosen.star", "no particle of 12 is chosen"),
        ("z1 > 0", "chosen.csv", "no ending of a file of particles"),
        ("z1 > 0", "p.star", "is the file that the particles are from"),
        ("z1 > 0", "chosen.cs", "which is no .cs file"),
    ],
)
def test_what_cannot_be_done_is_said(run: Path, where, output, problem):
    before = (run.parent / "p.star").read_bytes()
    result = select(run, where, output)
    assert result.exit_code == 2
    assert problem in result.output
    assert (run.parent / "p.star").read_bytes() == before


def test_a_selection_that_was_saved_has_a_name(run: Path):
    table = read_latents(run / "z.npz")
    first = np.arange(COUNT) < 9
    saved = SelectionSet.empty(COUNT).select(first).keep("open")
    write_selections(run / "selections.npz", saved, table)
    words = [str(run), "--selection", "open", "--output", str(run.parent / "open.star")]
    result = CliRunner().invoke(select_command, words)
    assert result.output.startswith("9 of 12 particles: ")
    result = CliRunner().invoke(select_command, [*words, "--where", "z1 > 0"])
    assert result.output.startswith("3 of 12 particles: ")
    words[2] = "closed"
    result = CliRunner().invoke(select_command, words)
    assert result.exit_code == 2
    assert "closed" in result.output


def test_a_selection_of_nothing_in_particular_is_asked_about(run: Path):
    words = [str(run), "--output", str(run.parent / "all.star")]
    result = CliRunner().invoke(select_command, words)
    assert result.exit_code == 2
    assert "--where, --selection" in result.output


def test_particles_that_moved_are_named(run: Path):
    folder = run.parent / "elsewhere"
    folder.mkdir()
    for name in ("p.star", "p.mrcs"):
        (run.parent / name).rename(folder / name)
    result = select(run, "z1 > 0", "chosen.star")
    assert result.exit_code == 2
    assert "no such file" in result.output
    result = select(run, "z1 > 0", "chosen.star", "--particles", folder / "p.star")
    assert result.exit_code == 0, result.output


def test_another_set_of_particles_is_refused(run: Path):
    path = run.parent / "p.star"
    path.write_text(path.read_text().replace("7@p.mrcs", "1@p.mrcs"))
    result = select(run, "z1 > 0", "chosen.star")
    assert result.exit_code == 2
    assert "row 7 is '1@p.mrcs', and it was '000007@p.mrcs'" in result.output
    assert not (run.parent / "chosen.star").exists()


def test_a_folder_of_something_else_is_refused(tmp_path: Path):
    result = select(tmp_path, "z1 > 0", "chosen.star")
    assert result.exit_code == 2
    assert "z.npz" in result.output
