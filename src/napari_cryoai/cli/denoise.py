"""`cryoai denoise`: maps that one can look at, and trust."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from napari_cryoai.cli.options import PATH, errors_told, params_from, params_options
from napari_cryoai.io.guards import check_writable
from napari_cryoai.io.maps import read_map
from napari_cryoai.jobs.record import write_record
from napari_cryoai.jobs.run import run_to_console
from napari_cryoai.maps.denoise import DenoisedMap, DenoiseParams, denoise
from napari_cryoai.maps.output import write_denoised

SIGNS = {"ok": "ok", "caution": "!", "fail": "FAIL"}


@click.group("denoise")
def denoise_group() -> None:
    """Take noise away, and say what else changed."""


@denoise_group.command("map")
@click.argument("half1", type=PATH)
@click.argument("half2", type=PATH, required=False)
@click.option("--output", required=True, type=PATH, help="Folder to write to.")
@click.option("--mask", type=PATH, help="Soft mask to take the FSC in; found if not given.")
@click.option(
    "--pixel-size-A",
    "pixel_size_A",
    type=click.FloatRange(min=0, min_open=True),
    help="Of the maps, whatever their headers say. [A]",
)
@params_options(DenoiseParams)
@click.option("--json", "as_json", is_flag=True, help="Report in JSON lines, for machines.")
def denoise_map_command(
    half1: Path,
    half2: Path | None,
    output: Path,
    mask: Path | None,
    pixel_size_A: float | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Denoise a map from its half maps HALF1 and HALF2, neither masked nor sharpened.

    Writes denoised.mrc, the denoised halves, confidence.mrc, and what the judge found: report.json,
    fsc.csv and fsc.png. A single map is denoised too, but nobody can verify the result.
    """
    with errors_told(as_json):
        params = params_from(DenoiseParams, values)
        found = run_denoise(params, half1, half2, mask, output, pixel_size_A, as_json)
        _summarise(found, output, as_json)


def run_denoise(
    params: DenoiseParams,
    half1: Path,
    half2: Path | None,
    mask: Path | None,
    output: Path,
    pixel_size_A: float | None = None,
    as_json: bool = False,
) -> DenoisedMap:
    """Denoise, and write what was found and how."""
    start = time.perf_counter()
    check_writable(output)
    first = read_map(half1, pixel_size_A)
    # Many programs write no origin: maps of the same box belong together all the same.
    second, soft = (
        None if path is None else replace(read_map(path, pixel_size_A), origin_A=first.origin_A)
        for path in (half2, mask)
    )
    job = denoise(params, first, second, soft)
    found = run_to_console(job, "Denoising", json_lines=as_json)
    written = write_denoised(found, output)
    write_record(
        output,
        "denoise map",
        params,
        inputs=[path for path in (half1, half2, mask) if path is not None],
        outputs=written,
        seed=params.seed,
        device=params.device,
        seconds=time.perf_counter() - start,
    )
    return found


def _summarise(found: DenoisedMap, output: Path, as_json: bool) -> None:
    if as_json:
        report = None if found.verdict is None else found.verdict.as_dict()
        click.echo(json.dumps({"result": {"output": str(output), "report": report}}))
        return
    click.echo(f"{output / 'denoised.mrc'}")
    if found.verdict is None:
        click.echo("The result was not judged.")
        return
    click.echo(found.verdict.sentence)
    for finding in found.verdict.findings:
        click.echo(f"  {SIGNS[finding.severity]:>4}  {finding.text}")
