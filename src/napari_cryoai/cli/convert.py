"""`cryoai convert`: the same data in the format of another program."""

from __future__ import annotations

from pathlib import Path

import click

from napari_cryoai.cli.convert_particles import convert_particles
from napari_cryoai.cli.options import PATH, errors_told
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.picks import FORMATS, read_picks, write_picks

NAMES = click.Choice([f.name for f in FORMATS])


@click.group("convert")
def convert_group() -> None:
    """Convert files between programs."""


convert_group.add_command(convert_particles)


@convert_group.command("picks")
@click.argument("source", metavar="IN", type=PATH)
@click.argument("target", metavar="OUT", type=PATH)
@click.option(
    "--micrograph",
    "paths",
    multiple=True,
    type=PATH,
    help="Micrograph (or folder of them) that the picks are on; some formats need its shape.",
)
@click.option("--pixel-size-A", "pixel_size_A", type=float, help="Of the micrographs. [A]")
@click.option("--box-size-px", type=float, help="Side of the boxes, in formats that have some.")
@click.option("--from", "from_format", type=NAMES, help="Format of IN, if its ending misleads.")
@click.option("--to", "to_format", type=NAMES, help="Format of OUT, if its ending is not enough.")
def convert_picks(
    source: Path,
    target: Path,
    paths: tuple[Path, ...],
    pixel_size_A: float | None,
    box_size_px: float | None,
    from_format: str | None,
    to_format: str | None,
) -> None:
    """Convert picks of RELION, cryoSPARC, EMAN2, crYOLO and Topaz, and CSV; formats by ending.

    Formats that have one file for each micrograph are read from, and written to, folders.
    """
    with errors_told():
        micrographs = _open(paths, pixel_size_A)
        picks = read_picks(source, micrographs=micrographs, format=from_format)
        written = write_picks(
            picks, target, micrographs=micrographs, format=to_format, box_size_px=box_size_px
        )
        where = written[0] if len(written) == 1 else f"{len(written)} files in {target}"
        click.echo(f"{len(picks)} picks: {where}")


def _open(paths: tuple[Path, ...], pixel_size_A: float | None) -> list[Micrograph]:
    if not paths:
        return []
    micrographs, problems = open_micrographs(paths, pixel_size_A=pixel_size_A)
    if problems:
        raise CryoAIError(problems[0].problem, path=problems[0].path, remedy=problems[0].remedy)
    return micrographs
