"""The training job of the picker: first without labels, then with those of the simulation."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.atomic import replacing
from napari_cryoai.jobs.devices import choose_device, knows_bfloat16
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.nets.distributed import Team
from napari_cryoai.nets.trainer import Trainer
from napari_cryoai.picking.batches import Batch, Examples, batches_ahead, make_batch
from napari_cryoai.picking.learned import Picker
from napari_cryoai.picking.losses import picking_loss, restoring_loss
from napari_cryoai.picking.network import Architecture, Heads, PickerConfig, PickerNetwork
from napari_cryoai.picking.validation import Validation, validate

CHECKPOINT_S = 120.0
REPORT_S = 15.0
GLANCE = 64
"""Validation examples that are looked at whenever the training is saved."""

SMOOTHING = 0.98
"""Of the loss that is reported."""

DAMAGE = (
    UnpicklingError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    EOFError,
    OSError,
    struct.error,
)
"""What `torch.load` and those who use its answer raise when a file is none of ours."""


class TrainPickerParams(Params):
    """How to train a picker."""

    network: Architecture = Field(
        "transformer",
        title="Network",
        description="transformer, or a U-Net of the same size to compare it with.",
    )
    hours: float = Field(
        8.0,
        gt=0,
        le=1000,
        title="Hours",
        description="How long to train; the learning rate falls over this time.",
        json_schema_extra={"unit": "h"},
    )
    steps: int | None = Field(
        None, ge=2, title="Steps", description="Train for so many batches instead of a time."
    )
    pretrain: bool = Field(
        True,
        title="Pre-train",
        description="Spend the first part on restoring hidden patches, which needs no labels.",
    )
    pretrain_share: float = Field(
        0.2, gt=0, lt=1, title="Share", description="Of the training that is spent on that."
    )
    batch_size: int = Field(
        16, ge=1, le=4096, title="Batch size", description="Examples per step and process."
    )
    learning_rate: float = Field(
        1e-3, gt=0, lt=1, title="Learning rate", description="At its highest."
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        title="Precision",
        description="Of the arithmetic; auto takes bfloat16 where the processor knows it.",
    )
    device: str = Field(
        "auto", title="Device", description="auto, cpu, cuda, cuda:1, mps: where to compute."
    )
    seed: int = Field(0, ge=0, title="Seed", description="Of weights, order and augmentation.")


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
    checkpoint
        File that the training is saved to every few minutes.
    resume
        Whether to go on from the checkpoint, if there is one; all processes must see it.

    Yields
    ------
    progress
        In per cent.

    Raises
    ------
    CryoAIError
        If there are no examples, or the checkpoint is one of another training.
    """
    if not len(examples) or not len(validation):
        raise CryoAIError("there are no examples to learn from", remedy="Make a larger pool")
    crew = crew or Team()
    run = Run(params, crew)
    if resume and checkpoint is not None and crew.agree(checkpoint.exists(), run.device):
        run.restore(checkpoint)
    saved = time.monotonic()
    while run.enter_stage():
        with closing(_learn(run, examples)) as steps:
            for message in steps:
                yield Progress(int(100 * run.share), 100, message)
                if checkpoint and crew.leads and time.monotonic() - saved > CHECKPOINT_S:
                    run.save(checkpoint)
                    found = validate(run.averaged, validation, GLANCE)
                    saved = time.monotonic()
                    yield Progress(int(100 * run.share), 100, found.text())
    if checkpoint and crew.leads:
        run.save(checkpoint)
    yield Progress(99, 100, "Validating")
    found = validate(run.averaged, validation)
    yield Progress(100, 100, found.text())
    picker = Picker(run.averaged, found.calibration, familiar=found.familiar)
    return Trained(picker, found, (run.steps[0], run.steps[1]), run.seconds)


