"""`cryoai train`: networks from simulated data, by one command."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from napari_cryoai.cli.common import workers_from
from napari_cryoai.cli.options import PATH, errors_told, params_from, params_options
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.guards import check_writable
from napari_cryoai.io.structures import structures_in
from napari_cryoai.io.weights import check_name
from napari_cryoai.jobs.executor import Workers
from napari_cryoai.jobs.run import run_to_console
from napari_cryoai.nets.distributed import Team, team
from napari_cryoai.picking.train import Trained, TrainPickerParams, train
from napari_cryoai.picking.training_split import split_structures

if TYPE_CHECKING:
    from napari_cryoai.picking.training_pool import Pool

PARTS = ("train", "validation")
SEEDS = {"train": 0, "validation": 1}
VALIDATION_SHARE = 0.1


@click.group("train")
def train_group() -> None:
    """Train the networks anew, on simulated data. Under torchrun on several graphics cards."""


@train_group.command("picker")
@click.option(
    "--structures",
    required=True,
    type=PATH,
    help="Folder of structures (.pdb, .cif, also .gz) to simulate particles of.",
)
@click.option("--output", required=True, type=PATH, help="Weights to write (.safetensors).")
@click.option(
    "--pool",
    type=PATH,
    help="Folder for simulated examples, kept for other trainings; beside the output if not given.",
)
@click.option(
    "--examples",
    type=click.IntRange(min=20),
    default=8000,
    show_default=True,
    help="To simulate; a tenth as many again to validate on.",
)
@click.option("--resume", is_flag=True, help="Go on with a training that was cut short.")
@click.option("--workers", default="auto", show_default=True, help="Processes that simulate.")
@click.option("--json", "as_json", is_flag=True, help="Report in JSON lines, for machines.")
@params_options(TrainPickerParams)
def train_picker(
    structures: Path,
    output: Path,
    pool: Path | None,
    examples: int,
    resume: bool,
    workers: str,
    as_json: bool,
    **values: Any,
) -> None:
    """Simulate micrographs of STRUCTURES, train the picker on them, validate and calibrate it.

    The structures are split by family: four in five are trained on, one in ten validates, and one
    in ten is left for tests.
    """
    with errors_told(as_json), team() as crew:
        params = params_from(TrainPickerParams, values)
        check_writable(check_name(output).parent)
        pools = _pools(
            structures_in(structures),
            pool or output.with_suffix(".pool"),
            examples,
            workers_from(workers),
            crew,
            as_json,
        )
        trained = run_to_console(
            train(
                params,
                *pools,
                crew=crew,
                checkpoint=output.with_suffix(".checkpoint"),
                resume=resume,
            ),
            "Training",
            json_lines=as_json,
        )
        if crew.leads:
            write_trained(output, trained, params, len(pools[0]))
            click.echo(f"{trained.validation.text()}: {output}")


def write_trained(output: Path, trained: Trained, params: TrainPickerParams, examples: int) -> None:
    """Write the weights with how they came about."""
    from napari_cryoai.picking.learned import save_picker

    facts = {
        "params": params.model_dump(mode="json"),
        "examples": examples,
        "steps": trained.steps,
        "hours": round(trained.seconds / 3600, 2),
        "validation": trained.validation.figures(),
        "date": datetime.now(UTC).date().isoformat(),
    }
    save_picker(output, trained.picker, facts)


def _pools(
    paths: list[Path], folder: Path, count: int, workers: Workers, crew: Team, as_json: bool
) -> list[Pool]:
    """Examples to train on and to validate with; the leading process makes what is missing."""
    from napari_cryoai.picking.training_pool import Pool, write_pool

    parts = dict(zip(PARTS, split_structures(paths)[:2], strict=True))
    if not all(parts.values()):
        raise CryoAIError(
            f"{len(paths)} structures are too few to keep some for validation",
            path=paths[0].parent,
            remedy="Give 20 or more, of different proteins",
        )
    sizes = {"train": count, "validation": max(20, round(VALIDATION_SHARE * count))}
    if crew.leads:
        for name, chosen in parts.items():
            job = write_pool(folder / name, sizes[name], chosen, SEEDS[name], workers)
            run_to_console(job, f"Simulating ({name})", json_lines=as_json)
    crew.wait()
    return [Pool(folder / name) for name in PARTS]
