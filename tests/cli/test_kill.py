"""A picking job killed at any moment and started again ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.picks import read_picks
from napari_cryoai.physics.simulators.micrographs import MicrographModel, simulate_micrograph

STAR_FILES = ("picks.star", "all_peaks.star")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")


@pytest.fixture(scope="module")
def micrographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("twenty")
    model = MicrographModel(shape=(512, 512), pixel_size_A=2.0, diameter_A=120.0, count=25, snr=0.2)
    for i in range(20):
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


def kill(process: subprocess.Popen[bytes], after_s: float) -> bool:
    """Kill the process and all it started; False if it had come to its end before."""
    time.sleep(after_s)
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
    began = time.perf_counter()
    assert start(micrographs, output / "whole", workers).wait() == 0
    usual_s = time.perf_counter() - began
    expected = {name: (output / "whole" / name).read_bytes() for name in STAR_FILES}
    cut_short = 0
    for i in range(kills):
        # A new folder now and then, so that early and late moments are all met.
        target = output / f"run{i // 4}"
        cut_short += kill(start(micrographs, target, workers), rng.uniform(0.05, 0.95) * usual_s)
        assert_whole(target, expected)
    assert cut_short > kills / 2
    for target in output.glob("run*"):
        assert start(micrographs, target, workers).wait() == 0
        for name in STAR_FILES:
            assert (target / name).read_bytes() == expected[name]
        assert len(read_picks(target / "picks.star").names) == 20
        assert not list(target.rglob("*.part"))


def test_killed_five_times(micrographs: Path, tmp_path: Path) -> None:
    check(micrographs, tmp_path, kills=5, workers=1)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_twenty_random_moments(micrographs: Path, tmp_path: Path, workers: int) -> None:
    check(micrographs, tmp_path, kills=20, workers=workers)
