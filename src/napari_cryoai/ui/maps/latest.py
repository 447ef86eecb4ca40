"""Work that a moving slider asks for: one piece at a time, and of those that wait the last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.ui.kit.background import Background

Work = Callable[[], Any]
Then = Callable[[Any], object]


class Latest:
    """Runs in a thread what was asked for last."""

    def __init__(self, background: Background, failed: Callable[[CryoAIError], object]):
        self._background = background
        self._failed = failed
        self._busy = False
        self._waiting: tuple[Work, Then] | None = None
        self._run = 0

    @property
    def idle(self) -> bool:
        """Whether all that was asked for is there."""
        return not self._busy

    def ask(self, work: Work, then: Then) -> None:
        """Run `work()` in a thread, then `then(result)` here; forget what was waiting."""
        if self._busy:
            self._waiting = (work, then)
            return
        self._busy = True
        self._run += 1
        run = self._run
        self._background.submit(
            work,
            lambda result: self._deliver(run, then, result),
            lambda error: self._deliver(run, self._failed, error),
        )

    def forget(self) -> None:
        """Nothing that was asked for is wanted any more."""
        self._waiting, self._busy = None, False
        self._run += 1

    def _deliver(self, run: int, then: Then, result: Any) -> None:
        if run != self._run:
            return
        waiting, self._waiting, self._busy = self._waiting, None, False
        then(result)
        if waiting is not None:
            self.ask(*waiting)
