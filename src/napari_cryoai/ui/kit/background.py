"""Short work off the main thread: reading, filtering, comparing; and its results, back on it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal

from napari_cryoai.core.errors import CryoAIError

log = logging.getLogger(__name__)


class Background(QObject):
    """Runs functions in a few threads and hands their results to the main thread.

    Signals
    -------
    failed(error)
        A `CryoAIError`, whatever went wrong: the user is to read it.
    """

    failed = Signal(object)
    _finished = Signal(object, object)

    def __init__(self, parent: QObject | None = None, threads: int = 2):
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="cryoai-ui")
        self._open = True
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def submit(
        self,
        work: Callable[[], Any],
        then: Callable[[Any], object],
        otherwise: Callable[[CryoAIError], object] | None = None,
    ) -> None:
        """Run `work()` in a thread, and then `then(result)` in the main thread.

        `otherwise(error)` takes an error in its place; without it, `failed` is emitted.
        """
        if self._open:
            self._pool.submit(self._run, work, then, otherwise or self.failed.emit)

    def close(self) -> None:
        """Start nothing any more and deliver nothing; what runs is left to end by itself."""
        self._open = False
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, work: Callable[[], Any], then: Any, otherwise: Any) -> None:
        try:
            answer = (then, work())
        except CryoAIError as error:
            answer = (otherwise, error)
        except Exception as error:  # noqa: BLE001 - the job boundary: the user gets a message
            answer = (otherwise, unexpected(error))
        if self._open:
            self._finished.emit(*answer)

    def _deliver(self, take: Callable[[Any], object], value: Any) -> None:
        if self._open:
            take(value)


def unexpected(error: Exception) -> CryoAIError:
    """A message for the user about what should not have happened; the log gets the traceback."""
    log.error("unexpected error", exc_info=error)
    return CryoAIError(
        f"something unexpected went wrong ({type(error).__name__}: {error})",
        remedy="Please report it, with the text of Help > Show logs; your picks are safe",
    )
