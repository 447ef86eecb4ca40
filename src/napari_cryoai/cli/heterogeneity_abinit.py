"""`cryoai heterogeneity abinit`: poses and a map from images alone."""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from napari_cryoai.cli.options import PATH, errors_told, params_from, params_options
from napari_cryoai.cli.particle_options import particle_files, particle_options
from napari_cryoai.core.errors import naming
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.engines.covariance import CovarianceParams
from napari_cryoai.heterogeneity.poses.abinit import AbInitio, AbInitioParams, abinit, check_images
from napari_cryoai.heterogeneity.poses.abinit_output import PARTICLES, with_poses, write_abinit
from napari_cryoai.heterogeneity.poses.abinit_states import poses_of_states
from napari_cryoai.heterogeneity.train import train
from napari_cryoai.io.guards import check_writable
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.io.particle_stacks import read_particles, write_particles
from napari_cryoai.jobs.curves_picture import resolution_text
from napari_cryoai.jobs.record import write_record
from napari_cryoai.jobs.run import run_to_console
from napari_cryoai.physics.symmetry import point_group


@click.command("abinit")
@click.argument("particles", type=PATH)
@click.option("--output", required=True, type=PATH, help="Folder to write to.")
@click.option(
    "--z-dim",
    type=click.IntRange(min=0, max=64),
    default=0,
    show_default=True,
    help="Dimensions of a latent space that is fitted too; the poses are then refined by state.",
)
@particle_options
@params_options(AbInitioParams)
@click.option("--json", "as_json", is_flag=True, help="Report in JSON lines, for machines.")
def abinit_command(particles: Path, output: Path, z_dim: int, as_json: bool, **values: Any) -> None:
    """Find the poses of PARTICLES (.star, .cs, or .mrcs with --ctf) and a map, from images alone.

    Writes particles.star with the poses, map.mrc (filtered by the FSC), half1.mrc, half2.mrc,
    fsc.csv and fsc.png. Poses that the particles have are not looked at. The hand of the map cannot
    be told from images: see hand.txt. With --z-dim, a latent space is written to latent/.
    """
    with errors_told(as_json):
        start = time.perf_counter()
        files = particle_files(particles, values)
        params = params_from(AbInitioParams, values)
        stack = files.read()
        check_writable(output)
        with naming(particles):
            check_images(stack)
        found = run_to_console(abinit(params, stack), "Ab initio", json_lines=as_json)
        written = write_abinit(found, stack, output)
        if z_dim:
            _states(params, found, stack, output, z_dim, as_json)
        write_record(
            output,
            "heterogeneity abinit",
            params,
            inputs=[particles],
            outputs=written,
            seed=params.seed,
            device=params.device,
            seconds=time.perf_counter() - start,
        )
        _summarise(found, output, as_json)


def _states(
    params: AbInitioParams,
    found: AbInitio,
    stack: ParticleStack,
    output: Path,
    z_dim: int,
    as_json: bool,
) -> None:
    """Fit a latent space, search the poses again with the maps of its states, and fit it again."""
    star, folder = output / PARTICLES, output / "latent"
    files = _written(star)
    kind = CovarianceParams(z_dim=z_dim, device=params.device, seed=params.seed)
    first = run_to_console(
        train("covariance", kind, files, folder), "Latent space", json_lines=as_json
    )
    box_A = stack.box_size_px * found.pixel_size_A
    radius = min(stack.box_size_px // 2 - 1, max(12, int(box_A / found.resolution_A) + 2))
    search = poses_of_states(
        first.model,
        stack,
        radius=radius,
        max_shift_A=params.max_shift_A,
        group=point_group(params.symmetry),
        seed=params.seed,
    )
    poses = run_to_console(search, "Poses by state", json_lines=as_json)
    write_particles(with_poses(stack, replace(found, poses=poses)), star)
    run_to_console(train("covariance", kind, files, folder), "Latent space", json_lines=as_json)


def _written(star: Path) -> ParticleFiles:
    """The particles of our own STAR file.

    It names stacks that are not near it by absolute paths, which are only followed in a root that
    is named.
    """
    names = read_particles(star, with_images=False).images.names() or ()
    folders = {Path(name.split("@", 1)[-1]).parent for name in names}
    far = bool(folders) and all(folder.is_absolute() for folder in folders)
    return ParticleFiles(star, root=Path(os.path.commonpath(folders)) if far else None)


def _summarise(found: AbInitio, output: Path, as_json: bool) -> None:
    resolution_A = found.resolution_A
    sure = float((found.poses.probability > 0.9).float().mean())
    if as_json:
        summary = {
            "particles": len(found.half),
            "resolution_A": resolution_A if math.isfinite(resolution_A) else None,
            "sure_poses": sure,
            "starts": found.starts,
            "explained": found.explained.share,
            "doubt": found.explained.doubt,
            "output": str(output),
        }
        click.echo(json.dumps({"result": summary}))
        return
    click.echo(
        f"{len(found.half):,} particles, {resolution_text(resolution_A)} (FSC 0.143), "
        f"{sure:.0%} with one likely pose: {output / 'map.mrc'}"
    )
    if found.explained.doubt:
        click.secho(found.explained.doubt, fg="yellow")
    click.echo(found.hand)
