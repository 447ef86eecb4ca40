"""Programs under measurement: ours and cryoDRGN, as processes, with the time that they take."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.heterogeneity.output import TRAINING, read_model
from napari_cryoai.heterogeneity.scoring.evaluate import drawn_rows, evaluate, evaluate_maps
from napari_cryoai.io.maps import read_map
from napari_cryoai.io.particle_truth import ParticleSetTruth

CRYOAI = [sys.executable, "-m", "napari_cryoai.cli"]
CHECKPOINTS = "checkpoints.jsonl"
WIDTHS = {"cryodrgn256": 256, "cryodrgn1024": 1024}
_TO_NUMPY = """
import pickle, sys, numpy
with open(sys.argv[1], "rb") as file:
    numpy.save(sys.argv[2], numpy.asarray(pickle.load(file), numpy.float64))
"""


@dataclass(frozen=True)
class Cost:
    """What a process took.

    Attributes
    ----------
    wall_s, cpu_s
        Of the process and its children.
    load
        Mean of the machine's load meanwhile, this process included.
    """

    wall_s: float
    cpu_s: float
    load: float


@dataclass(frozen=True)
class Checkpoint:
    """Weights of an epoch, and the time it took to get there."""

    epoch: int
    cpu: float
    wall: float


def run(
    command: Sequence[object],
    log: Path,
    threads: int,
    *,
    watch: Path | None = None,
    cpu_limit_s: float | None = None,
) -> Cost:
    """Run a program to its end, or until its time is up.

    Parameters
    ----------
    watch
        Folder whose `weights.N.pkl` are noted in `checkpoints.jsonl`, with the time so far.
    cpu_limit_s
        When to end it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads))
    start, loads, cpu_s = time.perf_counter(), [os.getloadavg()[0]], 0.0
    with log.open("w") as file:
        process = psutil.Popen(
            [str(c) for c in command], stdout=file, stderr=subprocess.STDOUT, env=environment
        )
        while process.poll() is None:
            time.sleep(0.2)
            loads.append(os.getloadavg()[0])
            cpu_s = max(cpu_s, _cpu_s(process))
            if watch:
                note_checkpoints(watch, cpu_s, time.perf_counter() - start)
            if cpu_limit_s and cpu_s > cpu_limit_s:
                process.terminate()
                process.wait()
                break
        else:
            if process.returncode:
                raise SystemExit(f"{' '.join(map(str, command))}\n{log.read_text()[-3000:]}")
    return Cost(time.perf_counter() - start, cpu_s, float(np.mean(loads)))


def note_checkpoints(folder: Path, cpu_s: float, wall_s: float) -> None:
    """Add what is new."""
    if not folder.is_dir():
        return
    known = {c.epoch for c in checkpoints(folder)}
    there = {int(re.sub(r"\D", "", path.name) or 0) for path in folder.glob("weights.[0-9]*.pkl")}
    with (folder / CHECKPOINTS).open("a") as file:
        for epoch in sorted(there - known):
            file.write(json.dumps({"epoch": epoch, "cpu": cpu_s, "wall": wall_s}) + "\n")


def checkpoints(folder: Path) -> list[Checkpoint]:
    """Those that were noted."""
    path = folder / CHECKPOINTS
    lines = path.read_text().splitlines() if path.exists() else []
    return [Checkpoint(**json.loads(line)) for line in lines]


class Ours:
    """`cryoai heterogeneity train`."""

    def __init__(self, method: str, star: Path, folder: Path, options: Sequence[str] = ()):
        self.method, self.star, self.folder, self.options = method, star, folder, options

    def train(self, z_dim: int, threads: int) -> Cost:
        """Unless it is done already."""
        command = [*CRYOAI, "heterogeneity", "train", self.star, "--output", self.folder]
        command += ["--method", self.method, "--z-dim", z_dim, *self.options]
        return _once(self.folder, lambda: run(command, _log(self.folder), threads))

    def scores(self, truth: ParticleSetTruth, **options: Any) -> dict[str, Any]:
        """Of what was trained."""
        return evaluate(read_model(self.folder), truth, **options).as_dict()

    def passes(self) -> tuple[int, int]:
        """Over all images: in the training, and those of them that read the images themselves."""
        lines = (self.folder / TRAINING).read_text().splitlines()
        rows = [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]
        return len(rows), sum(not row.get("epoch") for row in rows)


