"""One micrograph of 4096 x 4096 pixels from file to picks on file: `cryoai pick` and Topaz.

    python benchmarks/picking_speed.py --topaz topaz-env/bin/topaz

Every figure is of whole processes, from their start to their end, the import of libraries included:
that is what waits between a command and its result. Both programs are told what their users know,
the particle's diameter; how well they then do is measured against the simulated truth. README.md
says how to make an environment for Topaz; without one, it is left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.micrographs import open_micrograph
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.picks import read_picks
from napari_cryoai.physics.simulators.micrographs import MicrographModel, simulate_micrograph
from napari_cryoai.picking.evaluate import best_f1, compare

PIXEL_SIZE_A, DIAMETER_A = 1.06, 170.0
MODEL = MicrographModel(
    (4096, 4096), PIXEL_SIZE_A, "globular", DIAMETER_A, structure_seed=1, count=300, snr=0.05
)
RADIUS_PX = DIAMETER_A / PIXEL_SIZE_A / 2
"""How far a pick may lie from the particle it stands for: half the diameter."""

LIMIT_S, LIMIT_MB, LIMIT_RATIO = 1.0, 600.0, 1 / 3


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds by the clock, and the most memory at once."""

    wall_s: float
    peak_MB: float


@click.command()
@click.option("--topaz", type=click.Path(exists=True, path_type=Path), help="Topaz's executable.")
@click.option("--repeats", default=5, show_default=True, help="Runs that count, after a warm-up.")
@click.option("--cores", default=2, show_default=True, help="Cores that both may use (Linux).")
def main(topaz: Path | None, repeats: int, cores: int) -> None:
    """Measure, and print a table."""
    console = Console(width=110)
    restrict_to(cores)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Elsewhere: on Linux the peak of a process counts from what its parent held.
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            truth = pool.submit(simulate, folder).result()
        commands = {"cryoai": cryoai_commands(folder)}
        if topaz:
            commands["topaz"] = topaz_commands(topaz, folder)
        console.print(f"Load before: {os.getloadavg()[0]:.1f}", highlight=False)
        costs = measure(commands, repeats)
        console.print(f"Load after: {os.getloadavg()[0]:.1f}", highlight=False)
        console.print(costs_table(commands, costs))
        console.print(quality_table(folder, truth, with_topaz=bool(topaz)))
    console.print(targets_table(costs))
    if not topaz:
        console.print("Topaz was not measured: say where it is with --topaz (see README.md).")


def restrict_to(cores: int) -> None:
    """Let this process, and those it starts, use so many cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(cores)


def simulate(folder: Path) -> PickTable:
    """Write the micrograph; returns the true picks."""
    made = simulate_micrograph(MODEL, 0, "mic.mrc")
    write_mrc(folder / "mic.mrc", made.image, PIXEL_SIZE_A)
    return made.picks


def cryoai_commands(folder: Path) -> dict[str, list[str]]:
    """Name to command."""
    arguments = ["pick", folder / "mic.mrc", "--output", folder / "out", "--diameter-A", DIAMETER_A]
    command = [sys.executable, "-m", "napari_cryoai.cli", *map(str, arguments)]
    return {"cryoai pick": command}


def topaz_commands(topaz: Path, folder: Path) -> dict[str, list[str]]:
    """Name to command; a particle is then 20 pixels wide, which its networks do best with."""
    small, table = folder / "small", folder / "topaz.txt"
    preprocess = ["preprocess", "-s", "8", "-d", "-1", "-o", f"{small}/", folder / "mic.mrc"]
    network = ["-m", "resnet8_u32", "-r", "10", "-x", "8", "-d", "-1"]
    extract = ["extract", *network, "-o", table, small / "mic.mrc"]
    return {
        "topaz preprocess": [str(topaz), *map(str, preprocess)],
        "topaz extract": [str(topaz), *map(str, extract)],
    }


def measure(
    programs: dict[str, dict[str, list[str]]], repeats: int
) -> dict[str, dict[str, list[Cost]]]:
    """Run the programs in turns, so that a busy moment hits both."""
    costs: dict[str, dict[str, list[Cost]]] = {p: {c: [] for c in programs[p]} for p in programs}
    for i in range(repeats + 1):
        for program, commands in programs.items():
            for name, command in commands.items():
                cost = cost_of(command)
                if i:
                    costs[program][name].append(cost)
    return costs


def cost_of(command: list[str]) -> Cost:
    """Run a command to its end."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{said.decode()}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(wall_s, usage.ru_maxrss * unit / 1e6)


def costs_table(
    programs: dict[str, dict[str, list[str]]], costs: dict[str, dict[str, list[Cost]]]
) -> Table:
    """Median, fastest and slowest run of each command."""
    table = Table("command", title="One 4096 x 4096 float32 micrograph, 300 particles")
    for column in ("median s", "fastest s", "slowest s", "peak MB"):
        table.add_column(column, justify="right")
    for program in programs:
        for name, runs in costs[program].items():
            walls = [run.wall_s for run in runs]
            figures = (np.median(walls), min(walls), max(walls))
            peak = f"{max(run.peak_MB for run in runs):.0f}"
            table.add_row(name, *(f"{f:.2f}" for f in figures), peak)
    return table


def quality_table(folder: Path, truth: PickTable, *, with_topaz: bool) -> Table:
    """How many picks there are, and how good."""
    table = Table("picks of", title=f"Against the truth, within {RADIUS_PX:.0f} pixels")
    for column in ("picks", "F1", "F1, best threshold", "average precision"):
        table.add_column(column, justify="right")
    micrographs = [open_micrograph(folder / "mic.mrc")]
    files = {"cryoai": folder / "out" / "picks.star"}
    ranked = {"cryoai": folder / "out" / "all_peaks.star"}
    if with_topaz:
        files["topaz"] = ranked["topaz"] = folder / "topaz.txt"
    for program, file in files.items():
        picks, everything = (
            read_picks(path, micrographs=micrographs) for path in (file, ranked[program])
        )
        kept, all_ = compare(picks, truth, RADIUS_PX), compare(everything, truth, RADIUS_PX)
        figures = (kept.f1, best_f1(all_, len(truth))[0], all_.average_precision)
        table.add_row(program, str(len(picks)), *(f"{f:.3f}" for f in figures))
    return table


def targets_table(costs: dict[str, dict[str, list[Cost]]]) -> Table:
    """The targets, and whether they are met."""
    total_s = {
        program: sum(float(np.median([run.wall_s for run in runs])) for runs in commands.values())
        for program, commands in costs.items()
    }
    peak_MB = max(run.peak_MB for run in costs["cryoai"]["cryoai pick"])
    rows = [
        ("cryoai pick, wall time, s", total_s["cryoai"], LIMIT_S),
        ("cryoai pick, peak memory, MB", peak_MB, LIMIT_MB),
    ]
    if "topaz" in total_s:
        ratio = total_s["cryoai"] / total_s["topaz"]
        rows.append(("wall time, cryoai / topaz (preprocess + extract)", ratio, LIMIT_RATIO))
    table = Table("target", title="Targets")
    for column in ("measured", "at most", "met"):
        table.add_column(column, justify="right")
    for what, value, limit in rows:
        table.add_row(what, f"{value:.2f}", f"{limit:.2f}", "yes" if value <= limit else "no")
    return table


if __name__ == "__main__":
    main()
