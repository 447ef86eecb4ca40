"""`cryoai ctf`: micrographs to their defocus."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

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
from napari_cryoai.particles.ctf_estimation import CtfParams
from napari_cryoai.particles.ctf_job import CtfResult, estimate_ctfs
from napari_cryoai.particles.ctf_output import STAR, FileStore, write_result


@click.command("ctf")
@click.argument("micrographs", nargs=-1, required=True, type=PATH, metavar="MICROGRAPH...")
@click.option("--output", required=True, type=PATH, help="Folder to write to.")
@pixel_size_option
@params_options(CtfParams)
@run_options
def ctf_command(
    micrographs: tuple[Path, ...],
    output: Path,
    pixel_size_A: float | None,
    workers: str,
    scheduler: str | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Estimate the defocus of micrographs (files, stacks or folders).

    Writes micrographs_ctf.star (RELION 3.1), a picture of each fit, and job.json. A run that was
    cut short goes on where it was.
    """
    with errors_told(as_json):
        params = params_from(CtfParams, values)
        opened, problems = open_set(micrographs, pixel_size_A)
        for problem in problems:
            tell(problem, as_json)
        count = workers_from(workers)
        result = run_ctf(params, opened, output, problems, count, scheduler, as_json)
        _summarise(result, output, as_json)
        _warn(without_rings(result, params), len(result.ctfs), as_json)


def run_ctf(
    params: CtfParams,
    micrographs: Sequence[Micrograph],
    output: Path,
    problems: Sequence[CryoAIError] = (),
    workers: Workers = "auto",
    scheduler: str | None = None,
    as_json: bool = False,
) -> CtfResult:
    """Estimate, and write what was found and how."""
    start = time.perf_counter()
    check_writable(output)
    store = FileStore(output, params, micrographs)
    job = estimate_ctfs(params, micrographs, store=store, workers=workers, scheduler=scheduler)
    result = run_to_console(job, "CTF", json_lines=as_json)
    written = write_result(result, micrographs, output)
    write_record(
        output,
        "ctf",
        params,
        inputs=dict.fromkeys(m.path for m in micrographs),
        outputs=written,
        problems=[*problems, *result.problems],
        seconds=time.perf_counter() - start,
    )
    store.remove()
    return result


def without_rings(result: CtfResult, params: CtfParams) -> list[str]:
    """Names of the micrographs on which no ring was found: their defocus is but a guess."""
    return [r.name for r in result.ctfs if r.fit_resolution_A > 0.999 * params.low_resolution_A]


def _warn(names: list[str], total: int, as_json: bool) -> None:
    if not names or as_json:  # in JSON the fit resolutions tell
        return
    listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    click.echo(
        f"Warning: no rings were found on {len(names)} of {total} ({listed}). Their defocus is a "
        "guess: check --pixel-size-A and --voltage-kV, or leave them out.",
        err=True,
    )


def _summarise(result: CtfResult, output: Path, as_json: bool) -> None:
    defocus_A = [row.defocus_A for row in result.ctfs]
    reach_A = float(np.median([row.fit_resolution_A for row in result.ctfs]))
    if as_json:
        summary = {
            "micrographs": len(result.ctfs),
            "defocus_A": {row.name: round(row.defocus_A, 1) for row in result.ctfs},
            "fit_resolution_A": {r.name: round(r.fit_resolution_A, 2) for r in result.ctfs},
            "median_fit_resolution_A": round(reach_A, 2),
            "output": str(output),
        }
        click.echo(json.dumps({"result": summary}))
        return
    click.echo(
        f"{counted(len(result.ctfs), 'micrograph')}, defocus {min(defocus_A) / 1e4:.2f} to "
        f"{max(defocus_A) / 1e4:.2f} um, rings fit to {reach_A:.1f} A (median): {output / STAR}"
    )
