"""`cryoai pick`: micrographs to picks."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from napari_cryoai.cli.options import PATH, errors_told, params_from, params_options
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.io.micrographs import check_pixel_sizes, open_micrographs
from napari_cryoai.jobs.executor import Workers
from napari_cryoai.jobs.record import write_record
from napari_cryoai.jobs.run import run_to_console
from napari_cryoai.picking.output import kept_picks, write_result
from napari_cryoai.picking.pick import PickParams, PickResult, pick
from napari_cryoai.picking.store import FileStore


@click.command("pick")
@click.argument("micrographs", nargs=-1, required=True, type=PATH, metavar="MICROGRAPH...")
@click.option("--output", required=True, type=PATH, help="Folder to write to.")
@click.option(
    "--pixel-size-A",
    "pixel_size_A",
    type=click.FloatRange(min=0, min_open=True),
    help="Of the micrographs; as in their headers if not given. [A]",
)
@params_options(PickParams)
@click.option("--workers", default="auto", show_default=True, help="Processes, or 'auto'.")
@click.option("--scheduler", help="Address of a dask scheduler that does the work instead.")
@click.option("--json", "as_json", is_flag=True, help="Report in JSON lines, for machines.")
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
            _tell(problem, as_json)
        result = run_pick(params, opened, output, problems, _workers(workers), scheduler, as_json)
        _summarise(result, opened, output, as_json)


def open_set(
    paths: Sequence[Path], pixel_size_A: float | None
) -> tuple[list[Micrograph], list[CryoAIError]]:
    """Open micrographs that all have a believable pixel size.

    Raises
    ------
    CryoAIError
        If none can be opened, or the pixel size has to be asked for.
    """
    opened, problems = open_micrographs(paths, pixel_size_A=pixel_size_A)
    if not opened:
        raise problems[0]
    question = check_pixel_sizes(opened)
    if question:
        raise CryoAIError(question.rstrip("."), remedy="Answer with --pixel-size-A")
    return opened, problems


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
            "output": str(output),
        }
        click.echo(json.dumps({"result": summary}))
        return
    where = _counted(len(micrographs), "micrograph")
    click.echo(
        f"{len(kept)} particles on {where}, {result.diameter_A:.0f} A wide, "
        f"scores from {result.threshold:.3f}: {output / 'picks.star'}"
    )


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _workers(text: str) -> Workers:
    if text == "auto":
        return "auto"
    if not text.isdigit() or int(text) < 1:
        raise CryoAIError(
            f"'{text}' is no number of workers", remedy="Give --workers 1 or more, or auto"
        )
    return int(text)


def _tell(problem: CryoAIError, as_json: bool) -> None:
    click.echo(
        json.dumps({"problem": problem.as_json()}) if as_json else f"Error: {problem}",
        err=not as_json,
    )
