"""`cryoai learn`: pickers that learn from corrections."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from napari_cryoai.cli.common import counted, open_set, pixel_size_option, tell
from napari_cryoai.cli.options import PATH, errors_told, params_from, params_options
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.guards import check_writable
from napari_cryoai.io.picks import read_picks
from napari_cryoai.io.weights import check_name
from napari_cryoai.jobs.devices import choose_device
from napari_cryoai.jobs.progress import Job
from napari_cryoai.jobs.run import run_to_console
from napari_cryoai.picking.detectors import shipped_weights
from napari_cryoai.picking.learn import Corrections, Glance, ImproveParams, improve, refit, see
from napari_cryoai.picking.learned import Picker, load_picker, save_picker
from napari_cryoai.picking.listed import as_corrections, tells_corrections


@click.group("learn")
def learn_group() -> None:
    """Let networks learn from corrections."""


@learn_group.command("picker")
@click.argument("micrographs", nargs=-1, required=True, type=PATH, metavar="MICROGRAPH...")
@click.option("--picks", required=True, type=PATH, help="Corrected picks, any format.")
@click.option("--output", required=True, type=PATH, help="Weights to write (.safetensors).")
@click.option("--weights", type=PATH, help="Picker to start from; the shipped one if not given.")
@pixel_size_option
@click.option(
    "--diameter-A",
    "diameter_A",
    type=click.FloatRange(10, 2000),
    help="Longest extent of the particle; as in the picks if not given. [A]",
)
@click.option(
    "--complete/--partial",
    default=True,
    show_default=True,
    help="Whether the picks are all particles of their micrographs, or only some.",
)
@click.option(
    "--improve/--head-only",
    "whole",
    default=False,
    show_default=True,
    help="Train the whole network on, or fit its last layer only.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, mps.")
@click.option("--json", "as_json", is_flag=True, help="Report in JSON lines, for machines.")
@params_options(ImproveParams)
def learn_picker(
    micrographs: tuple[Path, ...],
    picks: Path,
    output: Path,
    weights: Path | None,
    pixel_size_A: float | None,
    diameter_A: float | None,
    complete: bool,
    whole: bool,
    device: str,
    as_json: bool,
    **values: Any,
) -> None:
    """Teach the picker what a user has corrected on some micrographs.

    Writes weights that 'cryoai pick --detector transformer --weights' reads. Micrographs without
    picks in the file are left out.
    """
    with errors_told(as_json):
        params = params_from(ImproveParams, values)
        check_writable(check_name(output).parent)
        picker = load_picker(weights or shipped_weights(), choose_device(device))
        opened, problems = open_set(micrographs, pixel_size_A)
        for problem in problems:
            tell(problem, as_json)
        table = read_picks(picks, micrographs=opened)
        corrected = _corrections(table, opened, picker, diameter_A, complete)
        learned = refit(picker, corrected)
        figures: dict[str, float] = {}
        if whole:
            job = _watched(improve(params, learned, corrected, opened), figures)
            learned = run_to_console(job, "Improving", json_lines=as_json)
        facts: dict[str, Any] = {
            "parent": picker.digest,
            "corrections": sum(one.count for one in corrected),
            "corrected_micrographs": len(corrected),
            "improve": json.loads(params.model_dump_json()) if whole else None,
            "held_out": figures,
        }
        save_picker(output, learned, facts)
        _summarise(facts, learned, output, as_json)


def _corrections(
    table: PickTable,
    micrographs: Sequence[Micrograph],
    picker: Picker,
    diameter_A: float | None,
    complete: bool,
) -> list[Corrections]:
    counts = table.counts()
    chosen = [m for m in micrographs if counts.get(m.name)]
    if not chosen:
        raise CryoAIError(
            "there are no picks on any of these micrographs",
            remedy="Give the micrographs that were corrected",
        )
    told = tells_corrections(table)
    corrected = []
    for micrograph in chosen:
        mine = table.of(micrograph.name)
        view = see(micrograph, picker, diameter_A or _diameter_A(mine, micrograph))
        corrected.append(
            Corrections(view, mine)
            if told
            else as_corrections(view, mine, picker, complete=complete)
        )
    return corrected


def _diameter_A(picks: PickTable, micrograph: Micrograph) -> float:
    known = picks.diameter_px[np.isfinite(picks.diameter_px)]
    if not len(known):
        raise CryoAIError(
            "the picks do not say how large the particle is",
            remedy="Give its longest extent with --diameter-A",
        )
    return float(np.median(known)) * micrograph.require_pixel_size()


def _watched(job: Job[Picker], figures: dict[str, float]) -> Job[Picker]:
    """The same job; notes what came out on what it held out."""
    try:
        while True:
            progress = next(job)
            if isinstance(progress.preview, Glance):
                figures["f1_before"] = progress.preview.f1_before
                figures["f1"] = max(progress.preview.f1, figures.get("f1", 0.0))
            yield progress
    except StopIteration as stop:
        picker: Picker = stop.value
        return picker
    finally:
        job.close()


def _summarise(facts: dict[str, Any], picker: Picker, output: Path, as_json: bool) -> None:
    if as_json:
        threshold = picker.calibration.threshold
        click.echo(json.dumps({"result": facts | {"threshold": threshold, "output": str(output)}}))
        return
    where = counted(facts["corrected_micrographs"], "micrograph")
    held = facts["held_out"]
    grade = f"; F1 on what was held out {held['f1_before']:.3f} -> {held['f1']:.3f}" if held else ""
    corrections = counted(facts["corrections"], "correction")
    click.echo(f"Learned from {corrections} on {where}{grade}: {output}")
