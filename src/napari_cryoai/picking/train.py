"""The training job of the picker: first without labels, then with those of the simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field
from torch import Tensor

from napari_cryoai.jobs.progress import Job
from napari_cryoai.nets.distributed import Team
from napari_cryoai.nets.run import Run, Stage, TrainParams
from napari_cryoai.nets.trained import need_examples, trained
from napari_cryoai.picking.batches import Batch, Examples, make_batch
from napari_cryoai.picking.learned import Picker
from napari_cryoai.picking.losses import picking_loss, restoring_loss
from napari_cryoai.picking.network import Architecture, Heads, PickerConfig, PickerNetwork
from napari_cryoai.picking.validation import Validation, validate

GLANCE = 64
"""Validation examples that are looked at whenever the training is saved."""


class TrainPickerParams(TrainParams):
    """How to train a picker."""

    network: Architecture = Field(
        "transformer",
        title="Network",
        description="transformer, or a U-Net of the same size to compare it with.",
    )
    pretrain: bool = Field(
        True,
        title="Pre-train",
        description="Spend the first part on restoring hidden patches, which needs no labels.",
    )
    pretrain_share: float = Field(
        0.2, gt=0, lt=1, title="Share", description="Of the training that is spent on that."
    )


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training gave.

    Attributes
    ----------
    picker
        With averaged weights, calibrated on the validation examples.
    validation
        How well it does on them.
    steps
        Taken without labels, and with them.
    seconds
        Of training, over all runs that were resumed.
    """

    picker: Picker
    validation: Validation
    steps: tuple[int, int]
    seconds: float

    def text(self) -> str:
        """How good it is, in one line."""
        return self.validation.text()

    def facts(self) -> dict[str, Any]:
        """For the record in the weights."""
        return {"steps": self.steps, "validation": self.validation.figures()}


def train(
    params: TrainPickerParams,
    examples: Examples,
    validation: Examples,
    *,
    crew: Team | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Job[Trained]:
    """Train a picker.

    Parameters
    ----------
    examples
        To learn from, in the first stage without their labels.
    validation
        To judge and to calibrate by.
    crew
        The processes that train it together; this one alone, if not given.
    checkpoint, resume
        See `Run.job`.

    Yields
    ------
    progress
        In per cent.

    Raises
    ------
    CryoAIError
        If there are no examples, or the checkpoint is one of another training.
    """
    need_examples(examples, validation)
    config = PickerConfig(architecture=params.network)
    run = Run(params, lambda: PickerNetwork(config), _stages(params, examples), crew)
    glance, whole = (partial(validate, examples=validation, limit=n) for n in (GLANCE, None))
    done = yield from trained(run, checkpoint, resume, glance, whole)
    found = done.validation
    picker = Picker(done.network, found.calibration, familiar=found.familiar)
    return Trained(picker, found, (run.steps[0], run.steps[1]), done.seconds)


def _stages(params: TrainPickerParams, examples: Examples) -> Sequence[Stage[PickerNetwork, Batch]]:
    batch = partial(make_batch, examples, params.batch_size)
    middle = params.pretrain_share if params.pretrain else 0.0
    return (Stage("Restoring", middle, batch, _restoring), Stage("Picking", 1.0, batch, _picking))


def _restoring(network: PickerNetwork, batch: Batch) -> Tensor:
    picture = network.restore(batch.image, batch.hidden)
    return restoring_loss(picture.float(), batch.image, batch.hidden)


def _picking(network: PickerNetwork, batch: Batch) -> Tensor:
    return picking_loss(Heads(*(t.float() for t in network(batch.image))), batch.targets)
