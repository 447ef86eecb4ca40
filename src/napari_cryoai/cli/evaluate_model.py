"""`cryoai evaluate model`: a model against a reference, against a map, and in itself."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from napari_cryoai.building.scoring.evaluate import evaluate
from napari_cryoai.building.scoring.matching import Alphas
from napari_cryoai.building.scoring.quality import quality_of
from napari_cryoai.cli.evaluate_model_report import Fit, Found, print_report, report, residue_rows
from napari_cryoai.cli.evaluate_params import EvaluateModelParams
from napari_cryoai.core.errors import CryoAIError, naming
from napari_cryoai.core.structure import Structure
from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.guards import check_writable
from napari_cryoai.io.maps import read_map
from napari_cryoai.io.structures import read_structure
from napari_cryoai.jobs.record import write_record
from napari_cryoai.maps.agreement import compare_with_model
from napari_cryoai.maps.one_b_factor import with_one_b_factor
from napari_cryoai.maps.placement import inside_map


@dataclass(frozen=True)
class Sources:
    """What was named on the command line."""

    model: Path
    reference: Path | None = None
    map: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """Those that there are."""
        return [path for path in (self.model, self.reference, self.map) if path is not None]


def evaluate_model(
    sources: Sources, params: EvaluateModelParams, output: Path | None, as_json: bool
) -> None:
    """What `cryoai evaluate model` does; in a module of its own because it needs torch.

    Raises
    ------
    CryoAIError
        If a file cannot be read, holds no protein, or the model does not lie in the map.
    """
    started = time.monotonic()
    if output:
        check_writable(output)
    structure, alphas = _read(sources.model)
    against = None if sources.reference is None else evaluate(alphas, _read(sources.reference)[1])
    fit = None if sources.map is None else _fit(structure, sources, sources.map, params)
    found = Found(alphas, quality_of(structure), against, fit)
    made = _write(output, found) if output else []
    if output:
        seconds = time.monotonic() - started
        paths = sources.paths
        write_record(output, "evaluate model", params, inputs=paths, outputs=made, seconds=seconds)
    if as_json:
        click.echo(json.dumps(report(found)))
    else:
        print_report(found)


def _read(path: Path) -> tuple[Structure, Alphas]:
    structure = read_structure(path)
    alphas = Alphas.of(structure)
    if not len(alphas):
        raise CryoAIError("holds no protein", path=path, remedy="Give a file with atoms called CA")
    return structure, alphas


def _fit(structure: Structure, sources: Sources, path: Path, params: EvaluateModelParams) -> Fit:
    """Correlations and Q-scores of a model in a map."""
    density = read_map(path)
    with naming(sources.model):
        inside_map(structure, density)
    resolution_A, b_factor_A2, q = params.resolution_A, None, params.q_sigma_A
    with naming(path):
        if params.b_factors == "fit":
            if resolution_A is None:
                first = compare_with_model(density, structure, q_sigma_A=q)
                resolution_A = first.resolution_A
            structure, b_factor_A2 = with_one_b_factor(structure, density, resolution_A)
        agreement = compare_with_model(
            density, structure, resolution_A=params.resolution_A, q_sigma_A=q
        )
    return Fit(agreement, b_factor_A2)


def _write(output: Path, found: Found) -> list[Path]:
    made = [output / "report.json", output / "residues.csv"]
    write_text(made[0], json.dumps(report(found), indent=2) + "\n")
    write_text(made[1], _csv(residue_rows(found)))
    if found.against is not None:
        made.append(output / "reference.csv")
        write_text(made[2], _csv(found.against.rows()))
    return made


def _csv(rows: Iterable[tuple[str, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
