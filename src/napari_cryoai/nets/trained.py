"""A training to its end: a network, and how well it does on what it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.nets.run import BatchT, NetworkT, Run


class Validation(Protocol):
    """How well a network does."""

    def text(self) -> str:
        """In one line."""

    def figures(self) -> dict[str, Any]:
        """For a record."""


class Figures:
    """A validation all of whose fields are numbers; base of dataclasses."""

    def figures(self) -> dict[str, float]:
        """For a record."""
        return {name: round(value, 4) for name, value in vars(self).items()}


ValidationT = TypeVar("ValidationT", bound=Validation)


@dataclass(frozen=True, eq=False)
class Trained(Generic[NetworkT, ValidationT]):
    """What a training gave.

    Attributes
    ----------
    network
        Of averaged weights.
    validation
        How well it does.
    steps
        Taken, in all stages.
    seconds
        Of training, over all runs that were resumed.
    """

    network: NetworkT
    validation: ValidationT
    steps: int
    seconds: float

    def text(self) -> str:
        """How good it is, in one line."""
        return self.validation.text()

    def facts(self) -> dict[str, Any]:
        """For the record in the weights."""
        return {"steps": self.steps, "validation": self.validation.figures()}


def trained(
    run: Run[NetworkT, BatchT],
    checkpoint: Path | None,
    resume: bool,
    glance: Callable[[NetworkT], Validation],
    validate: Callable[[NetworkT], ValidationT],
) -> Job[Trained[NetworkT, ValidationT]]:
    """Train to the end, and judge what came of it.

    Parameters
    ----------
    run
        The training, not yet begun.
    checkpoint, resume
        See `Run.job`.
    glance, validate
        Judge a network: quickly, whenever the training is saved; and at the end.

    Yields
    ------
    progress
        In per cent.

    Raises
    ------
    CryoAIError
        If the checkpoint is damaged, or one of another training.
    """
    yield from run.job(checkpoint, resume, lambda network: glance(network).text())
    yield Progress(99, 100, "Validating")
    found = validate(run.averaged)
    yield Progress(100, 100, found.text())
    return Trained(run.averaged, found, sum(run.steps), run.seconds)


def need_examples(*pools: Sized) -> None:
    """Raise a `CryoAIError` if there is nothing to learn from, or to judge by."""
    if not all(len(pool) for pool in pools):
        raise CryoAIError("there is nothing to learn from", remedy="Make more examples")
