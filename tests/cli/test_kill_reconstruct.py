"""A reconstruction that is killed is none, and goes on where it was."""

from __future__ import annotations

import json
import os
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
from napari_cryoai.io.maps import read_map

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")

Files = Any
"""Particles on disk; see `conftest.py`."""

N, COUNT = 32, 600
SLOWLY = f"""
import time
from napari_cryoai.reconstruction import output, reconstruct
output.EVERY_S, reconstruct.BATCH_BYTES = 0.0, 4 * {N} * {N} * 20
accumulate = reconstruct.insert_particles
reconstruct.insert_particles = lambda *args: (time.sleep(0.05), accumulate(*args))
from napari_cryoai.cli import main
main()
"""
"""The command, saving after each of many batches."""


@pytest.fixture(scope="module")
def files(simulated_particles: Any, tmp_path_factory: pytest.TempPathFactory) -> Files:
    found, _ = simulated_particles(tmp_path_factory.mktemp("particles"), N, COUNT, 1.0)
    found.write()
    return found


def words(files: Files, output: Path) -> list[str]:
    return ["reconstruct", str(files.path), "--output", str(output), "--device", "cpu"]


def cut_short(files: Files, output: Path, how: int) -> int:
    """Start it, and end it when it has kept something."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOWLY, *words(files, output)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(600):
            if list(output.glob(".partial/sums*")) or process.poll() is not None:
                break
            time.sleep(0.05)
        os.killpg(process.pid, how)
        return process.wait(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_it_leaves_no_map_and_goes_on_to_the_same(
    files: Files, tmp_path: Path, how: signal.Signals
) -> None:
    output = tmp_path / "killed"
    assert cut_short(files, output, how) == (-signal.SIGKILL if how == signal.SIGKILL else 130)
    assert [path.name for path in output.iterdir()] == [".partial"]
    again = CliRunner().invoke(main, words(files, output))
    assert again.exit_code == 0, again.output
    first = int(again.stderr.split("/")[0])
    assert 0 < first < COUNT
    assert CliRunner().invoke(main, words(files, tmp_path / "whole")).exit_code == 0
    for name in ("half1.mrc", "half2.mrc", "map.mrc"):
        mine, theirs = (read_map(folder / name).data for folder in (output, tmp_path / "whole"))
        assert np.allclose(mine, theirs, atol=1e-4 * np.abs(theirs).max())
    assert json.loads((output / "job.json").read_text())["job"] == "reconstruct"
    assert not list(output.rglob("*.part")) and not (output / ".partial").exists()
