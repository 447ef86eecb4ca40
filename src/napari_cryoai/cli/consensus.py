"""`cryoai consensus`: what several pickers agree on."""

from __future__ import annotations

from pathlib import Path

import click

from napari_cryoai.cli.evaluate import reference_for
from napari_cryoai.cli.options import PATH, errors_told
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.picks import read_picks, write_picks
from napari_cryoai.picking.consensus import consensus


@click.command("consensus")
@click.argument("picks", nargs=-1, required=True, type=PATH, metavar="PICKS...")
@click.option("--output", required=True, type=PATH, help="File to write; its ending says how.")
@click.option(
    "--radius-px",
    required=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Picks this close to each other are of one particle. [px]",
)
@click.option(
    "--votes",
    type=click.IntRange(min=1),
    help="How many of the sets have to agree; more than half if not given.",
)
def consensus_command(
    picks: tuple[Path, ...], output: Path, radius_px: float, votes: int | None
) -> None:
    """Merge sets of PICKS (files or folders of any format) into what they agree on.

    A particle is where at least so many sets have a pick; it lies at the mean of them, and its
    score is the share of the sets.
    """
    with errors_told():
        if output.resolve() in {path.resolve() for path in picks}:
            raise CryoAIError(
                "is one of the sets of picks", path=output, remedy="Give another --output"
            )
        first = read_picks(picks[0])
        tables = [first, *(reference_for(path, first.names) for path in picks[1:])]
        agreed = consensus(tables, radius_px, votes or len(tables) // 2 + 1)
        write_picks(agreed, output)
        before = ", ".join(f"{len(table):,}" for table in tables)
        click.echo(f"{len(agreed):,} particles that agree, of {before} picks: {output}")
