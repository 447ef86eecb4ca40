"""All atoms from a backbone: side chains, clashes, drift and speed, on structures never looked at.

    python benchmarks/full_atoms.py STRUCTURES [--maps FOLDER] [--every 1] [--save FILE]

The maps are simulated at 3.0 A (`simulate_half_maps`, mean of the halves) from the test part of
`split_structures`; with `--maps`, chain 9 of 3J6B is measured too, on the real map EMD-2566.
Each backbone is built as it is, with 0.5 A of noise on N, CA and C, and from CA with noise alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from napari_cryoai.building.atoms.backbone import Backbone
from napari_cryoai.building.atoms.full_atoms import build_atoms, structure_of
from napari_cryoai.building.atoms.residue_atoms import (
    ResidueAtoms,
    residue_atoms,
    side_chain_torsions,
)
from napari_cryoai.building.atoms.rotamer_library import turned
from napari_cryoai.building.atoms.topology import CA, KINDS, C, N, kind
from napari_cryoai.building.scoring.geometry import clashscore, ramachandran
from napari_cryoai.core.amino_acids import letter_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.structure import Structure
from napari_cryoai.io.maps import read_map
from napari_cryoai.io.structures import read_structure, structures_in
from napari_cryoai.jobs.progress import finish
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.half_maps import HalfMapModel, simulate_half_maps
from napari_cryoai.physics.simulators.structure_split import split_structures

RESOLUTION_A, PIXEL_A = 3.0, 1.0
NEAR_DEG = 40.0
NOISE_A = 0.5
STARTS = {
    "true backbone": (0.0, True),
    "0.5 A noise": (NOISE_A, True),
    "CA alone": (NOISE_A, False),
}
REAL = ("daq_2566_3J6B_9.mrc.gz", "daq_3J6B_9.pdb.gz", 3.2)
LARGEST = 6000
"""Atoms: larger structures are left out, to end some time."""

Row = dict[str, float]


@dataclass(frozen=True)
class Case:
    """A map and what lies in it."""

    name: str
    density: DensityMap
    residues: ResidueAtoms
    resolution_A: float


@click.command()
@click.argument("structures", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--maps", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--every", default=1, show_default=True, help="Take every so manieth structure.")
@click.option("--save", type=click.Path(path_type=Path), help="JSON with the figures of each.")
def main(structures: Path, maps: Path | None, every: int, save: Path | None) -> None:
    torch.set_num_threads(1)
    found: dict[str, dict[str, Row]] = {}
    for case in _cases(structures, maps, every):
        for start, (noise_A, whole) in STARTS.items():
            row = measured(case, noise_A, whole)
            found.setdefault(start, {})[case.name] = row
            print(case.name, start, " ".join(f"{k} {v:.3g}" for k, v in row.items()), flush=True)
        found.setdefault("true backbone, no map", {})[case.name] = measured(case, 0.0, True, False)
        if save:
            save.write_text(json.dumps(found, indent=1))
    Console(width=170).print(_table(found))


def _cases(structures: Path, maps: Path | None, every: int) -> Iterator[Case]:
    if maps:
        name, model, resolution_A = REAL
        residues = _whole(read_structure(maps / model))
        yield Case("EMD-2566, 3J6B-9", read_map(maps / name), residues, resolution_A)
    _, _, test = split_structures(structures_in(structures))
    for path in test[::every]:
        structure = read_structure(path)
        structure = structure.select(~structure.is_nucleic())
        if len(structure) < LARGEST:
            yield simulated(path.name.removesuffix(".pdb.gz"), structure)


def simulated(name: str, structure: Structure) -> Case:
    """A structure in a map of its own and of nothing else."""
    n = int(np.ceil((np.ptp(structure.xyz_A, axis=0).max() + 24) / PIXEL_A / 2)) * 2
    none = Distribution("constant", 0)
    resolution = Distribution("constant", RESOLUTION_A)
    model = HalfMapModel(resolution, membrane=0.0, nucleic=0.0, glycans=none, masked=0.0)
    made = simulate_half_maps(structure, model, n, PIXEL_A, seed=0)
    origin_A = -(n // 2) * PIXEL_A
    data = ((made.half1 + made.half2) / 2).numpy()
    density = DensityMap(data, PIXEL_A, (origin_A, origin_A, origin_A))
    return Case(name, density, _whole(made.structure), RESOLUTION_A)


def _whole(structure: Structure) -> ResidueAtoms:
    """The residues with a whole backbone."""
    residues = residue_atoms(structure)
    good = np.isfinite(residues.xyz_A[:, :4]).all((1, 2))
    columns = ("xyz_A", "kinds", "bound", "rows", "chains", "numbers")
    return ResidueAtoms(*(getattr(residues, name)[good] for name in columns))


def backbone_of(residues: ResidueAtoms, noise_A: float, whole: bool) -> Backbone:
    """N, CA and C with noise of this root mean square; N and C unknown if not `whole`."""
    rng = np.random.default_rng(0)
    xyz = residues.xyz_A + rng.normal(size=residues.xyz_A.shape) * noise_A / np.sqrt(3)
    nowhere = np.full((len(residues), 3), np.nan)
    return Backbone(
        residues.chains,
        np.cumsum(np.where(residues.bound, 1, 5)),
        np.array([letter_of(KINDS[k]) for k in residues.kinds.tolist()]),
        xyz[:, N] if whole else nowhere,
        xyz[:, CA],
        xyz[:, C] if whole else nowhere,
        np.ones(len(residues)),
    )


def measured(case: Case, noise_A: float, whole: bool, with_map: bool = True) -> Row:
    truth, backbone = case.residues, backbone_of(case.residues, noise_A, whole)
    began, used = time.perf_counter(), time.process_time()
    density = case.density if with_map else None
    built = finish(build_atoms(backbone, density, case.resolution_A))
    seconds = time.perf_counter() - began, time.process_time() - used
    found = residue_atoms(built)
    deposited = structure_of(backbone, truth.xyz_A)
    chi1, chi12 = chi_agreement(found, truth)
    angles, true_angles = ramachandran(built), ramachandran(deposited)
    each = 500 / len(truth)
    return {
        "residues": len(truth),
        "chi1": chi1,
        "chi1+2": chi12,
        "clashes": clashscore(built),
        "deposited": clashscore(deposited),
        "CA before": _rmsd(backbone.ca_A - truth.xyz_A[:, CA]),
        "CA after": _rmsd(found.xyz_A[:, CA] - truth.xyz_A[:, CA]),
        "backbone": _rmsd(found.xyz_A[:, :4] - truth.xyz_A[:, :4]),
        "all atoms": _rmsd(found.xyz_A - truth.xyz_A),
        "favoured": angles.favoured,
        "deposited favoured": true_angles.favoured,
        "s / 500": seconds[0] * each,
        "CPU s / 500": seconds[1] * each,
    }


def chi_agreement(found: ResidueAtoms, truth: ResidueAtoms) -> tuple[float, float]:
    """Shares of side chains (not proline) whose chi1, and chi1 and chi2, are within 40 degrees."""
    ours, theirs = side_chain_torsions(found), side_chain_torsions(truth)
    near: list[list[NDArray[np.bool_]]] = [[], []]
    for number, name in enumerate(KINDS):
        n_chi = len(kind(number).chi_atoms)
        rows = (truth.kinds == number) & np.isfinite(theirs[:, :n_chi]).all(1)
        if name == "PRO" or not n_chi or not rows.any():
            continue
        away = np.degrees(np.abs(turned(ours[rows, :n_chi] - theirs[rows, :n_chi], number)))
        near[0].append(away[:, 0] < NEAR_DEG)
        if n_chi > 1:
            near[1].append((away[:, :2] < NEAR_DEG).all(1))
    return tuple(float(np.concatenate(part).mean()) if part else float("nan") for part in near)


def _rmsd(difference: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.nanmean((difference**2).sum(-1))))


def _table(found: dict[str, dict[str, Row]]) -> Table:
    table = Table(title="All atoms from a backbone: means over maps")
    names = list(next(iter(next(iter(found.values())).values())))
    for title in ("start", "maps", *names):
        table.add_column(title, justify="right")
    for start, rows in found.items():
        real = {name: row for name, row in rows.items() if name.startswith("EMD")}
        for what, part in (("", {k: v for k, v in rows.items() if k not in real}), ("real", real)):
            if part:
                means = [np.mean([row[name] for row in part.values()]) for name in names]
                label = f"{start} {what}".strip()
                table.add_row(label, str(len(part)), *(f"{m:.3g}" for m in means))
    return table


if __name__ == "__main__":
    main()
