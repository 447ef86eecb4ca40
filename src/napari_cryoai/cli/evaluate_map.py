"""`cryoai evaluate map`: a map against another map, or against an atomic model."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from napari_cryoai.cli.evaluate_params import EvaluateMapParams
from napari_cryoai.cli.fsc import read_mask, read_on_one_grid, resolutions
from napari_cryoai.core.errors import CryoAIError, naming
from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.guards import check_writable
from napari_cryoai.io.maps import read_map
from napari_cryoai.io.structures import read_structure
from napari_cryoai.jobs.record import write_record
from napari_cryoai.maps.agreement import (
    ModelAgreement,
    ReferenceFsc,
    compare_with_model,
    correlation,
    reference_fsc,
)
from napari_cryoai.maps.placement import inside_map
from napari_cryoai.maps.qscore import QScores
from napari_cryoai.physics.fsc import HALF_MAPS, MAP_TO_MODEL
from napari_cryoai.reconstruction.fsc_picture import (
    resolution_text,
    write_fsc_picture,
    write_fsc_table,
)


@dataclass(frozen=True)
class Sources:
    """What was named on the command line; a reference, a model, or both."""

    map: Path
    reference: Path | None = None
    model: Path | None = None
    mask: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """Those that there are."""
        named = (self.map, self.reference, self.model, self.mask)
        return [path for path in named if path is not None]


def evaluate_map(
    sources: Sources, params: EvaluateMapParams, output: Path | None, as_json: bool
) -> None:
    """What `cryoai evaluate map` does; in a module of its own because it needs torch.

    Raises
    ------
    CryoAIError
        If there is nothing to compare with, a file cannot be read, the maps do not lie on the same
        grid, or the model does not lie in the map.
    """
    started = time.monotonic()
    if sources.reference is None and sources.model is None:
        raise CryoAIError(
            "there is nothing to compare the map with", remedy="Give --reference, --model or both"
        )
    if output:
        check_writable(output)
    found: dict[str, Any] = {}
    made: list[Path] = []
    if sources.reference:
        found |= _against_map(sources, sources.reference, output, made, as_json)
    if sources.model:
        found |= _against_model(sources, sources.model, params, output, made, as_json)
    if output:
        seconds = time.monotonic() - started
        paths = sources.paths
        write_record(output, "evaluate map", params, inputs=paths, outputs=made, seconds=seconds)
    if as_json:
        click.echo(json.dumps(found))


def _against_map(
    sources: Sources, reference: Path, output: Path | None, made: list[Path], as_json: bool
) -> dict[str, Any]:
    paths = [sources.map, reference] + ([sources.mask] if sources.mask else [])
    pixel_size_A, maps = read_on_one_grid(paths, None)
    mask = maps[2] if sources.mask else None
    curves = reference_fsc(maps[0], maps[1], pixel_size_A, mask)
    correlations = {"unmasked": correlation(maps[0], maps[1])}
    if mask is not None:
        correlations["masked"] = correlation(*maps)
    if output:
        _write_curves(output, "fsc", curves, "Map against reference", made)
    if not as_json:
        _print_table("reference", curves, correlations)
    return {
        "pixel_size_A": pixel_size_A,
        **{
            name: resolutions(curve) | {"correlation": correlations[name]}
            for name, curve in curves.curves().items()
        },
    }


def _against_model(
    sources: Sources,
    model: Path,
    params: EvaluateMapParams,
    output: Path | None,
    made: list[Path],
    as_json: bool,
) -> dict[str, Any]:
    density = read_map(sources.map)
    # As deposited: hydrogens and waters scatter too, where the model has them.
    structure = read_structure(model, hydrogens=True, waters=True)
    mask = read_mask(sources.mask, density) if sources.mask else None
    with naming(model):
        inside_map(structure, density)
    with naming(sources.map):
        agreement = compare_with_model(
            density,
            structure,
            resolution_A=params.resolution_A,
            mask=mask,
            q_sigma_A=params.q_sigma_A,
        )
    if output:
        name = "model_fsc" if sources.reference else "fsc"
        _write_curves(output, name, agreement.fsc, "Map against model", made)
        _write_residues(output, agreement.q, made)
    if not as_json:
        _print_table("model", agreement.fsc, {})
        _print_agreement(agreement)
    return {"pixel_size_A": density.pixel_size_A, "model": _as_dict(agreement, params)}


def _as_dict(agreement: ModelAgreement, params: EvaluateMapParams) -> dict[str, Any]:
    c = agreement.correlations
    scored = int((~np.isnan(agreement.q.values)).sum())
    return {
        "cc_box": c.box,
        "cc_mask": c.mask,
        "cc_volume": c.volume,
        "cc_peaks": c.peaks,
        "resolution_A": agreement.resolution_A,
        "resolution_given": agreement.resolution_given,
        "q_score": agreement.q.mean if math.isfinite(agreement.q.mean) else None,
        "q_sigma_A": params.q_sigma_A,
        "atoms_scored": scored,
        "atoms_outside": agreement.n_outside,
        "fsc": {name: resolutions(curve) for name, curve in agreement.fsc.curves().items()},
    }


def _print_table(against: str, curves: ReferenceFsc, correlations: dict[str, float | None]) -> None:
    table = Table(f"against the {against}", f"FSC {HALF_MAPS}", f"FSC {MAP_TO_MODEL}")
    if correlations:
        table.add_column("correlation")
    for name, curve in curves.curves().items():
        cells = [resolution_text(curve.resolution_A(t)) for t in (HALF_MAPS, MAP_TO_MODEL)]
        cells += [_number(correlations[name])] if correlations else []
        table.add_row(name, *cells)
    Console(width=100).print(table)


def _print_agreement(agreement: ModelAgreement) -> None:
    c = agreement.correlations
    table = Table("CC_box", "CC_mask", "CC_volume", "CC_peaks", "Q-score")
    table.add_row(*(_number(v) for v in (c.box, c.mask, c.volume, c.peaks, agreement.q.mean)))
    console = Console(width=100, highlight=False)
    console.print(table)
    why = "" if agreement.resolution_given else ", where the masked FSC falls to 0.5"
    console.print(f"Model's map cut off at {agreement.resolution_A:.2f} A{why}")
    if agreement.n_outside:
        console.print(f"Outside the map, left out: {agreement.n_outside} atoms")


def _number(value: float | None) -> str:
    return "none" if value is None or math.isnan(value) else f"{value:.4f}"


def _write_curves(
    output: Path, name: str, curves: ReferenceFsc, title: str, made: list[Path]
) -> None:
    output.mkdir(parents=True, exist_ok=True)
    table, picture = output / f"{name}.csv", output / f"{name}.png"
    write_fsc_table(table, curves)
    write_fsc_picture(picture, curves, title, MAP_TO_MODEL)
    made += [table, picture]


def _write_residues(output: Path, q: QScores, made: list[Path]) -> None:
    path = output / "residues.csv"
    write_text(path, "".join(",".join(row) + "\n" for row in q.rows()))
    made.append(path)
