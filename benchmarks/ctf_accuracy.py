"""How exact the estimated CTF is, on simulated micrographs with particles and astigmatism.

    python benchmarks/ctf_accuracy.py --csv ctf_accuracy.csv

The angle of astigmatism is defined only where there is some: it is told for all micrographs, for
those with more than 200 A, and for those whose noise lets anybody find it within five degrees (two
standard deviations by the bound of Cramer and Rao).
"""

from __future__ import annotations

import csv
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from napari_cryoai.particles.ctf_estimation import CtfFit, CtfParams, estimate_ctf
from napari_cryoai.particles.ctf_search import Guess, Rings
from napari_cryoai.particles.power_spectrum import HANN_NEIGHBOURS
from napari_cryoai.physics.simulators.micrograph_model import MicrographModel
from napari_cryoai.physics.simulators.micrographs import simulate_micrograph
from napari_cryoai.physics.simulators.pseudo_atoms import KINDS

DEFINED_A = 200.0
"""Astigmatism from which its angle is judged."""
LIMIT_PERCENT, WORST_PERCENT, LIMIT_DEG = 1.0, 3.0, 5.0


@dataclass(frozen=True)
class Case:
    """One micrograph: truth, and errors of the estimate."""

    seed: int
    pixel_size_A: float
    voltage_kV: float
    defocus_A: float
    astigmatism_A: float
    b_factor_A2: float
    solvent: float
    defocus_percent: float
    astigmatism_error_A: float
    angle_deg: float
    angle_bound_deg: float
    score: float
    fit_resolution_A: float
    seconds: float


@click.command()
@click.option("--count", default=50, show_default=True, help="Micrographs.")
@click.option("--seed", default=30_000, show_default=True, help="Of the first; others follow.")
@click.option("--side-px", default=4096, show_default=True, help="Of the micrographs.")
@click.option("--csv", "table_path", type=click.Path(path_type=Path), help="Where to list all.")
def main(count: int, seed: int, side_px: int, table_path: Path | None) -> None:
    """Measure, and print a table."""
    console = Console(width=110)
    console.print(f"Load before: {os.getloadavg()[0]:.1f}", highlight=False)
    cases = [measure(s, side_px) for s in track(range(seed, seed + count), console=console)]
    if table_path is not None:
        with table_path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(asdict(cases[0])))
            writer.writeheader()
            writer.writerows(map(asdict, cases))
    console.print(summary(cases, side_px))


def model(seed: int, side_px: int) -> MicrographModel:
    """A protein in ice, recorded under conditions that users meet."""
    rng = np.random.default_rng(seed)
    return MicrographModel(
        shape=(side_px, side_px),
        pixel_size_A=rng.uniform(0.7, 1.7),
        kind=KINDS[int(rng.integers(len(KINDS)))],
        diameter_A=rng.uniform(100, 250),
        structure_seed=int(rng.integers(1 << 31)),
        count=int(rng.integers(30, 300) * (side_px / 2048) ** 2),
        snr=rng.uniform(0.02, 0.12),
        defocus_A=rng.uniform(5_000, 35_000),
        astigmatism_A=rng.uniform(0, 1_500),
        astigmatism_angle_deg=rng.uniform(0, 180),
        voltage_kV=300.0 if rng.random() < 0.75 else 200.0,
        b_factor_A2=rng.uniform(40, 200),
        drift_A=rng.exponential(1.5),
        dose_e_per_A2=rng.uniform(20, 60),
        solvent=rng.uniform(0.3, 0.9),
    )


