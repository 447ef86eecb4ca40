"""The one exception that a user is meant to read."""

from __future__ import annotations

from os import PathLike


class CryoAIError(Exception):
    """Something the user can mend: what is wrong, in which file, and what to do about it.

    Parameters
    ----------
    problem
        What is wrong, as a sentence without a full stop.
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
        super().__init__(f"{place}{problem}. {remedy}.")
