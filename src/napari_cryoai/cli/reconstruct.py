"""`cryoai reconstruct`: particles with poses to a map."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import click

from napari_cryoai.cli.options import PATH, errors_told, params_from, params_options
from napari_cryoai.cli.particle_options import particle_files, particle_options
from napari_cryoai.core.errors import naming
from napari_cryoai.core.halves import split_halves
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.io.guards import check_writable
from napari_cryoai.jobs.record import write_record
from napari_cryoai.jobs.run import run_to_console
from napari_cryoai.reconstruction.fsc_picture import resolution_text
from napari_cryoai.reconstruction.output import FileStore, write_reconstruction
from napari_cryoai.reconstruction.reconstruct import (
    Reconstruction,
    ReconstructParams,
    check_particles,
    reconstruct,
)


@click.command("reconstruct")
@click.argument("particles", type=PATH)
@click.option("--output", required=True, type=PATH, help="Folder to write to.")
@particle_options
@params_options(ReconstructParams)
@click.option("--json", "as_json", is_flag=True, help="Report in JSON lines, for machines.")
def reconstruct_command(
    particles: Path,
    output: Path,
    as_json: bool,
    **values: Any,
) -> None:
    """Reconstruct a map from PARTICLES (.star, .cs, .mrcs with --poses) whose poses are known.

    Writes half1.mrc, half2.mrc, map.mrc (filtered by the FSC), map_sharpened.mrc, mask.mrc, fsc.csv
    and fsc.png. A run that was cut short goes on where it was.
    """
    with errors_told(as_json):
        stack = particle_files(particles, values).read()
        params = params_from(ReconstructParams, values)
        found = run_reconstruct(params, stack, particles, output, as_json)
        _summarise(found, len(stack), output, as_json)


def run_reconstruct(
    params: ReconstructParams,
    stack: ParticleStack,
    particles: Path,
    output: Path,
    as_json: bool = False,
) -> Reconstruction:
    """Reconstruct, and write what was found and how."""
    start = time.perf_counter()
    check_writable(output)
    with naming(particles):
        check_particles(stack)
        split_halves(stack, params.seed)
    store = FileStore(output, params, particles, stack)
    found = run_to_console(
        reconstruct(params, stack, store=store), "Reconstruction", json_lines=as_json
    )
    written = write_reconstruction(found, output)
    write_record(
        output,
        "reconstruct",
        params,
        inputs=[particles],
        outputs=written,
        seed=params.seed,
        device=params.device,
        seconds=time.perf_counter() - start,
    )
    store.remove()
    return found


def _summarise(found: Reconstruction, count: int, output: Path, as_json: bool) -> None:
    resolution_A = found.resolution_A
    if as_json:
        summary = {
            "particles": count,
            "resolution_A": resolution_A if math.isfinite(resolution_A) else None,
            "b_factor_A2": found.b_factor_A2,
            "output": str(output),
        }
        click.echo(json.dumps({"result": summary}))
        return
    sharp = "" if found.b_factor_A2 is None else f", B factor {found.b_factor_A2:.0f} A^2"
    click.echo(
        f"{count:,} particles, {resolution_text(resolution_A)} (FSC 0.143){sharp}: "
        f"{output / 'map.mrc'}"
    )
