"""One function over many items: here, on the cores of this machine, or on a cluster."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import psutil

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.cluster import connected, local_cluster

if TYPE_CHECKING:
    from distributed import Client

Item = TypeVar("Item")
Result = TypeVar("Result")
Workers = int | Literal["auto"]
Ends = TypeVar("Ends")
Outcomes = Generator[tuple[int, Result | CryoAIError] | None, None, Ends]
"""Index and result of an item, or None where the time has come for a sign of life."""

_SMALL_SET = 8
_TICK_S = 0.2
logger = logging.getLogger(__name__)


def default_workers(items: int) -> int:
    """How many processes are worth starting for so many items.

    One per physical core that this process may use, at most one for two items; for a small set
    none but this one, since a cluster of processes takes seconds to start.
    """
    if items < _SMALL_SET:
        return 1
    physical = psutil.cpu_count(logical=False) or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, min(physical, allowed, items // 2))


def map_items(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: Workers = 1,
    scheduler: str | None = None,
) -> Generator[tuple[int, Result | CryoAIError], None, None]:
    """Apply `function` to every item; closing the iterator cancels what is under way.

    Parameters
    ----------
    function
        Called once per item, in another process unless `workers` is 1. It and its results are sent
        between processes.
    items
        Best small: paths rather than pixels.
    workers
        Processes on this machine; "auto" for `default_workers`.
    scheduler
        Address of a running dask scheduler that does the work instead.

    Yields
    ------
    index
        Of the item; items are done in no particular order.
    result
        What `function` returned or, if the item failed, why. The others go on.

    Raises
    ------
    CryoAIError
        If the scheduler cannot be reached, or goes away.
    """
    with closing(map_ticking(function, items, workers=workers, scheduler=scheduler)) as outcomes:
        for outcome in outcomes:
            if outcome is not None:
                yield outcome


def map_ticking(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: Workers = 1,
    scheduler: str | None = None,
) -> Outcomes[Result, None]:
    """`map_items` that also yields None five times a second while it waits for other processes.

    For jobs that a window must be able to cancel between two results.
    """
    if workers != "auto" and workers < 1:
        raise CryoAIError("there must be at least one worker", remedy="Give 1 or more, or 'auto'")
    count = min(default_workers(len(items)) if workers == "auto" else workers, len(items))
    guarded = partial(_guarded, function)
    if scheduler is None and count <= 1:
        for index, item in enumerate(items):
            yield index, guarded(item)
    elif scheduler is None:
        with local_cluster(count) as client:
            yield from _map_remote(client, guarded, items, window=count)
    else:
        with connected(scheduler) as client:
            yield from _map_remote(client, guarded, items, window=len(items))


def _map_remote(
    client: Client,
    guarded: Callable[[Item], Result | CryoAIError],
    items: Sequence[Item],
    window: int,
) -> Outcomes[Result, None]:
    # Whose worker died may have had a greedy neighbour: it has a second try, all alone.
    suspects = yield from _submit(client, guarded, items, range(len(items)), window)
    for index in (yield from _submit(client, guarded, items, suspects, 1)):
        yield index, _worker_died()


def _submit(
    client: Client,
    guarded: Callable[[Item], Result | CryoAIError],
    items: Sequence[Item],
    indices: Iterable[int],
    window: int,
) -> Outcomes[Result, list[int]]:
    """Keep `window` items under way; return those whose worker died."""
    finished: SimpleQueue[Any] = SimpleQueue()
    running: dict[Any, int] = {}
    waiting, died = deque(indices), []
    try:
        while waiting or running:
            while waiting and len(running) < window:
                index = waiting.popleft()
                future = client.submit(guarded, items[index], pure=False)
                running[future] = index
                future.add_done_callback(finished.put)
            try:
                future = finished.get(timeout=_TICK_S)
            except Empty:
                _check_alive(client)
                yield None
                continue
            index, outcome = running.pop(future), _outcome(client, future)
            if outcome is None:
                died.append(index)
            else:
                yield index, outcome[0]
    finally:
        client.cancel(list(running))
    return died


def _outcome(client: Client, future: Any) -> tuple[Any] | None:
    """What the item came to; None if the worker died of it."""
    from distributed import KilledWorker

    try:
        if future.status == "finished":
            return (future.result(),)
        if future.status == "error":
            # The function guards itself: what fails is a worker, or sending things to it.
            raise future.exception()
    except KilledWorker:
        return None
    except Exception as error:
        logger.exception("an item could not be sent to a worker, or its result back")
        return (_unexpected(error),)
    raise _scheduler_gone(client)


def _guarded(function: Callable[[Item], Result], item: Item) -> Result | CryoAIError:
    """The job boundary: no error of one item ends the work on the others."""
    try:
        return function(item)
    except CryoAIError as error:
        return error
    except MemoryError:
        return CryoAIError(
            "there is not enough memory for it", remedy="Use fewer workers, or a larger machine"
        )
    except Exception as error:
        logger.exception("an item failed unexpectedly")
        return _unexpected(error)


def _unexpected(error: BaseException) -> CryoAIError:
    found = CryoAIError(
        f"it failed unexpectedly ({type(error).__name__}: {error})",
        remedy="Please report this, with the file if you can share it",
    )
    found.__cause__ = error
    return found


def _worker_died() -> CryoAIError:
    return CryoAIError(
        "the process that worked on it died twice, probably for want of memory",
        remedy="Use fewer workers, or a larger machine",
    )


def _check_alive(client: Client) -> None:
    if client.status not in ("running", "connecting"):
        raise _scheduler_gone(client)


def _scheduler_gone(client: Client) -> CryoAIError:
    return CryoAIError(
        f"the dask scheduler went away ({client.status})",
        remedy="Start it again and run the same command: finished items are kept",
    )
