"""`cryoai extract` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from napari_cryoai.cli import main
from napari_cryoai.cli.options import flag
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.micrograph_ctf import write_micrograph_ctf
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.particle_stacks import read_particles
from napari_cryoai.io.picks import write_picks
from napari_cryoai.particles.extract_plan import ExtractParams

Simulated = tuple[Path, PickTable]


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def job(simulated: Simulated, tmp_path: Path) -> tuple[Path, Path, Path]:
    """A file of picks, one of CTF values, and the folder of the micrographs."""
    folder, truth = simulated
    micrographs, _ = open_micrographs([folder])
    write_picks(truth, tmp_path / "picks.star", micrographs=micrographs)
    rows = [MicrographCtf(m.name, 15e3, 14e3, 30, 300, 2.7, 0.1, 2.0) for m in micrographs]
    write_micrograph_ctf(tmp_path / "ctf.star", rows)
    return tmp_path / "picks.star", tmp_path / "ctf.star", folder


def test_extract_writes_a_stack_a_table_and_a_record(job, simulated: Simulated, tmp_path: Path):
    picks, ctf, folder = job
    out = tmp_path / "out"
    code, told, errors = run(
        *("extract", picks, "--ctf", ctf, "--micrographs", folder, "--output", out),
        *("--box-size-px", 48, "--pixel-size-A", 4),
    )
    assert code == 0, errors
    stack = read_particles(out / "particles.star")
    assert f"{len(stack)} particles of 48 pixels of 4 A" in told
    assert 0 < len(stack) <= len(simulated[1])
    mean = stack.images.read(np.arange(len(stack))).mean(0)
    assert mean[20:28, 20:28].mean() > 3 * abs(mean[:4].mean())
    assert stack.require_ctf().defocus_u_A[0] == 15e3
    record = json.loads((out / "job.json").read_text())
    assert record["job"] == "extract"
    assert len(record["inputs"]) == 5
    assert len(record["outputs"]) == 2


def test_micrographs_are_found_where_the_picks_say(job, monkeypatch: pytest.MonkeyPatch):
    picks, ctf, folder = job
    moved = folder / "picks.star"
    moved.write_bytes(picks.read_bytes())
    try:
        code, told, _ = run(
            *("extract", moved, "--ctf", ctf, "--output", picks.parent / "out", "--json"),
            *("--box-size-px", 32),
        )
    finally:
        moved.unlink()
    assert code == 0
    result = json.loads(told.splitlines()[-1])["result"]
    assert result["pixel_size_A"] == [2.0]
    assert result["particles"] + result["left_out_at_border"] > 100


def test_missing_micrographs_are_asked_for(job, tmp_path: Path):
    picks, ctf, _ = job
    code, _, errors = run("extract", picks, "--ctf", ctf, "--output", tmp_path / "out")
    assert code == 2
    assert "--micrographs" in errors


def test_every_parameter_is_an_option():
    options = {o for param in main.get_command(None, "extract").params for o in param.opts}
    assert {flag(name) for name in ExtractParams.model_fields} <= options
