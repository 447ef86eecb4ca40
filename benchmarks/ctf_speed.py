"""The CTF of one micrograph of 4096 x 4096 pixels, from file to file: `cryoai ctf`.

    python benchmarks/ctf_speed.py

The figure is of the whole process, from its start to its end, the import of libraries included.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from napari_cryoai.io.micrograph_ctf import read_micrograph_ctf

SIDE_PX, PIXEL_SIZE_A, DEFOCUS_A = 4096, 1.06, 17_500.0
LIMIT_S = 3.0


@click.command()
@click.option("--repeats", default=5, show_default=True, help="Runs that count, after a warm-up.")
@click.option("--cores", default=2, show_default=True, help="Cores that may be used (Linux).")
def main(repeats: int, cores: int) -> None:
    """Measure, and print a table."""
    console = Console(width=100)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            pool.submit(simulate, folder / "m.mrc").result()
        console.print(f"Load before: {os.getloadavg()[0]:.1f}", highlight=False)
        runs = [run(folder, i) for i in range(repeats + 1)][1:]
        (row,) = read_micrograph_ctf(folder / "0" / "micrographs_ctf.star")
    console.print(f"Load after: {os.getloadavg()[0]:.1f}", highlight=False)
    table = Table(
        "", "measured", "target", title=f"cryoai ctf, {SIDE_PX} x {SIDE_PX}, {cores} cores"
    )
    seconds, MB = np.median(runs, axis=0)
    table.add_row("wall time, median", f"{seconds:.2f} s", f"<= {LIMIT_S:g} s")
    table.add_row("wall time, slowest", f"{max(s for s, _ in runs):.2f} s", "")
    table.add_row("peak memory", f"{MB:.0f} MB", "")
    table.add_row("error of the defocus", f"{100 * (row.defocus_A / DEFOCUS_A - 1):+.2f} %", "1 %")
    console.print(table)


def simulate(path: Path) -> None:
    """Write the micrograph."""
    from napari_cryoai.io.mrc import write_mrc
    from napari_cryoai.physics.simulators.micrographs import MicrographModel, simulate_micrograph

    model = MicrographModel(
        (SIDE_PX, SIDE_PX), PIXEL_SIZE_A, count=300, defocus_A=DEFOCUS_A, astigmatism_A=400.0
    )
    write_mrc(path, simulate_micrograph(model, 0).image, pixel_size_A=PIXEL_SIZE_A)


def run(folder: Path, i: int) -> tuple[float, float]:
    """Seconds and megabytes of one run."""
    command = [sys.executable, "-m", "napari_cryoai.cli", "ctf", str(folder / "m.mrc")]
    start = time.perf_counter()
    with subprocess.Popen(
        [*command, "--output", str(folder / str(i))],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"cryoai ctf failed ({process.returncode})")
    return seconds, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
