"""`cryoai train`: networks from simulated data, by one command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from napari_cryoai.building.training import train as building
from napari_cryoai.cli.options import params_options
from napari_cryoai.cli.training import Recipe, run_training, training_options
from napari_cryoai.maps import train as maps
from napari_cryoai.picking import train as picking


@click.group("train")
def train_group() -> None:
    """Train the networks anew, on simulated data. Under torchrun on several graphics cards.

    The structures are split by family: four in five are trained on, one in ten validates, and one
    in ten is left for tests.
    """


@train_group.command("picker")
@training_options(examples=8000)
@params_options(picking.TrainPickerParams)
def train_picker(**options: Any) -> None:
    """Simulate micrographs of STRUCTURES, train the picker on them, validate and calibrate it."""
    run_training(_picker, **options)


@train_group.command("map-denoiser")
@training_options(examples=700)
@params_options(maps.TrainMapDenoiserParams)
def train_map_denoiser(**options: Any) -> None:
    """Simulate densities of STRUCTURES, train a denoiser on half maps of them, and validate it.

    The noise of the half maps is drawn anew whenever one is shown.
    """
    run_training(_map_denoiser, **options)


@train_group.command("backbone")
@training_options(examples=800)
@params_options(building.TrainNetworksParams)
def train_backbone(**options: Any) -> None:
    """Simulate maps of STRUCTURES, train the networks that trace chains in them, and validate both.

    Resolution, noise, sharpening and masks are drawn anew whenever a map is shown.
    """
    run_training(_backbone, **options)


def _picker() -> Recipe:
    from napari_cryoai.picking.training_pool import Pool, write_pool

    return Recipe(picking.TrainPickerParams, write_pool, Pool, picking.train, save_trained_picker)


def _map_denoiser() -> Recipe:
    from napari_cryoai.maps.learned import LearnedDenoiser, save_denoiser
    from napari_cryoai.maps.training_scenes import STORE

    def save(output: Path, trained: maps.TrainedDenoiser, facts: dict[str, Any]) -> None:
        found = trained.validation
        denoiser = LearnedDenoiser(trained.network, found.surprise, found.floor)
        save_denoiser(output, denoiser, facts)

    return Recipe(maps.TrainMapDenoiserParams, STORE.write, STORE.open, maps.train, save)


def _backbone() -> Recipe:
    from napari_cryoai.building.tracing.networks import save_networks
    from napari_cryoai.building.training.scenes import STORE

    def save(output: Path, trained: building.TrainedNetworks, facts: dict[str, Any]) -> None:
        save_networks(output, trained.networks, facts)

    return Recipe(building.TrainNetworksParams, STORE.write, STORE.open, building.train, save)


def save_trained_picker(output: Path, trained: picking.Trained, facts: dict[str, Any]) -> None:
    """Write the weights with how they came about."""
    from napari_cryoai.picking.learned import save_picker

    save_picker(output, trained.picker, facts)
