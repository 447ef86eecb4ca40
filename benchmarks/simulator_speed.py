"""How fast the simulators are: potential, particle images, micrographs, half maps.

    python benchmarks/simulator_speed.py [--structure model.pdb]

Without a structure, 5,000 atoms are thrown into a ball as dense as protein. Every figure is the
best of three runs after one that does not count.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from napari_cryoai.core.structure import Structure
from napari_cryoai.io.structures import read_structure
from napari_cryoai.physics.potential import map_of
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.half_maps import HalfMapModel, simulate_half_maps
from napari_cryoai.physics.simulators.micrograph_model import MicrographModel
from napari_cryoai.physics.simulators.micrographs import simulate_micrograph
from napari_cryoai.physics.simulators.particle_images import ParticleSimulator
from napari_cryoai.physics.simulators.particle_model import ParticleModel

ATOMS = 5_000
PROTEIN_A3 = 19.0
"""Volume of a protein for each of its atoms, hydrogens left out."""

LIMITS = {"potential": 0.3, "particles": 500.0, "micrograph": 10.0}


def globule(count: int = ATOMS) -> Structure:
    """Atoms evenly in a ball."""
    rng = np.random.default_rng(0)
    xyz = rng.normal(size=(count, 3))
    radius_A = (count * PROTEIN_A3 * 3 / (4 * np.pi)) ** (1 / 3)
    xyz *= radius_A * rng.random((count, 1)) ** (1 / 3) / np.linalg.norm(xyz, axis=1)[:, None]
    return Structure.of_atoms(xyz, rng.choice(["C", "N", "O"], count, p=[0.64, 0.17, 0.19]), 40.0)


def best_s(work: Callable[[], object], repeats: int = 3) -> float:
    """Seconds of the fastest of some runs, after a warm-up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


@click.command()
@click.option("--structure", type=click.Path(exists=True, path_type=Path), help="PDB or mmCIF.")
@click.option("--threads", default=2, show_default=True, help="Of torch.")
def main(structure: Path | None, threads: int) -> None:
    """Measure, and print a table."""
    torch.set_num_threads(threads)
    atoms = globule() if structure is None else read_structure(structure)
    console = Console(width=110)
    load = os.getloadavg()[0]
    console.print(f"{len(atoms)} atoms, {threads} threads, load {load:.1f} before the run")
    table = Table("what", "measured", "target", "met")
    for n, pixel_A in ((128, 1.0), (128, 1.5)):
        spent = best_s(lambda n=n, p=pixel_A: map_of(atoms.centred(), n, p))
        limit = LIMITS["potential"]
        _row(table, f"potential, {n}^3 at {pixel_A} A", f"{spent:.2f} s", f"<= {limit} s",
             spent <= limit)  # fmt: skip
    conformers = Conformers.of_structures([atoms], 128, 1.5)
    simulator = ParticleSimulator(ParticleModel(), conformers)
    truth = simulator.truth(1024)
    rate = len(truth) / best_s(lambda: [*simulator.images(truth)])
    _row(table, "particle images of 128^2", f"{rate:.0f} /s", f">= {LIMITS['particles']:.0f} /s",
         rate >= LIMITS["particles"])  # fmt: skip
    model = MicrographModel((4096, 4096), 1.06, count=300, ice_thickness_A=400.0, n_denatured=5)
    detailed = Conformers.of_structures([atoms], 160, 1.06)
    for name, particles in (("pseudo-atoms", None), ("atoms", detailed)):
        spent = best_s(lambda p=particles: simulate_micrograph(model, 0, conformers=p), 2)
        _row(table, f"micrograph of 4096^2, 300 particles of {name}", f"{spent:.1f} s",
             f"<= {LIMITS['micrograph']:.0f} s", spent <= LIMITS["micrograph"])  # fmt: skip
    spent = best_s(lambda: simulate_half_maps(atoms, HalfMapModel(), 96, 1.2, 0))
    _row(table, "a pair of half maps of 96^3", f"{spent:.2f} s", "", None)
    console.print(table)


def _row(table: Table, what: str, measured: str, target: str, met: bool | None) -> None:
    table.add_row(what, measured, target, {True: "yes", False: "NO", None: ""}[met])


if __name__ == "__main__":
    main()
