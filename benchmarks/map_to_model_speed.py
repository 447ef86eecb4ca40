"""How long `cryoai build` takes from the map to `model.cif`, and how much memory, as a process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from map_to_model_set import centred_map, polymers_in, residues_of, short, test_structures

from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.maps import write_map
from napari_cryoai.io.structures import read_structure
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.half_maps import HalfMapModel, simulate_half_maps

FEWEST, SIDE_PX, PIXEL_A, RESOLUTION_A = 500, 128, 1.0, 3.2
LIMIT_MIN, LIMIT_GB = 10.0, 6.0


def measured_speed(
    structures: Path, weights: Path | None, orientations: int, threads: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """One protein of 500 residues or a few more, in a box of 128 voxels of 1 A."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Elsewhere: on Linux the peak of a process counts from what its parent held.
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            title, residues = pool.submit(prepare_files, structures, folder).result()
        command = [sys.executable, "-m", "napari_cryoai.cli", "build", str(folder / "map.mrc")]
        command += ["--sequence", str(folder / "chains.fasta"), "--output", str(folder / "out")]
        command += ["--resolution-A", str(RESOLUTION_A), "--orientations", str(orientations)]
        command += ["--device", "cpu", *(["--weights", str(weights)] if weights else [])]
        load = os.getloadavg()[0]
        minutes, peak_GB, code = _run(command, threads, folder / "log.txt")
        written = (folder / "out" / "model.cif").is_file()
        said = "" if written else (folder / "log.txt").read_text().strip().splitlines()[-1]
    yield (
        title,
        {
            "residues": residues,
            "threads": threads,
            "minutes": minutes,
            "limit_min": LIMIT_MIN,
            "peak_GB": peak_GB,
            "limit_GB": LIMIT_GB,
            "load_before": load,
            "exit": code,
            "said": said,
            "reached": written and minutes <= LIMIT_MIN and peak_GB <= LIMIT_GB,
        },
    )


def prepare_files(structures: Path, folder: Path) -> tuple[str, int]:
    """The map and the sequences."""
    torch.set_num_threads(1)
    reach_A = SIDE_PX * PIXEL_A - 16
    counted = []
    for path in test_structures(structures):
        structure = read_structure(path)
        if np.ptp(structure.xyz_A, axis=0).max() < reach_A:
            counted.append((residues_of(structure), path))
    residues, path = min(c for c in counted if c[0] >= FEWEST)
    structure = read_structure(path)
    model = HalfMapModel(Distribution("constant", RESOLUTION_A), membrane=0.0, masked=0.0)
    made = simulate_half_maps(structure, model, SIDE_PX, PIXEL_A, seed=0)
    write_map(folder / "map.mrc", centred_map((made.half1 + made.half2) / 2, PIXEL_A))
    lines = [f">{p.name}\n{p.sequence}\n" for p in polymers_in(structure)]
    write_text(folder / "chains.fasta", "".join(lines))
    return short(path), residues


def _run(command: list[str], threads: int, log: Path) -> tuple[float, float, int]:
    """Minutes by the clock, most memory at once in GB, and how it ended."""
    number = str(threads)
    environment = os.environ | {"OMP_NUM_THREADS": number, "OPENBLAS_NUM_THREADS": number}
    began = time.perf_counter()
    with log.open("w") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
        _, status, usage = os.wait4(process.pid, 0)
    unit = 1 if sys.platform == "darwin" else 1024
    minutes = (time.perf_counter() - began) / 60
    return minutes, usage.ru_maxrss * unit / 1e9, os.waitstatus_to_exitcode(status)