class CryoDrgn:
    """`cryodrgn train_vae`, whose maps are decoded by `cryodrgn eval_vol`."""

    def __init__(self, program: Path, name: str, star: Path, folder: Path):
        self.program, self.name, self.star, self.folder = program, name, star, folder
        self.poses, self.ctf = (folder.parent / f"{what}.pkl" for what in ("pose", "ctf"))

    def prepare(self) -> None:
        """Write poses and CTF as it reads them."""
        for what, path in (("pose", self.poses), ("ctf", self.ctf)):
            if not path.exists():
                command = [self.program, f"parse_{what}_star", self.star, "-o", path]
                run(command, _log(path), 1)

    def train(
        self, z_dim: int, threads: int, epochs: int, cpu_limit_s: float | None = None
    ) -> Cost:
        """Unless it is done already."""
        self.prepare()
        width = WIDTHS[self.name]
        command = [self.program, "train_vae", self.star, "--datadir", self.star.parent]
        command += ["--poses", self.poses, "--ctf", self.ctf, "--zdim", z_dim, "-n", epochs]
        command += ["--enc-dim", width, "--dec-dim", width, "--seed", 0, "-o", self.folder]
        command += ["--checkpoint", 1, "--no-analysis"]
        log = _log(self.folder)
        return _once(
            self.folder,
            lambda: run(command, log, threads, watch=self.folder, cpu_limit_s=cpu_limit_s),
        )

    def epoch_seconds(self) -> list[float]:
        """Of each epoch, as its log tells them."""
        log = _log(self.folder).read_text()
        times = re.findall(r"Epoch: .*Finished in (\d+):(\d+):([\d.]+)", log)
        return [3600 * int(h) + 60 * int(m) + float(s) for h, m, s in times]

    def latents(self, epoch: int) -> NDArray[np.float64]:
        """`(n, d)` means, read by the program's own Python."""
        path = self.folder / f"z.{epoch}.npy"
        if not path.exists():
            source = self.folder / f"z.{epoch}.pkl"
            python = self.program.with_name("python")
            subprocess.run([python, "-c", _TO_NUMPY, source, path], check=True)
        return np.asarray(np.load(path))

    def maps(self, epoch: int, rows: NDArray[np.int64], pixel_A: float) -> dict[int, Path]:
        """Decoded at the places of these particles."""
        folder = self.folder / f"maps.{epoch}"
        names = [folder / f"{row:06d}.mrc" for row in rows.tolist()]
        missing = [row for row, path in zip(rows.tolist(), names, strict=True) if not path.exists()]
        if missing:
            self._decode(epoch, missing, folder, pixel_A)
        return dict(zip(rows.tolist(), names, strict=True))

    def _decode(self, epoch: int, rows: list[int], folder: Path, pixel_A: float) -> None:
        folder.mkdir(exist_ok=True)
        places = self.folder / f"places.{epoch}.txt"
        np.savetxt(places, self.latents(epoch)[rows])
        command = [
            self.program,
            "eval_vol",
            self.folder / f"weights.{epoch}.pkl",
            "--Apix",
            pixel_A,
        ]
        command += ["-c", self.folder / "config.yaml", "--zfile", places, "-o", folder / "new"]
        run(command, folder / "log.txt", 1)
        for row, path in zip(rows, sorted((folder / "new").glob("*.mrc")), strict=True):
            path.rename(folder / f"{row:06d}.mrc")

    def scores(
        self, truth: ParticleSetTruth, epoch: int, images: int, seed: int = 0
    ) -> dict[str, Any]:
        """Of the checkpoint of an epoch."""
        z = self.latents(epoch)
        rows = np.arange(len(z))
        files = self.maps(epoch, drawn_rows(len(z), images, seed), truth.pixel_size_A)

        def map_at(row: int) -> Tensor:
            return torch.from_numpy(read_map(files[row]).data)

        return evaluate_maps(map_at, rows, truth, z=z, images=images, seed=seed).as_dict()


def _cpu_s(process: psutil.Process) -> float:
    """Of a process and its children, the dead ones too."""
    try:
        every = [process, *process.children(recursive=True)]
        own = process.cpu_times()
        living = sum(sum(p.cpu_times()[:2]) for p in every)
        return float(living + own.children_user + own.children_system)
    except psutil.Error:
        return 0.0


def _once(folder: Path, work: Any) -> Cost:
    """What it cost when it was done."""
    path = folder.parent / f"{folder.name}.cost.json"
    if not path.exists():
        path.write_text(json.dumps(asdict(work())))
    return Cost(**json.loads(path.read_text()))


def _log(folder: Path) -> Path:
    return folder.parent / f"{folder.name}.log"


def spread_over(found: list[Checkpoint], count: int) -> Iterator[Checkpoint]:
    """Some of them, evenly from the first to the last."""
    at = np.unique(np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int))
    yield from (found[i] for i in at)
