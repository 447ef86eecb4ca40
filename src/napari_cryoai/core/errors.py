"""The one exception that a user is meant to read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from os import PathLike, fspath
from typing import Any


class CryoAIError(Exception):
    """Something the user can mend: what is wrong, in which file, and what to do about it.

    Parameters
    ----------
    problem
        What is wrong, as a sentence without a full stop, or a question.
    path
        The file concerned, if there is one.
    remedy
        What the user can do, as a sentence without a full stop.
    """

    def __init__(self, problem: str, *, path: str | PathLike[str] | None = None, remedy: str):
        self.problem = problem
        self.path = path
        self.remedy = remedy
        place = f"{path}: " if path is not None else ""
        stop = "" if problem.endswith("?") else "."
        super().__init__(f"{place}{problem}{stop} {remedy}.")

    def as_json(self) -> dict[str, str | None]:
        """The same three facts for machines and records."""
        path = None if self.path is None else fspath(self.path)
        return {"path": path, "problem": self.problem, "remedy": self.remedy}

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors travel back from worker processes; the default would lose the keyword arguments.
        return partial(type(self), path=self.path, remedy=self.remedy), (self.problem,)


@contextmanager
def naming(path: str | PathLike[str]) -> Iterator[None]:
    """Let errors that name no file name this one."""
    try:
        yield
    except CryoAIError as error:
        if error.path is not None:
            raise
        raise CryoAIError(error.problem, path=path, remedy=error.remedy) from None
