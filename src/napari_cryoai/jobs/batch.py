"""A job over many items: what an earlier run left is kept, and a bad one does not stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.executor import Workers, map_ticking
from napari_cryoai.jobs.progress import Job, Progress

Item = TypeVar("Item")
Result = TypeVar("Result")


class Store(Generic[Result]):
    """Where results of single items outlive the job; this one keeps nothing."""

    def load(self, name: str) -> Result | None:
        """What an earlier run found for the item of that name, if it was the same job."""
        return None

    def save(self, name: str, found: Result) -> None:
        """Keep what was found."""


@dataclass(frozen=True, eq=False)
class Batch(Generic[Result]):
    """What came of the items.

    Attributes
    ----------
    found
        By the index of the item, in the order in which they were done.
    problems
        Why the others are missing.
    """

    found: dict[int, Result] = field(default_factory=dict)
    problems: list[CryoAIError] = field(default_factory=list)

    def ordered(self) -> list[Result]:
        """What was found, in the order of the items."""
        return [self.found[index] for index in sorted(self.found)]


def over_items(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    names: Sequence[str],
    *,
    store: Store[Result] | None = None,
    workers: Workers = 1,
    scheduler: str | None = None,
    preview: Callable[[Result, Batch[Result]], Any] | None = None,
    problems: Sequence[CryoAIError] = (),
) -> Job[Batch[Result]]:
    """Do the same to every item.

    Parameters
    ----------
    function, items, workers, scheduler
        See `jobs.executor.map_items`.
    names
        Of the items, for messages and the store.
    store
        Keeps the results, and knows those of a run that was cut short.
    preview
        What a front end is shown of a result; the result itself if not given.
    problems
        Of items that did not even get here; they count, and are told first.

    Yields
    ------
    progress
        One step per item, with its preview or the problem it had.

    Raises
    ------
    CryoAIError
        The first problem, if not one item could be done.
    """
    batch: Batch[Result] = Batch()
    total = len(items) + len(problems)
    for problem in problems:
        batch.problems.append(problem)
        yield Progress(len(batch.problems), total, "left out", problem=problem)
    for index, outcome in _outcomes(function, items, names, store or Store(), workers, scheduler):
        done = len(batch.found) + len(batch.problems)
        if index is None:
            yield Progress(done, total)
        elif isinstance(outcome, CryoAIError):
            batch.problems.append(outcome)
            yield Progress(done + 1, total, f"{names[index]} failed", problem=outcome)
        else:
            batch.found[index] = outcome
            shown = preview(outcome, batch) if preview else outcome
            yield Progress(done + 1, total, names[index], shown)
    if not batch.found and batch.problems:
        raise batch.problems[0]
    return batch


def _outcomes(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    names: Sequence[str],
    store: Store[Result],
    workers: Workers,
    scheduler: str | None,
) -> Iterator[tuple[int | None, Any]]:
    """What an earlier run left, then what is found now; no index now and then while waiting."""
    missing: list[int] = []
    for index, name in enumerate(names):
        kept = store.load(name)
        if kept is None:
            missing.append(index)
        else:
            yield index, kept
    todo = [items[index] for index in missing]
    for outcome in map_ticking(function, todo, workers=workers, scheduler=scheduler):
        if outcome is None:
            yield None, None
            continue
        index = missing[outcome[0]]
        if not isinstance(outcome[1], CryoAIError):
            store.save(names[index], outcome[1])
        yield index, outcome[1]
