"""What the commands that train have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from napari_cryoai.cli.common import workers_from
from napari_cryoai.cli.options import PATH, Command, errors_told, params_from
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.guards import check_writable
from napari_cryoai.io.structures import structures_in
from napari_cryoai.io.weights import check_name
from napari_cryoai.jobs.executor import Workers
from napari_cryoai.jobs.progress import Job
from napari_cryoai.jobs.run import run_to_console
from napari_cryoai.nets.distributed import Team, team
from napari_cryoai.nets.run import TrainParams
from napari_cryoai.physics.simulators.structure_split import split_structures

PARTS = ("train", "validation")
SEEDS = {"train": 0, "validation": 1}
VALIDATION_SHARE = 0.1

PoolT = TypeVar("PoolT")
Made = TypeVar("Made", covariant=True)


class WritePool(Protocol[Made]):
    """Fills a folder with examples that are simulated."""

    def __call__(
        self, folder: Path, count: int, structures: Sequence[Path], seed: int, workers: Workers, /
    ) -> Job[Made]: ...


def training_options(examples: int) -> Callable[[Command], Command]:
    """Options of every training on simulated data; `examples` is how many there are by default."""
    options = (
        click.option(
            "--structures",
            required=True,
            type=PATH,
            help="Folder of structures (.pdb, .cif, also .gz) to simulate from.",
        ),
        click.option("--output", required=True, type=PATH, help="Weights to write (.safetensors)."),
        click.option(
            "--pool",
            type=PATH,
            help="Folder for simulated examples, kept for other trainings; beside the output if "
            "not given.",
        ),
        click.option(
            "--examples",
            type=click.IntRange(min=20),
            default=examples,
            show_default=True,
            help="To simulate; a tenth as many again to validate on.",
        ),
        click.option("--resume", is_flag=True, help="Go on with a training that was cut short."),
        click.option(
            "--workers", default="auto", show_default=True, help="Processes that simulate."
        ),
        click.option("--json", "as_json", is_flag=True, help="Report in JSON lines, for machines."),
    )

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def pools(
    write: WritePool[PoolT],
    opened: Callable[[Path], PoolT],
    paths: list[Path],
    folder: Path,
    count: int,
    workers: Workers,
    crew: Team,
    as_json: bool,
) -> tuple[PoolT, PoolT]:
    """Examples to train on and to validate with; the leading process makes what is missing.

    Structures that cannot be read are told, and left out.

    Raises
    ------
    CryoAIError
        If there are too few structures to keep some for validation.
    """

    def left_out(error: CryoAIError) -> None:
        if crew.leads:
            text = json.dumps({"problem": error.as_json()}) if as_json else f"Left out: {error}"
            click.echo(text, err=not as_json)

    parts = dict(zip(PARTS, split_structures(paths, left_out)[:2], strict=True))
    if not all(parts.values()):
        raise CryoAIError(
            f"{len(paths)} structures are too few to keep some for validation",
            path=paths[0].parent,
            remedy="Give 20 or more, of different proteins",
        )
    sizes = {"train": count, "validation": max(20, round(VALIDATION_SHARE * count))}
    if crew.leads:
        for name, chosen in parts.items():
            job = write(folder / name, sizes[name], chosen, SEEDS[name], workers)
            run_to_console(job, f"Simulating ({name})", json_lines=as_json)
    crew.wait()
    train, validation = (opened(folder / name) for name in PARTS)
    return train, validation


class Trained(Protocol):
    """What a training gave."""

    seconds: float

    def text(self) -> str:
        """How good it is, in one line."""

    def facts(self) -> dict[str, Any]:
        """For the record in the weights."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained from structures.

    Attributes
    ----------
    params
        What the user may choose.
    fill, opened
        Fills a folder with examples, and opens it.
    train
        The job.
    save
        Writes what it gave, with facts beside the weights.
    """

    params: type[TrainParams]
    fill: WritePool[Any]
    opened: Callable[[Path], Any]
    train: Callable[..., Job[Any]]
    save: Callable[[Path, Any, dict[str, Any]], None]


def run_training(
    recipe: Callable[[], Recipe],
    structures: Path,
    output: Path,
    pool: Path | None,
    examples: int,
    resume: bool,
    workers: str,
    as_json: bool,
    **values: Any,
) -> None:
    """What a command that trains does with `training_options` and those of the recipe's params."""
    with errors_told(as_json), team() as crew:
        chosen = recipe()
        params: TrainParams = params_from(chosen.params, values)
        check_writable(check_name(output).parent)
        paths, folder = structures_in(structures), pool or output.with_suffix(".pool")
        count = workers_from(workers)
        both = pools(chosen.fill, chosen.opened, paths, folder, examples, count, crew, as_json)
        checkpoint = output.with_suffix(".checkpoint")
        job = chosen.train(params, *both, crew=crew, checkpoint=checkpoint, resume=resume)
        trained: Trained = run_to_console(job, "Training", json_lines=as_json)
        if crew.leads:
            facts = training_facts(params, len(both[0]), trained.seconds)
            chosen.save(output, trained, facts | trained.facts())
            click.echo(f"{trained.text()}: {output}")


def training_facts(params: TrainParams, examples: int, seconds: float) -> dict[str, Any]:
    """How weights came about."""
    return {
        "params": params.model_dump(mode="json"),
        "examples": examples,
        "hours": round(seconds / 3600, 2),
        "date": datetime.now(UTC).date().isoformat(),
    }
