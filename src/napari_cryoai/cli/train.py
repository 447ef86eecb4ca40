"""`cryoai train`: networks from simulated data, by one command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from napari_cryoai.cli.common import workers_from
from napari_cryoai.cli.options import errors_told, params_from, params_options
from napari_cryoai.cli.training import pools, training_facts, training_options
from napari_cryoai.io.guards import check_writable
from napari_cryoai.io.structures import structures_in
from napari_cryoai.io.weights import check_name
from napari_cryoai.jobs.run import run_to_console
from napari_cryoai.maps import train as maps
from napari_cryoai.nets.distributed import team
from napari_cryoai.picking import train as picking


@click.group("train")
def train_group() -> None:
    """Train the networks anew, on simulated data. Under torchrun on several graphics cards."""


@train_group.command("picker")
@training_options(examples=8000)
@params_options(picking.TrainPickerParams)
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
    from napari_cryoai.picking.training_pool import Pool, write_pool

    with errors_told(as_json), team() as crew:
        params = params_from(picking.TrainPickerParams, values)
        check_writable(check_name(output).parent)
        paths, folder = structures_in(structures), pool or output.with_suffix(".pool")
        count = workers_from(workers)
        both = pools(write_pool, Pool, paths, folder, examples, count, crew, as_json)
        checkpoint = output.with_suffix(".checkpoint")
        job = picking.train(params, *both, crew=crew, checkpoint=checkpoint, resume=resume)
        trained = run_to_console(job, "Training", json_lines=as_json)
        if crew.leads:
            write_picker(output, trained, params, len(both[0]))
            click.echo(f"{trained.validation.text()}: {output}")


@train_group.command("map-denoiser")
@training_options(examples=700)
@params_options(maps.TrainMapDenoiserParams)
def train_map_denoiser(
    structures: Path,
    output: Path,
    pool: Path | None,
    examples: int,
    resume: bool,
    workers: str,
    as_json: bool,
    **values: Any,
) -> None:
    """Simulate densities of STRUCTURES, train a denoiser on half maps of them, and validate it.

    The structures are split by family, as for the picker. The noise of the half maps is drawn anew
    whenever one is shown.
    """
    from napari_cryoai.maps.training_scenes import Scenes, write_scenes

    with errors_told(as_json), team() as crew:
        params = params_from(maps.TrainMapDenoiserParams, values)
        check_writable(check_name(output).parent)
        paths, folder = structures_in(structures), pool or output.with_suffix(".pool")
        count = workers_from(workers)
        both = pools(write_scenes, Scenes, paths, folder, examples, count, crew, as_json)
        checkpoint = output.with_suffix(".checkpoint")
        job = maps.train(params, *both, crew=crew, checkpoint=checkpoint, resume=resume)
        trained = run_to_console(job, "Training", json_lines=as_json)
        if crew.leads:
            write_map_denoiser(output, trained, params, len(both[0]))
            click.echo(f"{trained.validation.text()}: {output}")


def write_picker(
    output: Path, trained: picking.Trained, params: picking.TrainPickerParams, examples: int
) -> None:
    """Write the weights with how they came about."""
    from napari_cryoai.picking.learned import save_picker

    facts = training_facts(params, examples, trained.seconds) | {
        "steps": trained.steps,
        "validation": trained.validation.figures(),
    }
    save_picker(output, trained.picker, facts)


def write_map_denoiser(
    output: Path, trained: maps.Trained, params: maps.TrainMapDenoiserParams, examples: int
) -> None:
    """Write the weights with how they came about."""
    from napari_cryoai.maps.learned import LearnedDenoiser, save_denoiser

    facts = training_facts(params, examples, trained.seconds) | {
        "steps": trained.steps,
        "validation": trained.validation.figures(),
    }
    found = trained.validation
    denoiser = LearnedDenoiser(trained.network, found.surprise, found.floor)
    save_denoiser(output, denoiser, facts)
