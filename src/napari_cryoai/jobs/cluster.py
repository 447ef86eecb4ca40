"""Dask clusters: processes of this machine, or a scheduler that runs already."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from napari_cryoai.core.errors import CryoAIError

if TYPE_CHECKING:
    from distributed import Client

# `distributed` takes a third of a second to import, `asyncio` a part of it: who uses them pays.

_CONNECT_S = 10
_GRACE_S = 0.2


@contextlib.contextmanager
def local_cluster(workers: int) -> Iterator[Client]:
    """A cluster of single-threaded processes that listens on this machine alone.

    It ends within a second of the block, whatever its processes are doing.
    """
    from distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
        preload="napari_cryoai.jobs.worker",
        # An item that killed its worker is tried again by us, with no other beside it.
        scheduler_kwargs={"allowed_failures": 0, "dashboard": False},
    )
    try:
        with Client(cluster, set_as_default=False) as client:
            try:
                yield client
            finally:
                cluster.sync(_stop_workers, cluster)
    finally:
        cluster.close(timeout=2)


@contextlib.contextmanager
def connected(scheduler: str) -> Iterator[Client]:
    """A client of the scheduler at that address.

    Raises
    ------
    CryoAIError
        If nothing answers there.
    """
    from distributed import Client

    try:
        client = Client(scheduler, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise CryoAIError(
            f"no dask scheduler answers at {scheduler}",
            remedy="Check the address (tcp://host:8786) and that `dask scheduler` runs there",
        ) from error
    with client:
        yield client


async def _stop_workers(cluster: Any) -> None:
    import asyncio

    nannies = cluster.workers.values()
    await asyncio.gather(*(nanny.close(timeout=_GRACE_S) for nanny in nannies))
