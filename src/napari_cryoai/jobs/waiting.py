"""Long calls inside a job, which goes on telling that it lives and can be cancelled meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Generic, TypeVar

from napari_cryoai.jobs.progress import Job, Progress

Result = TypeVar("Result")

_TICK_S = 0.2


def waiting(call: Callable[[], Result], progress: Progress) -> Job[Result]:
    """Make a call in a thread, and yield `progress` again and again while it lasts.

    A job that is closed meanwhile ends at once; the call ends by itself and its result is lost, so
    it must not write anything.

    Returns
    -------
    result
        Of the call; what it raises is raised here.
    """
    future: Future[Result] = Future()
    Thread(target=_run, args=(call, future), daemon=True).start()
    while True:
        yield progress
        try:
            return future.result(timeout=_TICK_S)
        except TimeoutError:
            if future.done():  # it is the call that has run out of time
                raise


def beside(job: Job[Result]) -> Job[Result]:
    """Take the steps of a job in a thread, so that it tells and can be cancelled during each."""
    progress = Progress(0, 1)
    while True:
        step = yield from waiting(partial(_step, job), progress)
        if isinstance(step, _Ended):
            return step.result
        progress = step


@dataclass(frozen=True)
class _Ended(Generic[Result]):
    result: Result


def _step(job: Job[Result]) -> Progress | _Ended[Result]:
    try:
        return next(job)
    except StopIteration as stop:
        return _Ended(stop.value)


def _run(call: Callable[[], Result], future: Future[Result]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - raised again where the result is awaited
        future.set_exception(error)