def measure(seed: int, side_px: int) -> Case:
    """Simulate one micrograph, and estimate its CTF."""
    true = model(seed, side_px)
    pixels = simulate_micrograph(true, seed).image
    start = time.perf_counter()
    fit = estimate_ctf(pixels, true.pixel_size_A, CtfParams(voltage_kV=true.voltage_kV))
    return Case(
        seed,
        true.pixel_size_A,
        true.voltage_kV,
        true.defocus_A,
        true.astigmatism_A,
        true.b_factor_A2,
        true.solvent,
        100 * (fit.defocus_A / true.defocus_A - 1),
        fit.defocus_u_A - fit.defocus_v_A - true.astigmatism_A,
        (fit.defocus_angle_deg - true.astigmatism_angle_deg + 90) % 180 - 90,
        angle_bound_deg(true, fit),
        fit.score,
        fit.fit_resolution_A,
        time.perf_counter() - start,
    )


def angle_bound_deg(true: MicrographModel, fit: CtfFit) -> float:
    """Standard deviation of the angle that the noise allows (Cramer and Rao), at best."""
    twice = np.radians(2 * true.astigmatism_angle_deg)
    half_A = true.astigmatism_A / 2
    yx_A = np.array([half_A * np.sin(twice), half_A * np.cos(twice)])
    truth = Guess(true.defocus_A, (float(yx_A[0]), float(yx_A[1])))
    rings = Rings.of(fit.spectrum, (1 / fit.fitted_A[0], 1 / fit.fitted_A[1]), fit.optics)
    rings = rings.reweighted(truth)

    def model(step_A: NDArray[np.float64]) -> NDArray[np.float64]:
        y, x = (yx_A + step_A[1:]).tolist()
        return rings.cleaned(rings.model(Guess(true.defocus_A + step_A[0], (y, x))) * rings.weight)

    slopes = np.stack([(model(step) - model(-step)) / 10 for step in 5 * np.eye(3)])
    noise = HANN_NEIGHBOURS * np.mean((rings.clean - model(np.zeros(3))) ** 2)
    covariance = np.linalg.inv(slopes @ slopes.T) * noise
    along = np.array([0, np.cos(twice), -np.sin(twice)])
    return float(np.degrees(np.sqrt(along @ covariance @ along) / half_A / 2))


def summary(cases: list[Case], side_px: int) -> Table:
    """Medians, extremes, and what they are held against."""
    table = Table("error", title=f"{len(cases)} micrographs of {side_px} x {side_px} pixels")
    for column in ("median", "90 %", "largest", "target", "beyond"):
        table.add_column(column, justify="right")
    defocus = np.abs([c.defocus_percent for c in cases])
    _add(table, "mean defocus, %", defocus, LIMIT_PERCENT)
    _add(table, "mean defocus, %", defocus, WORST_PERCENT)
    _add(table, "astigmatism, A", np.abs([c.astigmatism_error_A for c in cases]))
    defined = [abs(c.angle_deg) for c in cases if c.astigmatism_A > DEFINED_A]
    _add(table, f"angle, deg, {len(defined)} > {DEFINED_A:g} A", np.array(defined), LIMIT_DEG)
    clear = [abs(c.angle_deg) for c in cases if 2 * c.angle_bound_deg < LIMIT_DEG]
    _add(table, f"angle, deg, {len(clear)} with 2 sd < {LIMIT_DEG:g}", np.array(clear), LIMIT_DEG)
    ratio = [c.angle_deg / c.angle_bound_deg for c in cases if c.angle_bound_deg < 2 * LIMIT_DEG]
    _add(table, "angle, over what noise allows", np.abs(ratio))
    _add(table, "angle, deg, all", np.abs([c.angle_deg for c in cases]), LIMIT_DEG)
    _add(table, "seconds", np.array([c.seconds for c in cases]))
    return table


def _add(table: Table, what: str, values: NDArray[np.float64], limit: float | None = None) -> None:
    if not len(values):
        return
    figures = [f"{f:.2f}" for f in (np.median(values), np.quantile(values, 0.9), values.max())]
    held = ("", "") if limit is None else (f"{limit:g}", str(int((values > limit).sum())))
    table.add_row(what, *figures, *held)


if __name__ == "__main__":
    main()
