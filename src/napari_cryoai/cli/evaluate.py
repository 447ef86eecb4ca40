"""`cryoai evaluate`: results against a reference."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from napari_cryoai.cli.options import PATH, errors_told
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
@click.option("--json", "as_json", is_flag=True, help="Report in JSON, for machines.")
def evaluate_picks(
    predicted: Path, reference: tuple[Path, ...], radius_px: float, as_json: bool
) -> None:
    """Compare picks with REFERENCE picks (files or folders, any format).

    Centres are matched one to one, as many as can be. Micrographs that the reference does not
    name are left out.
    """
    with errors_told(as_json):
        picks = read_picks(predicted)
        truth = _renamed(concatenate(read_picks(path) for path in reference), picks.names)
        picks, left_out = _restrict(picks, truth)
        comparison = compare(picks, truth, radius_px)
        if as_json:
            click.echo(json.dumps(as_dict(comparison, len(truth), left_out)))
        else:
            _print(comparison, len(truth), left_out)


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
        "not_in_reference": left_out,
    }


def _renamed(truth: PickTable, names: tuple[str, ...]) -> PickTable:
    """The reference, its micrographs called as the picks call them."""
    matched = match_to_names(truth.names, names)
    if not set(matched.values()) & set(names):
        raise CryoAIError(
            f"picks and reference name different micrographs ('{names[0] if names else ''}' "
            f"and '{truth.names[0] if truth.names else ''}', for instance)",
            remedy="Compare files that were made on the same micrographs",
        )
    renamed = [replace(truth.of(n), names=(matched[n],)) for n in truth.names]
    return concatenate(renamed)


def _restrict(picks: PickTable, truth: PickTable) -> tuple[PickTable, list[str]]:
    kept = [name for name in picks.names if name in truth.names]
    left_out = [name for name in picks.names if name not in truth.names]
    return concatenate(picks.of(name) for name in kept), left_out


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
        console.print(f"Not in the reference, left out: {', '.join(left_out)}", highlight=False)
