"""Denoisers of half maps against the truth, on simulated pairs that none was trained on.

    python benchmarks/map_denoising.py STRUCTURES --cases FOLDER wiener local-snr unet

Makes the pairs first where the folder lacks them (`map_test_set.py`; `--only-make` stops there).
The Wiener filter is always measured too: the others are compared with it, map by map. What the file
of `--save` holds already is not measured again: another one for other options or weights.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click
import gemmi
import numpy as np
import torch
from map_test_set import Case, make_cases
from rich.console import Console
from rich.table import Table
from torch import Tensor

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.io.atomic import write_text
from napari_cryoai.maps.denoised import Denoised, Denoiser
from napari_cryoai.maps.probes import first_randomised, noise_energy, phase_randomised
from napari_cryoai.maps.rescue import rescue
from napari_cryoai.maps.spectra import fsc_inside
from napari_cryoai.physics.fsc import fsc, masked_fsc, resolution_at
from napari_cryoai.physics.masks import mask_of_model
from napari_cryoai.physics.radial import power_spectrum, weighted
from napari_cryoai.physics.simulators.half_maps import GLYCAN, NUCLEIC

Row = dict[str, float]
REFERENCE = "wiener"
HIGHER = {"cc_mask", "q"}
"""Of what more is better; of the resolutions, less."""
COLUMNS = {
    "fsc05_A": "FSC 0.5 [A]",
    "fsc05_mask_A": "in mask [A]",
    "cc_mask": "CC in mask",
    "cc_box": "CC in box",
    "q": "Q-score",
    "invented": "invented FSC",
    "noise": "noise out [%]",
    "seconds": "time [s]",
}


@click.command()
@click.argument("structures", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("names", nargs=-1)
@click.option("--cases", type=click.Path(path_type=Path), required=True, help="Folder of the set.")
@click.option("--only-make", is_flag=True, help="Make the pairs and stop.")
@click.option("--rescue/--no-rescue", "rescued", default=False, help="As the command line does.")
@click.option("--q-score/--no-q-score", default=True)
@click.option("--probes/--no-probes", default=True, help="Without phases, and with pure noise.")
@click.option("--every", default=1, show_default=True, help="Take every so manieth pair.")
@click.option("--weights", type=click.Path(exists=True, path_type=Path), help="Of all networks.")
@click.option("--threads", default=1, show_default=True)
@click.option("--save", type=click.Path(path_type=Path), help="JSON with the figures of each map.")
def main(
    structures: Path,
    names: tuple[str, ...],
    cases: Path,
    only_make: bool,
    rescued: bool,
    q_score: bool,
    probes: bool,
    every: int,
    weights: Path | None,
    threads: int,
    save: Path | None,
) -> None:
    torch.set_num_threads(threads)
    made = list(make_cases(structures, cases))[::every]
    if only_make:
        return
    methods = {"raw": _raw}
    methods |= {name: _method(name, rescued, weights) for name in (REFERENCE, *names)}
    known: dict[str, dict[str, Row]] = {}
    if save and save.exists():
        known = json.loads(save.read_text())
    for case in made:
        for name, method in methods.items():
            found = known.setdefault(name, {})
            if case.folder.name not in found:
                row = _measured(case, method, q_score, probes)
                found[case.folder.name] = row
                print(f"{case.folder.name} {name}", _brief(row), flush=True)
        if save:
            write_text(save, json.dumps(known, indent=1))
    rows = {name: [known[name][case.folder.name] for case in made] for name in methods}
    console = Console(width=150)
    console.print(_table(rows))
    console.print(_kept_table(rows))


def _method(name: str, rescued: bool, weights: Path | None = None) -> Denoiser:
    from napari_cryoai.maps.denoisers import denoiser

    method = denoiser(name, weights=weights)
    return partial(_with_rescue, method) if rescued else method


def _with_rescue(method: Denoiser, half1: Tensor, half2: Tensor, pixel_A: float) -> Denoised:
    return rescue(method(half1, half2, pixel_A), half1, half2, pixel_A).denoised


def _raw(half1: Tensor, half2: Tensor, pixel_A: float) -> Denoised:
    return Denoised(half1, half2, torch.ones_like(half1))


def _measured(case: Case, method: Denoiser, q_score: bool, probes: bool) -> Row:
    half1, half2, truth, mask = (case.map(name) for name in ("half1", "half2", "truth", "mask"))
    began = time.perf_counter()
    found = method(half1, half2, case.pixel_size_A)
    row = {"seconds": time.perf_counter() - began}
    # The blur of the truth makes no difference to an FSC, but for what a mask carries over shells.
    density = case.map("density")
    curves = fsc(found.full, density), masked_fsc(found.full, density, mask)
    n = len(truth)
    for name, curve in zip(("fsc05_A", "fsc05_mask_A"), curves, strict=True):
        row[name] = resolution_at(curve, case.pixel_size_A, 0.5, n)
    row["cc_mask"] = _correlation(found.full, truth, mask)
    row["cc_box"] = _correlation(found.full, truth, torch.ones_like(mask))
    row |= _kept(case, found.full, (half1 + half2) / 2, truth)
    if q_score:
        row["q"] = _q_score(case, found.full, truth, density)
    return row | _probed(case, method, found, half1, half2, mask) if probes else row


def _probed(
    case: Case, method: Denoiser, found: Denoised, half1: Tensor, half2: Tensor, mask: Tensor
) -> Row:
    """Without phases, and with noise alone."""
    pixel_A = case.pixel_size_A
    noise = noise_energy(method, half1, half2, pixel_A, mask, found, seed=0)
    row = {"noise": 100 * noise}
    first = first_randomised(fsc_inside(half1, half2, pixel_A, mask))
    if first is not None:
        seen = phase_randomised(method, half1, half2, pixel_A, first, 0, shown=found)
        row["invented"] = seen.highest
    return row


def _correlation(a: Tensor, b: Tensor, mask: Tensor) -> float:
    weight = mask.double() / mask.double().sum()
    x, y = (map_.double() - (weight * map_).sum() for map_ in (a, b))
    power = (weight * x * x).sum() * (weight * y * y).sum()
    return float((weight * x * y).sum() / power.sqrt())


def _kept(case: Case, map_: Tensor, raw: Tensor, truth: Tensor) -> Row:
    """Integrated density over that of the raw halves, of what denoisers like to lose."""
    labels = case.map("labels")
    regions = {"nucleic": labels == NUCLEIC, "glycan": labels == GLYCAN}
    ligand = _ligand_atoms(case)
    if ligand.any():
        zyx = torch.as_tensor(case.model.xyz_A[ligand][:, ::-1].copy())
        near = mask_of_model(zyx, truth.shape, case.pixel_size_A, radius_A=1.5, edge_A=0.0)
        regions["ligand"] = near > 0.5
    return {
        f"kept_{name}": float(map_[where].sum() / raw[where].sum())
        for name, where in regions.items()
        if int(where.sum()) * case.pixel_size_A**3 > 100 and float(truth[where].mean()) > 0
    }


def _ligand_atoms(case: Case) -> np.ndarray:
    names = np.unique(case.model.residue_names)
    kinds = {name: gemmi.find_tabulated_residue(name) for name in names.tolist()}
    other = [n for n, kind in kinds.items() if not (kind.is_amino_acid() or kind.is_nucleic_acid())]
    return np.isin(case.model.residue_names, other)


def _q_score(case: Case, map_: Tensor, truth: Tensor, density: Tensor) -> float:
    """Of the true model, after the blur that all maps share has been taken out of each alike."""
    from napari_cryoai.maps.qscore import q_scores

    n = len(truth)
    blur = (power_spectrum(truth) / power_spectrum(density)).sqrt().clamp(min=1e-4)
    last = math.floor(n * case.pixel_size_A / float(case.facts["resolution_A"]))
    shells = torch.arange(blur.numel()).clamp(max=last)
    sharp = weighted(map_, 1 / blur[shells])
    model = case.model
    inside = DensityMap(sharp.numpy().astype(np.float32), case.pixel_size_A)
    reach = (n - 2) * case.pixel_size_A
    kept = model.select(((model.xyz_A > case.pixel_size_A) & (model.xyz_A < reach)).all(1))
    return q_scores(inside, kept).mean


def _table(rows: dict[str, list[Row]]) -> Table:
    """Means over all maps, and in how many a method does worse than the Wiener filter."""
    table = Table("denoiser", *COLUMNS.values(), "worse: FSC", "worse: CC", "worse: Q")
    for name, found in rows.items():
        cells = [_mean(found, column) for column in COLUMNS]
        worse = [_worse(found, rows[REFERENCE], c) for c in ("fsc05_mask_A", "cc_mask", "q")]
        table.add_row(name, *cells, *worse)
    return table


def _kept_table(rows: dict[str, list[Row]]) -> Table:
    kinds = ("ligand", "glycan", "nucleic")
    table = Table("density kept", *(f"{kind}: {what}" for kind in kinds for what in _STATISTICS))
    for name, found in rows.items():
        cells = []
        for kind in kinds:
            values = np.array([row[f"kept_{kind}"] for row in found if f"kept_{kind}" in row])
            cells += [f"{f(values):.2f}" if len(values) else "" for f in _STATISTICS.values()]
        table.add_row(name, *cells)
    return table


_STATISTICS: dict[str, Callable[[np.ndarray], float]] = {
    "mean": np.mean,
    "least": np.min,
    ">= 0.9": lambda values: float(np.mean(values >= 0.9)),
    "maps": len,
}


def _values(rows: list[Row], column: str) -> Iterator[float]:
    return (row[column] for row in rows if math.isfinite(row.get(column, math.nan)))


def _mean(rows: list[Row], column: str) -> str:
    values = list(_values(rows, column))
    if column == "invented":
        return f"{max(values):.3f} max" if values else ""
    return f"{np.mean(values):.4g}" if values else ""


def _worse(rows: list[Row], reference: list[Row], column: str) -> str:
    pairs = [(r[column], o[column]) for r, o in zip(rows, reference, strict=True) if column in r]
    sign = 1 if column in HIGHER else -1
    worse = [sign * (mine - theirs) < -1e-4 * abs(theirs) for mine, theirs in pairs]
    return f"{np.mean(worse):.0%}" if worse else ""


def _brief(row: Row) -> str:
    return " ".join(f"{name}={value:.4g}" for name, value in row.items())


if __name__ == "__main__":
    main()
