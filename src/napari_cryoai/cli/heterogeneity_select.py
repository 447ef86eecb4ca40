"""`cryoai heterogeneity select`: particles of a latent space as a file of the originals."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from napari_cryoai.cli.options import PATH, errors_told
from napari_cryoai.core.errors import CryoAIError, naming
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.core.selection_set import Mask
from napari_cryoai.heterogeneity.runs import read_run
from napari_cryoai.heterogeneity.selection.select import select_particles
from napari_cryoai.io.image_stacks import locate_image
from napari_cryoai.io.particle_export import OUTPUTS, export_particles
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.io.particle_tables import CS, STAR, open_table
from napari_cryoai.io.selections import read_selections

SELECTIONS = "selections.npz"


@click.command("select")
@click.argument("folder", metavar="DIR", type=PATH)
@click.option(
    "--where",
    "condition",
    help="Which particles, as in 'z1 > 0.5 and not (rlnDefocusU > 20000)'.",
)
@click.option("--selection", help=f"Name of a selection that was saved in {SELECTIONS}.")
@click.option("--output", required=True, type=PATH, help=f"File: {', '.join(OUTPUTS)}.")
@click.option(
    "--original",
    type=PATH,
    help="File (.star or .cs) of the particles before binning, to write the rows of instead.",
)
@click.option("--particles", type=PATH, help="Where the particles' file lies now, if it moved.")
@click.option("--root", type=PATH, help="Folder that the paths in these files are relative to.")
@click.option("--json", "as_json", is_flag=True, help="Report in JSON lines, for machines.")
def select_command(
    folder: Path,
    condition: str | None,
    selection: str | None,
    output: Path,
    original: Path | None,
    particles: Path | None,
    root: Path | None,
    as_json: bool,
) -> None:
    """Write particles of DIR, a latent space of ours or of cryoDRGN: those that fulfil a condition,
    those of a selection, or those of both.

    The file holds the rows of the file that was trained on, with all their columns as they were.
    A condition compares z1, z2, ..., columns of the training, and columns of the particles' file
    with numbers, joined by and, or, not.
    """
    with errors_told(as_json):
        table, files = read_run(folder, particles=particles, root=root)
        chosen = _chosen(table, files, condition, _mask(folder, selection, table))
        count = export_particles(
            files, table.rows[chosen], table.names[chosen], output, root=root, original=original
        )
        _tell(count, len(table), output, as_json)
        if root is None and not as_json:
            _warn_of_paths(original or files.particles, output)


def _mask(folder: Path, selection: str | None, table: LatentTable) -> Mask | None:
    """`(n,)`, the particles of a named selection."""
    if selection is None:
        return None
    found = read_selections(folder / SELECTIONS, table)
    with naming(folder / SELECTIONS):
        return found.mask(selection)


def _chosen(
    table: LatentTable, files: ParticleFiles, condition: str | None, mask: Mask | None
) -> NDArray[np.intp]:
    if condition is None and mask is None:
        raise CryoAIError(
            "nothing says which particles", remedy="Give --where, --selection or both"
        )
    chosen = np.arange(len(table))
    if condition is not None:
        chosen = select_particles(table, condition, files)
    if mask is not None:
        chosen = chosen[mask[chosen]]
    if not len(chosen):
        raise CryoAIError(
            f"no particle of {len(table):,} is chosen by that",
            remedy="Loosen the condition; 'cryoai heterogeneity select --help' says what it can "
            "compare",
        )
    return chosen


def _tell(count: int, total: int, output: Path, as_json: bool) -> None:
    if as_json:
        summary = {"particles": count, "of": total, "output": str(output)}
        click.echo(json.dumps({"result": summary}))
    else:
        click.echo(f"{count:,} of {total:,} particles: {output}")


def _warn_of_paths(source: Path, output: Path) -> None:
    """Rows are written as they were, so their paths may lead nowhere from another folder."""
    if output.suffix.lower() not in (STAR, CS):
        return
    try:
        found = locate_image(open_table(ParticleFiles(output)).names()[0], output)
    except CryoAIError:
        found = None
    if found is None:
        click.echo(
            f"Its images are named as in {source}, and not found from where it lies: name the "
            "folder of the project when you read it (--root), or write it there.",
            err=True,
        )
