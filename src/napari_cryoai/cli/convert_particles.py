"""`cryoai convert particles`: particle images between RELION, cryoSPARC and cryoDRGN."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from napari_cryoai.cli.options import PATH, errors_told
from napari_cryoai.cli.particle_options import particle_files, particle_options
from napari_cryoai.core.errors import CryoAIError, naming
from napari_cryoai.io.cryodrgn_writer import write_cryodrgn
from napari_cryoai.io.indices import read_indices
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.io.particle_stacks import write_particles


@click.command("particles")
@click.argument("particles", metavar="IN", type=PATH)
@click.argument("target", metavar="OUT", type=PATH)
@particle_options
def convert_particles(particles: Path, target: Path, **values: Any) -> None:
    """Convert particles (.star, .cs, or .mrcs with --poses and --ctf).

    OUT is a .star file, or a folder for cryoDRGN's poses.pkl and ctf.pkl (and ind.pkl if --ind is
    given). The images stay where they are.
    """
    with errors_told():
        files = particle_files(particles, values)
        if target.resolve() == particles.resolve():
            raise CryoAIError("is the file of the particles", path=target, remedy="Name another")
        if target.suffix.lower() not in (".star", ""):
            raise CryoAIError(
                "is neither a STAR file nor a folder",
                path=target,
                remedy="Name it .star, or give a folder for cryoDRGN's files",
            )
        count, written = _write(files, target)
        click.echo(f"{count:,} particles: {', '.join(map(str, written))}")


def _write(files: ParticleFiles, target: Path) -> tuple[int, list[Path]]:
    """How many particles were written, and where."""
    if target.suffix:
        stack = files.read()
        write_particles(stack, target)
        return len(stack), [target]
    # cryoDRGN wants poses and CTF of all, and which to take beside them.
    stack = replace(files, indices=None).read()
    rows = None if files.indices is None else read_indices(files.indices, len(stack))
    with naming(files.particles):
        written = write_cryodrgn(stack, target, rows=rows)
    return len(stack) if rows is None else len(rows), written
