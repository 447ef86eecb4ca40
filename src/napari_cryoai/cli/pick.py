"""`cryoai pick`: micrographs to picks."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from napari_cryoai.cli.common import (
    counted,
    open_set,
    pixel_size_option,
    run_options,
    tell,
    workers_from,
)
from napari_cryoai.cli.options import PATH, errors_told, params_from, params_options
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.io.guards import check_writable
from napari_cryoai.jobs.executor import Workers
from napari_cryoai.jobs.record import write_record
from napari_cryoai.jobs.run import run_to_console
from napari_cryoai.picking.output import kept_picks, remarks, write_result
from napari_cryoai.picking.pick import PickParams, PickResult, pick
from napari_cryoai.picking.store import FileStore


@click.command("pick")
@click.argument("micrographs", nargs=-1, required=True, type=PATH, metavar="MICROGRAPH...")
@click.option("--output", required=True, type=PATH, help="Folder to write to.")
@pixel_size_option
@params_options(PickParams)
@run_options
def pick_command(
    micrographs: tuple[Path, ...],
    output: Path,
    pixel_size_A: float | None,
    workers: str,
    scheduler: str | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Find particles on micrographs (files, stacks or folders).

    Writes picks.star (kept picks, RELION 3.1), all_peaks.star (all peaks down to a low floor) and
    job.json. A run that was cut short goes on where it was.
    """
    with errors_told(as_json):
        params = params_from(PickParams, values)
        opened, problems = open_set(micrographs, pixel_size_A)
        for problem in problems:
            tell(problem, as_json)
        result = run_pick(
            params, opened, output, problems, workers_from(workers), scheduler, as_json
        )
        _summarise(result, opened, output, as_json)


def run_pick(
    params: PickParams,
    micrographs: Sequence[Micrograph],
    output: Path,
    problems: Sequence[CryoAIError] = (),
    workers: Workers = "auto",
    scheduler: str | None = None,
    as_json: bool = False,
) -> PickResult:
    """Pick, and write what was found and how."""
    start = time.perf_counter()
    check_writable(output)
    store = FileStore(output, params, micrographs)
    job = pick(params, micrographs, store=store, workers=workers, scheduler=scheduler)
    result = run_to_console(job, "Picking", json_lines=as_json)
    written = write_result(result, micrographs, output)
    write_record(
        output,
        "pick",
        params,
        inputs=dict.fromkeys(m.path for m in micrographs),
        outputs=written,
        problems=[*problems, *result.problems],
        seconds=time.perf_counter() - start,
    )
    store.remove()
    return result


def _summarise(
    result: PickResult, micrographs: Sequence[Micrograph], output: Path, as_json: bool
) -> None:
    kept = kept_picks(result, micrographs)
    if as_json:
        summary = {
            "picks": len(kept),
            "peaks": len(result.picks),
            "threshold": result.threshold,
            "diameter_A": result.diameter_A,
            "per_micrograph": kept.counts(),
            "unfamiliar": result.unfamiliar,
            "size": round(result.size, 3),
            "output": str(output),
        }
        click.echo(json.dumps({"result": summary}))
        return
    where = counted(len(micrographs), "micrograph")
    click.echo(
        f"{len(kept)} particles on {where}, {result.diameter_A:.0f} A wide, "
        f"scores from {result.threshold:.3f}: {output / 'picks.star'}"
    )
    for remark in remarks(result):
        click.echo(f"Warning: {remark}", err=True)
