"""`cryoai evaluate`: results against a reference."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from napari_cryoai.cli.evaluate_params import (
    EvaluateHeterogeneityParams,
    EvaluateMapParams,
    EvaluateModelParams,
)
from napari_cryoai.cli.options import PATH, errors_told, params_from, params_options
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import PickTable, concatenate
from napari_cryoai.io.names import match_to_names
from napari_cryoai.io.picks import read_picks
from napari_cryoai.picking.evaluate import Comparison, best_f1, compare


@click.group("evaluate")
def evaluate_group() -> None:
    """Measure results against a reference."""


@evaluate_group.command("picks")
@click.argument("predicted", type=PATH)
@click.argument("reference", nargs=-1, required=True, type=PATH)
@click.option(
    "--radius-px",
    required=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Largest distance between a pick and the reference centre it stands for.",
)
@click.option(
    "--all-micrographs",
    is_flag=True,
    help="Count micrographs that only one side names: all false, or all missed.",
)
@click.option("--json", "as_json", is_flag=True, help="Report in JSON, for machines.")
def evaluate_picks(
    predicted: Path,
    reference: tuple[Path, ...],
    radius_px: float,
    all_micrographs: bool,
    as_json: bool,
) -> None:
    """Compare picks with REFERENCE picks (files or folders, any format).

    Centres are matched one to one, as many as can be. Micrographs that only one side names are
    left out, and listed, unless --all-micrographs is given.
    """
    with errors_told(as_json):
        picks = read_picks(predicted)
        truth = concatenate(reference_for(path, picks.names) for path in reference)
        left_out = [] if all_micrographs else sorted({*picks.names} ^ {*truth.names})
        picks, truth = (_without(table, left_out) for table in (picks, truth))
        comparison = compare(picks, truth, radius_px)
        if as_json:
            click.echo(json.dumps(as_dict(comparison, len(truth), left_out)))
        else:
            _print(comparison, len(truth), left_out)


@evaluate_group.command("map")
@click.argument("map_", metavar="MAP", type=PATH)
@click.option("--reference", type=PATH, help="Map to compare with: the truth.")
@click.option("--model", type=PATH, help="Atomic model to compare with, fitted to MAP.")
@click.option("--mask", type=PATH, help="Soft mask, a map from 0 to 1.")
@click.option("--output", type=PATH, help="Folder to write fsc.csv, fsc.png and residues.csv to.")
@params_options(EvaluateMapParams)
@click.option("--json", "as_json", is_flag=True, help="Report in JSON, for machines.")
def evaluate_map_command(
    map_: Path,
    reference: Path | None,
    model: Path | None,
    mask: Path | None,
    output: Path | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Compare MAP with a reference on the same grid, with an atomic model, or with both.

    Prints the resolution at FSC 0.5 (what counts against a noise-free reference) and 0.143, and the
    correlation of the voxels; with a mask, both inside it too. With a model also the correlations
    CC_box, CC_mask, CC_volume and CC_peaks, and the mean Q-score.
    """
    with errors_told(as_json):
        params = params_from(EvaluateMapParams, values)
        # Imported late: torch takes seconds to load, and picks need none of it.
        from napari_cryoai.cli.evaluate_map import Sources, evaluate_map

        evaluate_map(Sources(map_, reference, model, mask), params, output, as_json)


