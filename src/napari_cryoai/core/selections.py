"""Selections among particles as the user makes them, with the way back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from psygnal import Signal

from napari_cryoai.core.selection_set import How, Mask, SelectionSet

STEPS = 500
"""That can be taken back; at a million particles each takes an eighth of a megabyte."""


@dataclass(frozen=True)
class _Step:
    label: str
    before: SelectionSet
    after: SelectionSet


class Selections:
    """The current selection among `n` particles, the named ones, undo and redo.

    Parameters
    ----------
    n
        Particles there are.
    state
        Where to begin; None: nothing is selected.

    Signals
    -------
    changed()
        After every change.
    """

    changed = Signal()

    def __init__(self, n: int, state: SelectionSet | None = None):
        self._state = SelectionSet.empty(n) if state is None else state
        if self._state.n != n:
            raise ValueError(f"selections among {self._state.n} particles, not {n}")
        self._done: deque[_Step] = deque(maxlen=STEPS)
        self._undone: list[_Step] = []

    @property
    def state(self) -> SelectionSet:
        """All of it, as a value."""
        return self._state

    @property
    def current(self) -> Mask:
        """`(n,)` mask of the selected particles."""
        return self._state.current

    @property
    def count(self) -> int:
        """How many are selected."""
        return self._state.count

    @property
    def names(self) -> tuple[str, ...]:
        """Of the named selections, oldest first."""
        return tuple(self._state)

    def mask(self, name: str) -> Mask:
        """`(n,)` mask of a named selection."""
        return self._state.mask(name)

    def counts(self) -> dict[str, int]:
        """How many particles each named selection has."""
        return self._state.counts()

    def select(self, mask: Mask, how: How = "replace", label: str = "") -> None:
        """Make `(n,)` particles the selection, or add them, take them away, keep only them."""
        self._do(label or _LABELS[how], self._state.select(mask, how))

    def clear(self) -> None:
        """Select nothing."""
        self._do("Select nothing", self._state.select(np.zeros(self._state.n, np.bool_)))

    def select_all(self) -> None:
        """Select all."""
        self._do("Select all", self._state.select(np.ones(self._state.n, np.bool_)))

    def invert(self) -> None:
        """Select what was not selected."""
        self._do("Invert the selection", self._state.inverted())

    def choose(self, name: str, how: How = "replace") -> None:
        """Select what a named selection holds, or combine it with the current one."""
        self._do(f"{_LABELS[how]}: {name}", self._state.select(self._state.mask(name), how))

    def keep(self, name: str) -> None:
        """Give the current selection a name, which another may not have."""
        self._do(f"Name '{name.strip()}'", self._state.keep(name))

    def update(self, name: str) -> None:
        """Let a name stand for the current selection from now on."""
        self._do(f"Update '{name}'", self._state.update(name))

    def rename(self, name: str, new: str) -> None:
        """Call a named selection something else."""
        self._do(f"Rename '{name}'", self._state.rename(name, new))

    def delete(self, name: str) -> None:
        """Forget a named selection."""
        self._do(f"Delete '{name}'", self._state.delete(name))

    def undo(self) -> str | None:
        """Take back the last step; returns what it was, None if there is none."""
        if not self._done:
            return None
        step = self._done.pop()
        self._undone.append(step)
        self._set(step.before)
        return step.label

    def redo(self) -> str | None:
        """Repeat the last step that was undone; returns what it was, None if there is none."""
        if not self._undone:
            return None
        step = self._undone.pop()
        self._done.append(step)
        self._set(step.after)
        return step.label

    @property
    def undo_label(self) -> str | None:
        """What `undo` would take back."""
        return self._done[-1].label if self._done else None

    @property
    def redo_label(self) -> str | None:
        """What `redo` would repeat."""
        return self._undone[-1].label if self._undone else None

    def _do(self, label: str, after: SelectionSet) -> None:
        if after == self._state:
            return
        self._undone.clear()
        self._done.append(_Step(label, self._state, after))
        self._set(after)

    def _set(self, state: SelectionSet) -> None:
        self._state = state
        self.changed.emit()


_LABELS: dict[How, str] = {
    "replace": "Select",
    "add": "Add to the selection",
    "subtract": "Subtract from the selection",
    "intersect": "Keep of the selection",
}
