"""`cryoai heterogeneity validate`: what the particles of a selection show by themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from napari_cryoai.cli.options import PATH, errors_told, params_from, params_options
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.halves import halves_told
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.analysis.leakage import groups_of, leakage_job, properties_of
from napari_cryoai.heterogeneity.output import read_model
from napari_cryoai.heterogeneity.runs import read_run
from napari_cryoai.heterogeneity.selection.select import select_particles
from napari_cryoai.heterogeneity.validate import validate
from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.guards import check_writable
from napari_cryoai.io.indices import read_indices
from napari_cryoai.io.maps import write_map
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.jobs.run import run_to_console
from napari_cryoai.reconstruction.output import write_reconstruction
from napari_cryoai.reconstruction.reconstruct import Reconstruction, ReconstructParams, reconstruct

Rows = NDArray[np.intp]


@click.command("validate")
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--where", "condition", help="Which particles, as in 'z1 > 0.5'.")
@click.option("--selection", type=PATH, help="File of their numbers: .ind, .npz, .pkl, text.")
@click.option("--output", required=True, type=PATH, help="Folder to write to.")
@click.option("--particles", type=PATH, help="Where the particles' file lies now, if it moved.")
@click.option("--root", type=PATH, help="Folder that the paths in it are relative to.")
@params_options(ReconstructParams)
@click.option("--json", "as_json", is_flag=True, help="Report in JSON lines, for machines.")
def validate_command(
    folder: Path,
    condition: str | None,
    selection: Path | None,
    output: Path,
    particles: Path | None,
    root: Path | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Reconstruct a selection of particles, and compare the decoded map of DIR with it.

    Writes the half maps and maps of `cryoai reconstruct`, decoded.mrc, difference.mrc,
    local_resolution.mrc, and validation.json with what z knows of poses and defocus.
    """
    with errors_told(as_json):
        check_writable(output)
        params = params_from(ReconstructParams, values)
        model = read_model(folder)
        table, files = read_run(folder, particles=particles, root=root)
        rows = _chosen(table, files, condition, selection)
        stack = files.read()
        job = validate(model, stack, rows, lambda some: reconstruct(params, some))
        found = run_to_console(job, "Validation", json_lines=as_json)
        if isinstance(found.reconstruction, Reconstruction):
            write_reconstruction(found.reconstruction, output)
        write_map(output / "decoded.mrc", found.decoded)
        write_map(output / "difference.mrc", found.difference)
        write_map(output / "local_resolution.mrc", found.local_resolution_A)
        leaks = run_to_console(
            leakage_job(table.mean, properties_of(stack), groups_of(stack)),
            "What z knows",
            json_lines=as_json,
        )
        told = {
            "particles": found.particles,
            "resolution_A": _finite(found.resolution_A),
            "agreement_A": _finite(found.agreement_A),
            "text": found.text(),
            "halves": halves_told(stack.select(rows), params.seed),
            "leakage": [leak.text() for leak in leaks],
        }
        write_text(output / "validation.json", json.dumps(told, indent=2) + "\n")
        if as_json:
            click.echo(json.dumps({"result": told}))
        else:
            click.echo(found.text())
            click.echo(told["halves"])
            for leak in leaks:
                click.echo(f"  {leak.text()}")


def _chosen(
    table: LatentTable, files: ParticleFiles, condition: str | None, selection: Path | None
) -> Rows:
    if (condition is None) == (selection is None):
        raise CryoAIError(
            "which particles are meant is not said, or said twice",
            remedy="Give either --where or --selection",
        )
    if selection is not None:
        return read_indices(selection, len(table))
    return select_particles(table, condition or "", files)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