class Run:
    """A training under way.

    Attributes
    ----------
    share
        Of it that is over.
    steps
        Taken in each of the two stages.
    seconds
        That it took, runs before included.
    """

    def __init__(self, params: TrainPickerParams, crew: Team):
        self.params, self.team = params, crew
        self.device = choose_device(params.device)
        if crew.size > 1 and self.device.type == "cuda":
            self.device = torch.device("cuda", crew.local_rank)
        torch.manual_seed(params.seed)
        network = PickerNetwork(PickerConfig(architecture=params.network)).to(self.device)
        self.trainer = self._trainer(network)
        self.stage = -1
        self.steps = [0, 0]
        self.share = 0.0
        self._before_s, self._start = 0.0, time.monotonic()

    @property
    def network(self) -> PickerNetwork:
        """The one that learns."""
        network: PickerNetwork = self.trainer.network  # type: ignore[assignment]
        return network

    @property
    def averaged(self) -> PickerNetwork:
        """The one to use."""
        network: PickerNetwork = self.trainer.averaged  # type: ignore[assignment]
        return network

    @property
    def seconds(self) -> float:
        return self._before_s + time.monotonic() - self._start

    @property
    def bounds(self) -> tuple[float, float]:
        """Of the stage, as shares of the training."""
        middle = self.params.pretrain_share if self.params.pretrain else 0.0
        return (0.0, middle) if self.stage == 0 else (middle, 1.0)

    def enter_stage(self) -> bool:
        """Go to the stage that is next; whether there is one."""
        self.measure()
        if self.stage < 0:
            self.stage = 0
        if self.share >= self.bounds[1]:
            if self.stage == 1:
                return False
            self.stage = 1
            self.trainer = self._trainer(self.network)
        return True

    def measure(self) -> None:
        """Find out how far the training is; all processes have to."""
        if self.params.steps:
            self.share = min(1.0, sum(self.steps) / self.params.steps)
        else:
            share = self.seconds / (self.params.hours * 3600)
            self.share = min(1.0, self.team.agree(share, self.device))

    def step(self, batch: Batch) -> float:
        """Learn from a batch; the loss."""
        begin, end = self.bounds
        inside = (self.share - begin) / (end - begin)
        loss = self.trainer.step(partial(self._loss, batch.to(self.device)), inside)
        self.steps[self.stage] += 1
        return loss

    def save(self, checkpoint: Path) -> None:
        """Write all that `restore` needs."""
        state = {
            "params": _identity(self.params),
            "stage": self.stage,
            "steps": self.steps,
            "seconds": self.seconds,
            "trainer": self.trainer.state(),
        }
        with replacing(checkpoint) as part:
            torch.save(state, part)

    def restore(self, checkpoint: Path) -> None:
        """Go on where a run was cut short.

        Raises
        ------
        CryoAIError
            If the file is damaged, or of a training with other parameters.
        """
        try:
            state = torch.load(checkpoint, map_location=self.device, weights_only=True)
            same = state["params"] == _identity(self.params)
            if same:
                self.trainer.restore(state["trainer"])
                self.stage, self.steps = int(state["stage"]), list(state["steps"])
                self._before_s, self._start = float(state["seconds"]), time.monotonic()
        except DAMAGE as error:
            raise _unusable("is no whole checkpoint of a training", checkpoint) from error
        if not same:
            raise _unusable("was made by a training with other options", checkpoint)

    def _trainer(self, network: PickerNetwork) -> Trainer:
        return Trainer(network, peak=self.params.learning_rate, team=self.team)

    def _loss(self, batch: Batch) -> Tensor:
        with self._autocast():
            if self.stage == 0:
                picture = self.network.restore(batch.image, batch.hidden)
            else:
                heads = self.network(batch.image)
        if self.stage == 0:
            return restoring_loss(picture.float(), batch.image, batch.hidden)
        return picking_loss(Heads(*(t.float() for t in heads)), batch.targets)

    def _autocast(self) -> AbstractContextManager[object]:
        precision = self.params.precision
        if precision == "float32" or (precision == "auto" and not knows_bfloat16(self.device)):
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)


def _learn(run: Run, examples: Examples) -> Generator[str]:
    """Train to the end of the stage; says now and then how it goes."""
    params = run.params

    def make(step: int) -> Batch:
        seed = (params.seed, run.stage, step, run.team.rank)
        return make_batch(examples, params.batch_size, seed)

    threads = 1 if run.device.type == "cpu" else min(16, os.cpu_count() or 1)
    name = ("Restoring", "Picking")[run.stage]
    message, told, loss = name, time.monotonic(), float("nan")
    with closing(batches_ahead(make, run.steps[run.stage], threads)) as batches:
        while run.share < run.bounds[1]:
            now = run.step(next(batches))
            loss = now if loss != loss else SMOOTHING * loss + (1 - SMOOTHING) * now
            if time.monotonic() - told > REPORT_S:
                told = time.monotonic()
                message = f"{name}, step {run.steps[run.stage]}, loss {loss:.3f}"
            yield message
            run.measure()


def _identity(params: TrainPickerParams) -> str:
    """The parameters that a resumed training must share."""
    return params.model_dump_json(exclude={"hours", "steps", "device", "precision"})


def _unusable(problem: str, checkpoint: Path) -> CryoAIError:
    return CryoAIError(
        problem,
        path=checkpoint,
        remedy="Give the options of that training, or start anew without --resume",
    )
