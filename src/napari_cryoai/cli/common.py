"""What the commands that work on sets of micrographs share."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from napari_cryoai.cli.options import Command
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.io.micrographs import check_pixel_sizes, open_micrographs
from napari_cryoai.jobs.executor import Workers


def pixel_size_option(command: Command) -> Command:
    """`--pixel-size-A` of the micrographs."""
    return click.option(
        "--pixel-size-A",
        "pixel_size_A",
        type=click.FloatRange(min=0, min_open=True),
        help="Of the micrographs; as in their headers if not given. [A]",
    )(command)


def run_options(command: Command) -> Command:
    """`--workers`, `--scheduler` and `--json`."""
    options: list[Callable[[Command], Command]] = [
        click.option("--workers", default="auto", show_default=True, help="Processes, or 'auto'."),
        click.option("--scheduler", help="Address of a dask scheduler that does the work instead."),
        click.option("--json", "as_json", is_flag=True, help="Report in JSON lines, for machines."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def open_set(
    paths: Sequence[Path], pixel_size_A: float | None
) -> tuple[list[Micrograph], list[CryoAIError]]:
    """Open micrographs that all have a believable pixel size.

    Raises
    ------
    CryoAIError
        If none can be opened, or the pixel size has to be asked for.
    """
    opened, problems = open_micrographs(paths, pixel_size_A=pixel_size_A)
    if not opened:
        raise problems[0]
    question = check_pixel_sizes(opened)
    if question:
        raise CryoAIError(question.rstrip("."), remedy="Answer with --pixel-size-A")
    return opened, problems


def workers_from(text: str) -> Workers:
    """What `--workers` says."""
    if text == "auto":
        return "auto"
    if not text.isdigit() or int(text) < 1:
        raise CryoAIError(
            f"'{text}' is no number of workers", remedy="Give --workers 1 or more, or auto"
        )
    return int(text)


def counted(n: int, noun: str) -> str:
    """`1 micrograph`, `2 micrographs`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def tell(problem: CryoAIError, as_json: bool) -> None:
    """Print what went wrong with one item while the others go on."""
    click.echo(
        json.dumps({"problem": problem.as_json()}) if as_json else f"Error: {problem}",
        err=not as_json,
    )
