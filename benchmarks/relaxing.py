"""`cryoai build --relax`: models before and after they are relaxed with OpenMM.

    python benchmarks/relaxing.py STRUCTURES [--maps FOLDER] [--save FILE]

Five structures of the validation part of `split_structures`, of 150 to 450 residues, in maps
simulated at 2.5 to 3.5 A, the third at 3.5 to 4.5 A; with `--maps`, chain 9 of 3J6B is measured
too, in the real map EMD-2566. Needs `pip install "napari-cryoai[openmm]"`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch
from full_atoms import chi_agreement
from map_to_model_set import (
    BANDS_A,
    Case,
    half_map_model,
    real_cases,
    residues_of,
    short,
    simulated,
)
from rich.console import Console
from rich.table import Table
from scipy.spatial import cKDTree

from napari_cryoai.building.atoms.relax import relax
from napari_cryoai.building.atoms.residue_atoms import ResidueAtoms, residue_atoms
from napari_cryoai.building.atoms.topology import CA
from napari_cryoai.building.build import BuildParams, Built, build
from napari_cryoai.building.scoring.evaluate import evaluate
from napari_cryoai.building.scoring.geometry import clashscore, deviations, ramachandran
from napari_cryoai.core.structure import Structure
from napari_cryoai.io.structures import read_structure, structures_in
from napari_cryoai.jobs.progress import finish
from napari_cryoai.maps.agreement import compare_with_model
from napari_cryoai.physics.simulators.structure_split import split_structures

RESIDUES, COUNT, SEED = (150, 450), 5, 7
B_FACTOR_A2 = 100.0
"""Of all atoms, for the correlation with the map."""
SAME_A = 2.0
"""CA nearer than this are of the same residue, if its kind is the same."""

Row = dict[str, float]


@click.command()
@click.argument("structures", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--maps", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--save", type=click.Path(path_type=Path), help="JSON with the figures of each.")
def main(structures: Path, maps: Path | None, save: Path | None) -> None:
    torch.set_num_threads(2)
    found: dict[str, Row] = {}
    for case in _cases(structures, maps):
        params = BuildParams(resolution_A=case.resolution_A, device="cpu")
        built = finish(build(params, case.density, case.polymers))
        found[f"{case.name} ({case.resolution_A:.1f} A)"] = measured(
            built.model.structure, built, case
        )
        began, used = time.perf_counter(), time.process_time()
        relaxed = finish(relax(built.model.structure, case.density, case.resolution_A))
        seconds = {"s": time.perf_counter() - began, "CPU s": time.process_time() - used}
        found[f"{case.name} relaxed"] = measured(relaxed.structure, built, case) | seconds
        print(case.name, *relaxed.warnings, list(found.items())[-2:], flush=True)
        if save:
            save.write_text(json.dumps(found, indent=1))
    Console(width=170).print(_table(found))


def _cases(structures: Path, maps: Path | None) -> Iterator[Case]:
    _, validation, _ = split_structures(structures_in(structures))
    sized = [(path, residues_of(read_structure(path))) for path in validation]
    fitting = [path for path, n in sized if RESIDUES[0] <= n <= RESIDUES[1]]
    if maps:
        yield next(real_cases(maps, 1))[1]()
    for i in range(COUNT):
        path = fitting[i * len(fitting) // COUNT]
        model = half_map_model(BANDS_A[int(i == 2)], membrane=0.0, nucleic=0.0)
        yield simulated(short(path), path, model, SEED, 5000 + i)


def measured(structure: Structure, built: Built, case: Case) -> Row:
    """How good some places of the atoms of a model are."""
    ca_A = structure.xyz_A[structure.atom_names == "CA"]
    model = replace(
        built.model, structure=structure, residues=replace(built.model.residues, ca_A=ca_A)
    )
    scores = evaluate(model, case.truth)
    blurred = replace(structure, b_factors_A2=np.full(len(structure), B_FACTOR_A2))
    agreement = compare_with_model(case.density, blurred, resolution_A=case.resolution_A)
    angles, off = ramachandran(structure), deviations(structure)
    return {
        "residues": len(ca_A),
        "clashes": clashscore(structure),
        "favoured": angles.favoured,
        "outliers": angles.outliers,
        "chi1": chi_agreement(*same_residues(structure, case.truth))[0],
        "CC": agreement.correlations.mask or float("nan"),
        "Q": agreement.q.mean,
        "F1": scores.detections[-1].f1,
        "CA RMSD": scores.whole.rmsd_A,
        "bonds": off.bonds_rmsz,
        "angles": off.angles_rmsz,
        "hands": off.chirality_errors,
        "twisted": int(angles.is_twisted.sum()),
    }


def same_residues(structure: Structure, truth: Structure) -> tuple[ResidueAtoms, ResidueAtoms]:
    """Residues of a model, and those of the truth in the same places and of the same kind."""
    ours, theirs = residue_atoms(structure), residue_atoms(truth)
    away, near = cKDTree(theirs.xyz_A[:, CA]).query(ours.xyz_A[:, CA])
    same = np.flatnonzero((away < SAME_A) & (ours.kinds == theirs.kinds[near]))
    return _chosen(ours, same), _chosen(theirs, near[same])


def _chosen(residues: ResidueAtoms, rows: np.ndarray) -> ResidueAtoms:
    return ResidueAtoms(**{name: column[rows] for name, column in vars(residues).items()})


def _table(found: dict[str, Row]) -> Table:
    table = Table(title="Models before and after they are relaxed")
    columns = list(dict.fromkeys(name for row in found.values() for name in row))
    for title in ("map", *columns):
        table.add_column(title, justify="right")
    for name, row in found.items():
        table.add_row(name, *(f"{row[c]:.3g}" if c in row else "" for c in columns))
    return table


if __name__ == "__main__":
    main()