@evaluate_group.command("model")
@click.argument("model", type=PATH)
@click.option("--reference", type=PATH, help="Model to compare with: the truth.")
@click.option("--map", "map_", type=PATH, help="Map that MODEL lies in.")
@click.option("--output", type=PATH, help="Folder to write report.json and residues.csv to.")
@params_options(EvaluateModelParams)
@click.option("--json", "as_json", is_flag=True, help="Report in JSON, for machines.")
def evaluate_model_command(
    model: Path,
    reference: Path | None,
    map_: Path | None,
    output: Path | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Compare the protein of MODEL with a reference in the same frame, with a map, or with both.

    Residues are matched one to one by the places of their CA; a trace of CA is enough, by whatever
    program. Prints precision, recall and F1 at 1, 2 and 3 A, and for the pairs within 3 A: the same
    amino acids, breaks, links that run backwards, RMSD, TM-score, lDDT. With a map the correlations
    and the mean Q-score; and the geometry in any case.
    """
    with errors_told(as_json):
        params = params_from(EvaluateModelParams, values)
        # Imported late: torch takes seconds to load, and picks need none of it.
        from napari_cryoai.cli.evaluate_model import Sources, evaluate_model

        evaluate_model(Sources(model, reference, map_), params, output, as_json)


@evaluate_group.command("heterogeneity")
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--truth", required=True, type=PATH, help="truth.npz of the simulated particles.")
@click.option("--consensus", type=PATH, help="One map for all particles; else the mean of all.")
@click.option("--poses", type=PATH, help="Particle file with poses that were found with it.")
@click.option("--output", type=PATH, help="Folder to write scores.json and images.csv to.")
@params_options(EvaluateHeterogeneityParams)
@click.option("--json", "as_json", is_flag=True, help="Report in JSON, for machines.")
def evaluate_heterogeneity_command(
    folder: Path,
    truth: Path,
    consensus: Path | None,
    poses: Path | None,
    output: Path | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Compare the latent space in DIR, and its maps, with the truth of simulated particles.

    For each of the images drawn, the map at its place against its true map: area under the FSC (0.5
    is perfect) and the resolution at FSC 0.5; beside it what one map for all images reaches, the
    floor. Then the correlation of what is peculiar to each map, its difference to the mean; and how
    well places in the latent space tell states apart. With --poses maps are brought into the frame
    and the hand of the truth before, and the errors of the poses are told.
    """
    with errors_told(as_json):
        params = params_from(EvaluateHeterogeneityParams, values)
        # Imported late: torch takes seconds to load, and picks need none of it.
        from napari_cryoai.cli.evaluate_heterogeneity import evaluate_heterogeneity

        evaluate_heterogeneity(folder, truth, params, consensus, poses, output, as_json)


def as_dict(comparison: Comparison, n_reference: int, left_out: list[str]) -> dict[str, object]:
    """The comparison's figures as JSON; what cannot be computed is null."""
    best, at = best_f1(comparison, n_reference)
    return {
        "precision": comparison.precision,
        "recall": comparison.recall,
        "f1": comparison.f1,
        "average_precision": comparison.average_precision,
        "best_f1": best,
        "best_f1_threshold": at if np.isfinite(at) else None,
        "micrographs": {
            name: dict(zip(("picks", "reference", "matched"), counts, strict=True))
            for name, counts in comparison.per_micrograph.items()
        },
        "left_out": left_out,
    }


def reference_for(path: Path, names: tuple[str, ...]) -> PickTable:
    """Reference picks, their micrographs called as the picks call them.

    Raises
    ------
    CryoAIError
        If they are of other micrographs altogether.
    """
    truth = read_picks(path)
    matched = match_to_names(truth.names, names)
    if not set(matched.values()) & set(names):
        raise CryoAIError(
            f"picks and reference name different micrographs ('{names[0] if names else ''}' "
            f"and '{truth.names[0] if truth.names else ''}', for instance)",
            path=path,
            remedy="Compare files that were made on the same micrographs",
        )
    renamed = [replace(truth.of(n), names=(matched[n],)) for n in truth.names]
    return concatenate(renamed)


def _without(table: PickTable, left_out: list[str]) -> PickTable:
    return concatenate(table.of(name) for name in table.names if name not in left_out)


def _print(comparison: Comparison, n_reference: int, left_out: list[str]) -> None:
    table = Table("micrograph", "picks", "reference", "matched", "precision", "recall", "F1")
    for name, (n, m, k) in comparison.per_micrograph.items():
        shares = (k / n if n else 0, k / m if m else 0, 2 * k / (n + m))
        table.add_row(name, str(n), str(m), str(k), *(f"{s:.3f}" for s in shares))
    console = Console(width=120)
    console.print(table)
    best, at = best_f1(comparison, n_reference)
    console.print(
        f"precision {comparison.precision:.3f}, recall {comparison.recall:.3f}, "
        f"F1 {comparison.f1:.3f}, average precision {comparison.average_precision:.3f} "
        f"(highest F1 at any threshold: {best:.3f} at {at:.3f})",
        highlight=False,
    )
    if left_out:
        console.print(f"Named by one side only, left out: {', '.join(left_out)}", highlight=False)
