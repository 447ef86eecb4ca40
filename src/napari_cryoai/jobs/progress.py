"""The protocol of a job: a generator that yields `Progress` and returns its result."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from napari_cryoai.core.errors import CryoAIError

Result = TypeVar("Result")


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes
    ----------
    done, total
        In items of the job's own choice.
    message
        What has just been done, or what failed, in a few words.
    preview
        A partial result that a front end may show, of a type the job documents.
    problem
        Why an item has just failed, the others going on; None otherwise. Front ends list these.
    """

    done: int
    total: int
    message: str = ""
    preview: Any = None
    problem: CryoAIError | None = None


Job = Generator[Progress, None, Result]
"""A running job. `close()` cancels it within a second and leaves no half-written file."""


def part(job: Job[Result], first: int, last: int) -> Job[Result]:
    """Run a job as a part of another one, from `first` to `last` per cent of it."""
    while True:
        try:
            step = next(job)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        share = step.done / step.total if step.total else 0.0
        yield replace(step, done=round(first + share * (last - first)), total=100)


def finish(job: Job[Result]) -> Result:
    """Run a job to its end, silently.

    Returns
    -------
    result
        What the job returned.
    """
    while True:
        try:
            next(job)
        except StopIteration as stop:
            result: Result = stop.value
            return result
