"""A picking job killed at any moment and started again ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.picks import read_picks
from napari_cryoai.jobs.resume import PARTIAL
from napari_cryoai.physics.simulators.micrographs import MicrographModel, simulate_micrograph

STAR_FILES = ("picks.star", "all_peaks.star")
COUNT = 20

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")


@pytest.fixture(scope="module")
def micrographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("twenty")
    model = MicrographModel(shape=(512, 512), pixel_size_A=2.0, diameter_A=120.0, count=25, snr=0.2)
    for i in range(COUNT):
        image = simulate_micrograph(model, i).image
        write_mrc(folder / f"m{i:02d}.mrc", image, pixel_size_A=2.0)
    return folder


def start(folder: Path, output: Path, workers: int) -> subprocess.Popen[bytes]:
    words = ["pick", folder, "--output", output, "--diameter-A", 120, "--workers", workers]
    return subprocess.Popen(
        [sys.executable, "-m", "napari_cryoai.cli", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kept(output: Path, ending: str) -> int:
    """How many files a job under way has that end like this."""
    try:
        return sum(file.name.endswith(ending) for file in (output / PARTIAL).iterdir())
    except FileNotFoundError:  # it has not begun, or it is over
        return 0


def results(output: Path) -> int:
    return kept(output, ".npz")


def until_started(_output: Path, _rng: np.random.Generator) -> Callable[[], bool]:
    return lambda: True


def until_some_are_done(output: Path, rng: np.random.Generator) -> Callable[[], bool]:
    before = results(output)
    wanted = before + 1 + int(rng.uniform(0, 0.7) * (COUNT - before))

    def reached() -> bool:
        if results(output) < wanted:
            return False
        time.sleep(rng.uniform(0, 0.1))  # anywhere in the work on the next one
        return True

    return reached


def until_one_is_half_written(output: Path, _rng: np.random.Generator) -> Callable[[], bool]:
    before = results(output)
    return lambda: results(output) > before and kept(output, ".part") > 0


def until_the_picks_are_written(output: Path, _rng: np.random.Generator) -> Callable[[], bool]:
    picks = output / STAR_FILES[0]
    before = picks.stat().st_ino if picks.exists() else None
    return lambda: picks.exists() and picks.stat().st_ino != before


MOMENTS = (
    until_started,
    until_some_are_done,
    until_one_is_half_written,
    until_some_are_done,
    until_the_picks_are_written,
)
"""In the order in which they come in a job that is killed and started again."""


def kill(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> bool:
    """Kill the process and all it started; False if it has come to its end before.

    The job itself reaches the moment, so it makes no difference how busy the machine is.
    """
    while process.poll() is None and not reached():
        time.sleep(0.001)
    ended = process.poll() is not None
    if not ended:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return not ended


def assert_whole(output: Path, expected: dict[str, bytes]) -> None:
    """What is there under its final name is there in full."""
    for name in STAR_FILES:
        if (output / name).exists():
            assert (output / name).read_bytes() == expected[name]
    if (output / "job.json").exists():
        assert json.loads((output / "job.json").read_text())["job"] == "pick"


def check(micrographs: Path, output: Path, kills: int, workers: int) -> None:
    rng = np.random.default_rng(kills)
    assert start(micrographs, output / "whole", workers).wait() == 0
    expected = {name: (output / "whole" / name).read_bytes() for name in STAR_FILES}
    cut_short = 0
    for i in range(kills):
        # A new folder now and then, so that early and late moments are all met.
        target = output / f"run{i // len(MOMENTS)}"
        reached = MOMENTS[i % len(MOMENTS)](target, rng)
        cut_short += kill(start(micrographs, target, workers), reached)
        assert_whole(target, expected)
    assert cut_short > kills / 2
    for target in output.glob("run*"):
        assert start(micrographs, target, workers).wait() == 0
        for name in STAR_FILES:
            assert (target / name).read_bytes() == expected[name]
        assert len(read_picks(target / "picks.star").names) == COUNT
        assert not list(target.rglob("*.part"))


def test_killed_five_times(micrographs: Path, tmp_path: Path) -> None:
    check(micrographs, tmp_path, kills=5, workers=1)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_twenty_random_moments(micrographs: Path, tmp_path: Path, workers: int) -> None:
    check(micrographs, tmp_path, kills=20, workers=workers)
