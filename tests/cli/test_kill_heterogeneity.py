"""A latent space whose training is killed goes on to the same one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from napari_cryoai.cli import main
from napari_cryoai.heterogeneity.output import read_latents, read_model

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")

N, COUNT = 20, 300
SLOWLY = """
import time
from napari_cryoai.heterogeneity.engines import checkpoint
from napari_cryoai.heterogeneity.engines.checkpoint import Checkpoint
checkpoint.CHECKPOINT_S = 0.0
keep = Checkpoint.keep

def slowly(self, name, state):
    keep(self, name, state)
    if len(self._states) == {parts}:
        time.sleep(0.1)

Checkpoint.keep = slowly
from napari_cryoai.cli import main
main()
"""
"""The command, keeping every round and epoch, slow from the so-many-th part of the training on."""


@pytest.fixture(scope="module")
def particles(simulated_particles: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found, _ = simulated_particles(tmp_path_factory.mktemp("particles"), N, COUNT, 1.0)
    found.write()
    path: Path = found.path
    return path


def words(particles: Path, output: Path, *more: object) -> list[str]:
    options = ["--method", "vae", "--z-dim", 1, "--components", 2, "--epochs", 25]
    options += ["--device", "cpu", "--output", output, *more]
    return ["heterogeneity", "train", str(particles), *map(str, options)]


def run(*arguments: Any):
    return CliRunner().invoke(main, words(*arguments))


@pytest.fixture(scope="module")
def whole(particles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that nobody disturbs."""
    folder = tmp_path_factory.mktemp("run") / "whole"
    assert run(particles, folder).exit_code == 0
    assert not (folder / "training.checkpoint").exists()
    return folder


def killed(particles: Path, output: Path, parts: int) -> None:
    """Start it, and kill it in a part of the training: 1 components, 2 autoencoder, 4 maps."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOWLY.replace("{parts}", str(parts)), *words(particles, output)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )
    begun = {1: "round 3", 2: "Autoencoder, epoch 4", 4: "round 1"}[parts]
    assert process.stdout is not None
    for line in process.stdout:
        late = int(line.split("/")[0]) > 85 if parts == 4 and line[0].isdigit() else parts != 4
        if begun in line and late:
            break
    time.sleep(0.25)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(timeout=30) == -signal.SIGKILL


def went_on(said: str, parts: int) -> bool:
    """Whether nothing was done twice that had been kept."""
    if parts == 4:
        return "epoch" not in said
    first = re.search({1: r"round (\d+)", 2: r"epoch (\d+)"}[parts], said)
    return first is not None and int(first[1]) >= 3


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_it_goes_on_to_the_same(particles: Path, whole: Path, tmp_path: Path, parts: int) -> None:
    output = tmp_path / "killed"
    killed(particles, output, parts)
    half_written = set(output.glob(".*.part"))  # it may have been killed while it wrote one
    assert [p.name for p in set(output.iterdir()) - half_written] == ["training.checkpoint"]
    again = run(particles, output, "--resume")
    assert again.exit_code == 0, again.output
    assert went_on(again.stderr, parts)
    mine, theirs = (read_latents(folder / "z.npz") for folder in (output, whole))
    assert np.allclose(mine.mean, theirs.mean, atol=1e-4)
    mine_maps, their_maps = (read_model(folder).components for folder in (output, whole))
    assert np.allclose(mine_maps, their_maps, atol=2e-3 * float(their_maps.abs().max()))
    curves = [(folder / "training.csv").read_text().count("\n") for folder in (output, whole)]
    assert curves[0] == curves[1]
    assert set(output.rglob("*.part")) <= half_written
    assert not (output / "training.checkpoint").exists()


def test_a_checkpoint_of_other_options_is_refused(particles: Path, tmp_path: Path) -> None:
    output = tmp_path / "killed"
    killed(particles, output, 1)
    other = run(particles, output, "--resume", "--seed", 5)
    assert other.exit_code == 2
    assert "other options or particles" in other.stderr
    (output / "training.checkpoint").write_bytes(b"PK nothing")
    damaged = run(particles, output, "--resume")
    assert damaged.exit_code == 2
    assert "no whole checkpoint" in damaged.stderr


def test_nothing_to_resume_is_begun(particles: Path, whole: Path, tmp_path: Path) -> None:
    assert run(particles, tmp_path / "new", "--resume").exit_code == 0
    mine, theirs = (read_latents(folder / "z.npz") for folder in (tmp_path / "new", whole))
    assert np.array_equal(mine.mean, theirs.mean)
