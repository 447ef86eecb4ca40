"""The options of every command that takes PARTICLES, of RELION, cryoSPARC or cryoDRGN."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from napari_cryoai.cli.options import PATH, Command
from napari_cryoai.io.particle_files import ParticleFiles

_NAMES = ("poses", "ctf", "indices", "root", "pixel_size_A", "uninvert_data", "shifts_in_pixels")


def particle_options(command: Command) -> Command:
    """`--poses`, `--ctf`, `--ind`, `--root`, `--pixel-size-A` and what else tells of particles.

    The command gets them as keyword arguments, which `particle_files` puts together.
    """
    options: list[Callable[[Command], Command]] = [
        click.option("--root", type=PATH, help="Folder that paths in PARTICLES are relative to."),
        click.option(
            "--pixel-size-A",
            "pixel_size_A",
            type=click.FloatRange(min=0, min_open=True),
            help="Of the images, whatever files and headers say. [A]",
        ),
        click.option("--poses", type=PATH, help="cryoDRGN's poses.pkl, for stacks (.mrcs)."),
        click.option("--ctf", type=PATH, help="cryoDRGN's ctf.pkl, for stacks (.mrcs)."),
        click.option(
            "--ind",
            "indices",
            type=PATH,
            help="Which particles to take: .pkl, .npz, .npy or text, counted from 0.",
        ),
        click.option("--uninvert-data", is_flag=True, help="The density is dark in the images."),
        click.option(
            "--shifts-in-pixels",
            is_flag=True,
            help="The shifts of --poses are in pixels, as cryodrgn abinit writes them.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def particle_files(particles: Path, values: dict[str, Any]) -> ParticleFiles:
    """The particles that a command was given; takes the values of `particle_options` out."""
    return ParticleFiles(particles, **{name: values.pop(name) for name in _NAMES})
