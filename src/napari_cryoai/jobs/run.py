"""Running a job from the command line: a bar, a clean Ctrl+C, an exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, closing, nullcontext
from typing import Any, NoReturn, Protocol, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.progress import Job, Progress

Result = TypeVar("Result")

BAD_INPUT = 2
CANCELLED = 130
"""Exit codes: of a `CryoAIError`, and of Ctrl+C as shells have it."""


class Reporter(Protocol):
    """Shows how far a job is."""

    def report(self, progress: Progress) -> None:
        """Show it."""
        ...

    def fail(self, error: CryoAIError) -> None:
        """Show what ended the job."""
        ...


def run_to_console(
    job: Job[Result], title: str = "", *, json_lines: bool = False, console: Console | None = None
) -> Result:
    """Run a job to its end and show how far it is.

    Parameters
    ----------
    job
        The job, not yet started.
    title
        What stands before the bar.
    json_lines
        Print a JSON object per step on stdout instead, for machines.
    console
        Where the bar goes; stderr by default, so that results can be piped.

    Returns
    -------
    result
        What the job returned.

    Raises
    ------
    SystemExit
        With 2 after a `CryoAIError`, which has been printed, with 130 after Ctrl+C.
    """
    console = console or Console(stderr=True)
    with closing(job), _reporter(title, json_lines, console) as reporter:
        try:
            return _drive(job, reporter)
        except CryoAIError as error:
            reporter.fail(error)
            _leave(BAD_INPUT, error)
        except KeyboardInterrupt as interrupt:
            job.close()
            console.print("Cancelled", highlight=False)
            _leave(CANCELLED, interrupt)


def _drive(job: Generator[Progress, None, Result], reporter: Reporter) -> Result:
    while True:
        try:
            progress = next(job)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        reporter.report(progress)


def _leave(code: int, cause: BaseException) -> NoReturn:
    raise SystemExit(code) from cause


def _reporter(title: str, json_lines: bool, console: Console) -> AbstractContextManager[Reporter]:
    if json_lines:
        return nullcontext(_JsonLines())
    return _BarReporter(title, console) if console.is_terminal else nullcontext(_Lines(console))


class _JsonLines:
    def report(self, progress: Progress) -> None:
        line = {"done": progress.done, "total": progress.total, "message": progress.message}
        problem = progress.problem
        self._write(line if problem is None else line | {"problem": problem.as_json()})

    def fail(self, error: CryoAIError) -> None:
        self._write({"error": error.as_json()})

    def _write(self, line: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


class _Lines:
    """For log files: a line per step, none twice."""

    def __init__(self, console: Console):
        self._console = console
        self._last: tuple[int, str] | None = None

    def report(self, progress: Progress) -> None:
        if progress.problem is not None:
            self.fail(progress.problem)
        elif self._last != (progress.done, progress.message):
            self._last = progress.done, progress.message
            line = f"{progress.done}/{progress.total} {progress.message}".rstrip()
            _print(self._console, line)

    def fail(self, error: CryoAIError) -> None:
        _print(self._console, f"Error: {error}")


class _BarReporter:
    def __init__(self, title: str, console: Console):
        self._title = title
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Reporter:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def report(self, progress: Progress) -> None:
        if self._task is None:
            self._task = self._bar.add_task(self._title)
        text = f"{self._title} {progress.message}".strip()
        self._bar.update(
            self._task, completed=progress.done, total=progress.total, description=text
        )
        if progress.problem is not None:
            self.fail(progress.problem)

    def fail(self, error: CryoAIError) -> None:
        self._bar.console.print(
            f"[red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True
        )


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
