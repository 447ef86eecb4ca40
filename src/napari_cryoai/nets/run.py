"""A training under way, whatever is learned: stages, checkpoints, resume, several processes."""

from __future__ import annotations

import json
import os
import struct
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Generic, Literal, Protocol, Self, TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.atomic import replacing
from napari_cryoai.jobs.devices import choose_device, knows_bfloat16
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.nets.ahead import ahead
from napari_cryoai.nets.distributed import Team
from napari_cryoai.nets.trainer import Trainer

CHECKPOINT_S = 120.0
REPORT_S = 15.0

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

NetworkT = TypeVar("NetworkT", bound=nn.Module)


class TrainParams(Params):
    """How to train a network."""

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


class Batch(Protocol):
    """What is learned from in one step."""

    def to(self, device: torch.device) -> Self:
        """On another device."""


BatchT = TypeVar("BatchT", bound=Batch)


@dataclass(frozen=True)
class Stage(Generic[NetworkT, BatchT]):
    """A part of a training.

    Attributes
    ----------
    name
        As it is told.
    until
        Share of the whole training at which it ends.
    batch
        Makes the batch of a seed.
    loss
        Of a network on a batch, under the precision of the training.
    """

    name: str
    until: float
    batch: Callable[[tuple[int, ...]], BatchT]
    loss: Callable[[NetworkT, BatchT], Tensor]


class Run(Generic[NetworkT, BatchT]):
    """A training under way.

    Attributes
    ----------
    share
        Of it that is over.
    steps
        Taken in each of the stages.
    """

    def __init__(
        self,
        params: TrainParams,
        network: Callable[[], NetworkT],
        stages: Sequence[Stage[NetworkT, BatchT]],
        crew: Team | None = None,
    ):
        self.params, self.stages, self.team = params, stages, crew or Team()
        self.device = choose_device(params.device)
        if self.team.size > 1 and self.device.type == "cuda":
            self.device = torch.device("cuda", self.team.local_rank)
        torch.manual_seed(params.seed)
        self._trainer = self._fresh(network().to(self.device))
        self._stage = -1
        self.steps = [0] * len(stages)
        self.share = 0.0
        self._before_s, self._start = 0.0, time.monotonic()

    @property
    def averaged(self) -> NetworkT:
        """The network to use."""
        network: NetworkT = self._trainer.averaged  # type: ignore[assignment]
        return network

    @property
    def seconds(self) -> float:
        """That it took, runs before included."""
        return self._before_s + time.monotonic() - self._start

    def job(
        self, checkpoint: Path | None, resume: bool, glance: Callable[[NetworkT], str]
    ) -> Job[None]:
        """Train to the end.

        Parameters
        ----------
        checkpoint
            File that the training is saved to every few minutes.
        resume
            Whether to go on from the checkpoint, if there is one; all processes must see it.
        glance
            Says how good the network is, whenever the training is saved.

        Yields
        ------
        progress
            In per cent.

        Raises
        ------
        CryoAIError
            If the checkpoint is damaged, or one of another training.
        """
        if resume and checkpoint is not None and self.team.agree(checkpoint.exists(), self.device):
            self.restore(checkpoint)
        saved = time.monotonic()
        while self._enter_stage():
            with closing(self._learn()) as steps:
                for message in steps:
                    yield self._told(message)
                    if checkpoint and self.team.leads and time.monotonic() - saved > CHECKPOINT_S:
                        self.save(checkpoint)
                        found = glance(self.averaged)
                        saved = time.monotonic()
                        yield self._told(found)
        if checkpoint and self.team.leads:
            self.save(checkpoint)

    def save(self, checkpoint: Path) -> None:
        """Write all that `restore` needs."""
        state = {
            "params": _identity(self.params),
            "stage": self._stage,
            "steps": self.steps,
            "seconds": self.seconds,
            "trainer": self._trainer.state(),
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
                self._trainer.restore(state["trainer"])
                self._stage, self.steps = int(state["stage"]), list(state["steps"])
                self._before_s, self._start = float(state["seconds"]), time.monotonic()
        except DAMAGE as error:
            raise unusable("is no whole checkpoint of a training", checkpoint) from error
        if not same:
            raise unusable("was made by a training with other options", checkpoint)

    def _told(self, message: str) -> Progress:
        return Progress(int(100 * self.share), 100, message)

    def _bounds(self) -> tuple[float, float]:
        """Of the stage, as shares of the training."""
        return self.stages[self._stage - 1].until if self._stage else 0.0, self.stages[
            self._stage
        ].until

    def _enter_stage(self) -> bool:
        """Go to the stage that is next; whether there is one."""
        self._measure()
        if self._stage < 0:
            self._stage = 0
        while self.share >= self.stages[self._stage].until:
            if self._stage == len(self.stages) - 1:
                return False
            self._stage += 1
            self._trainer = self._fresh(self._trainer.network)
        return True

    def _measure(self) -> None:
        """Find out how far the training is; all processes have to."""
        if self.params.steps:
            self.share = min(1.0, sum(self.steps) / self.params.steps)
        else:
            share = self.seconds / (self.params.hours * 3600)
            self.share = min(1.0, self.team.agree(share, self.device))

    def _learn(self) -> Generator[str]:
        """Train to the end of the stage; says now and then how it goes."""
        stage, end = self.stages[self._stage], self.stages[self._stage].until

        def make(step: int) -> BatchT:
            return stage.batch((self.params.seed, self._stage, step, self.team.rank))

        threads = 1 if self.device.type == "cpu" else min(16, os.cpu_count() or 1)
        message, told, loss = stage.name, time.monotonic(), float("nan")
        with closing(ahead(make, self.steps[self._stage], threads)) as batches:
            while self.share < end:
                now = self._step(stage, next(batches))
                loss = now if loss != loss else SMOOTHING * loss + (1 - SMOOTHING) * now
                if time.monotonic() - told > REPORT_S:
                    told = time.monotonic()
                    message = f"{stage.name}, step {self.steps[self._stage]}, loss {loss:.3f}"
                yield message
                self._measure()

    def _step(self, stage: Stage[NetworkT, BatchT], batch: BatchT) -> float:
        begin, end = self._bounds()
        inside = (self.share - begin) / (end - begin)
        loss = self._trainer.step(partial(self._loss, stage, batch.to(self.device)), inside)
        self.steps[self._stage] += 1
        return loss

    def _loss(self, stage: Stage[NetworkT, BatchT], batch: BatchT) -> Tensor:
        network: NetworkT = self._trainer.network  # type: ignore[assignment]
        with self._autocast():
            return stage.loss(network, batch)

    def _fresh(self, network: nn.Module) -> Trainer:
        return Trainer(network, peak=self.params.learning_rate, team=self.team)

    def _autocast(self) -> AbstractContextManager[Any]:
        precision = self.params.precision
        if precision == "float32" or (precision == "auto" and not knows_bfloat16(self.device)):
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)


def _identity(params: TrainParams) -> str:
    """The parameters that a resumed training must share."""
    told = params.model_dump(mode="json", exclude={"hours", "steps", "device", "precision"})
    return json.dumps(told, sort_keys=True)


def unusable(problem: str, checkpoint: Path) -> CryoAIError:
    """What is said of a checkpoint that a training cannot go on from."""
    return CryoAIError(
        problem,
        path=checkpoint,
        remedy="Give the options of that training, or start anew without --resume",
    )
