"""Trains a latent space, for a thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Job


@dataclass(frozen=True)
class Trainer:
    """What trains.

    Attributes
    ----------
    methods
        The class of the parameters of each.
    job
        `(method, params, files, folder, resume=)`: reads, fits and writes.
    checkpoint
        The name of what a training that was cut short leaves in its folder.
    """

    methods: Mapping[str, type[Params]]
    job: Callable[..., Job[Any]]
    checkpoint: str


def load_trainer() -> Trainer:
    """The real one; for a thread, because it brings torch along."""
    from napari_cryoai.heterogeneity.train import CHECKPOINT, METHODS, train

    return Trainer({name: engine.params for name, engine in METHODS.items()}, train, CHECKPOINT)


def trained(
    trainer: Trainer,
    method: str,
    params: Params,
    files: ParticleFiles,
    folder: Path,
    *,
    resume: bool,
) -> Job[Path]:
    """Train, or go on with it; returns the folder, which can be opened."""
    yield from trainer.job(method, params, files, folder, resume=resume)
    return folder
