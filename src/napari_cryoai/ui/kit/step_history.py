"""Undo and redo of steps, whatever they change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from psygnal import Signal


class Step(Protocol):
    """One edit."""

    @property
    def label(self) -> str:
        """As the buttons name it."""


StepT = TypeVar("StepT", bound=Step)


class StepHistory(Generic[StepT]):
    """Steps that were done, and those that were taken back.

    Signals
    -------
    changed()
        There is something else to undo or to redo.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._done: list[StepT] = []
        self._undone: list[StepT] = []

    def undo(self) -> str | None:
        """Take back the last step; what it was called, or None if there is none."""
        return self._move(self._done, self._undone, self._revert)

    def redo(self) -> str | None:
        """Repeat the last step taken back."""
        return self._move(self._undone, self._done, self._apply)

    @property
    def undo_label(self) -> str | None:
        """What `undo` would take back."""
        return self._done[-1].label if self._done else None

    @property
    def redo_label(self) -> str | None:
        """What `redo` would repeat."""
        return self._undone[-1].label if self._undone else None

    def _do(self, step: StepT) -> None:
        """A new step; what had been taken back is forgotten."""
        self._undone.clear()
        self._done.append(step)
        self._shorten(self._done)
        self._apply(step)
        self.changed.emit()

    def _drop(self, gone: Callable[[StepT], bool]) -> None:
        """Forget steps that make no sense any more."""
        for steps in (self._done, self._undone):
            steps[:] = [step for step in steps if not gone(step)]
        self.changed.emit()

    def _move(
        self, from_: list[StepT], to: list[StepT], act: Callable[[StepT], None]
    ) -> str | None:
        if not from_:
            return None
        step = from_.pop()
        to.append(step)
        act(step)
        self.changed.emit()
        return step.label

    def _shorten(self, steps: list[StepT]) -> None:
        """Forget the oldest steps where they are too many."""

    def _apply(self, step: StepT) -> None:
        raise NotImplementedError

    def _revert(self, step: StepT) -> None:
        raise NotImplementedError


def undone(label: str | None) -> str:
    """What to say after an undo."""
    return f"Undone: {label}" if label else "Nothing to undo"


def redone(label: str | None) -> str:
    """What to say after a redo."""
    return f"Redone: {label}" if label else "Nothing to redo"
