"""Running a job from the command line: a bar, a clean Ctrl+C, an exit code."""

from __future__ import annotations

import json
import signal
import sys
import threading
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
    with closing(job), _CtrlC() as ctrl_c, _reporter(title, json_lines, console) as reporter:
        try:
            return _drive(job, reporter, ctrl_c)
        except CryoAIError as error:
            reporter.fail(error)
            _leave(BAD_INPUT, error)
        except KeyboardInterrupt as interrupt:
            job.close()
            console.print("Cancelled", highlight=False)
            _leave(CANCELLED, interrupt)


class _CtrlC:
    """Remembers that Ctrl+C was pressed.

    Python drops a `KeyboardInterrupt` that happens to fall into a destructor, and the job would go
    on as if nothing had been pressed.
    """

    def __init__(self) -> None:
        self.pressed = False
        self._before: Any = None

    def __enter__(self) -> _CtrlC:
        here = threading.current_thread() is threading.main_thread()
        if here and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _press(self, *_: object) -> None:
        self.pressed = True
        raise KeyboardInterrupt


def _drive(job: Generator[Progress, None, Result], reporter: Reporter, ctrl_c: _CtrlC) -> Result:
    while True:
        if ctrl_c.pressed:
            raise KeyboardInterrupt
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
