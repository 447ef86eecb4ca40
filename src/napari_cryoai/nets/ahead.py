"""Batches made in threads before they are needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

BatchT = TypeVar("BatchT")


def ahead(make: Callable[[int], BatchT], first: int, threads: int) -> Generator[BatchT]:
    """`make(first)`, `make(first + 1)` and so on, made in threads before they are needed."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[BatchT]] = deque()
        try:
            while True:
                while len(waiting) <= threads:
                    waiting.append(pool.submit(make, first))
                    first += 1
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
