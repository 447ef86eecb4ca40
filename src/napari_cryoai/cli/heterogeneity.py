"""`cryoai heterogeneity`: a latent space of particles, and what can be asked of it."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from napari_cryoai.cli.options import PATH, errors_told, params_from, params_options
from napari_cryoai.cli.particle_options import particle_files, particle_options
from napari_cryoai.heterogeneity.engines.vae import VaeParams
from napari_cryoai.heterogeneity.train import METHODS, train
from napari_cryoai.io.maps import read_map
from napari_cryoai.jobs.run import run_to_console

COMMANDS = {
    "decode": "Maps at places of the latent space.",
    "state": "The map of a state from the raw particles near a place.",
    "validate": "A decoded map against a reconstruction of its particles.",
    "select": "Particles of the latent space as a file of the originals.",
    "abinit": "Poses and a map from images alone.",
}
"""Commands with a module of their own, which is imported when it is asked for."""


class _Lazy(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = import_module(f"napari_cryoai.cli.heterogeneity_{cmd_name}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command


@click.group("heterogeneity", cls=_Lazy)
def heterogeneity_group() -> None:
    """Explore the continuous heterogeneity of particles whose poses are known."""


@heterogeneity_group.command("train")
@click.argument("particles", type=PATH)
@click.option("--output", required=True, type=PATH, help="Folder to write to.")
@click.option(
    "--method",
    type=click.Choice(list(METHODS)),
    default="covariance",
    show_default=True,
    help="Principal components, or an autoencoder that bends them.",
)
@click.option("--mask", type=PATH, help="Map, 1 where something may vary; found if not given.")
@particle_options
@params_options(VaeParams)
@click.option("--resume", is_flag=True, help="Go on with a training that was cut short.")
@click.option("--json", "as_json", is_flag=True, help="Report in JSON lines, for machines.")
def train_command(
    particles: Path,
    output: Path,
    method: str,
    mask: Path | None,
    resume: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Fit a latent space to PARTICLES (.star, .cs, or .mrcs with --poses and --ctf).

    Writes z.npz (places, their uncertainty, which particles), config.yaml, model.safetensors,
    training.csv, and the mean and the components in volumes/. While it runs, what it has found is
    kept in training.checkpoint every two minutes.
    """
    with errors_told(as_json):
        files = particle_files(particles, values)
        kind = METHODS[method].params
        mine = {name: values[name] for name in kind.model_fields}
        params = params_from(kind, mine)
        inside = None if mask is None else read_map(mask)
        job = train(method, params, files, output, mask=inside, resume=resume)
        found = run_to_console(job, "Latent space", json_lines=as_json)
        summary = {
            "particles": len(found.model.table),
            "held_out_gain": found.held_out.gain,
            "structure": found.held_out.text(),
            "halves": found.halves,
            "output": str(output),
        }
        if as_json:
            click.echo(json.dumps({"result": summary}))
        else:
            click.echo(f"{summary['particles']:,} particles: {output}")
            click.echo(found.held_out.text())
            click.echo(found.halves)
