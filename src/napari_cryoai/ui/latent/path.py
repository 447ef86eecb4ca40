"""A path through the latent space: anchors that the user sets, and the places along it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

Floats = NDArray[np.float32]
Kind = Literal["straight", "spline", "graph", "dense"]
STEPS = 500


class LatentPath:
    """Anchors `(d,)`, with undo and redo.

    Signals
    -------
    anchors_changed()
        One was added, moved or removed, or all are gone.
    places_changed()
        Other places along the path.
    at_changed()
        Another of them is shown.

    Attributes
    ----------
    anchors
        In their order.
    places
        `(m, d)`.
    at
        Which of the places is shown.
    """

    anchors_changed = Signal()
    places_changed = Signal()
    at_changed = Signal()

    def __init__(self) -> None:
        self.anchors: tuple[Floats, ...] = ()
        self.places: Floats = np.zeros((0, 0), np.float32)
        self.at = 0
        self._done: list[tuple[Floats, ...]] = []
        self._undone: list[tuple[Floats, ...]] = []

    def add(self, z: Floats) -> None:
        """Another anchor at the end."""
        self._do((*self.anchors, z))

    def move(self, index: int, z: Floats, *, first: bool) -> None:
        """Move an anchor; of many moves in one drag, only the first is a step to undo."""
        anchors = (*self.anchors[:index], z, *self.anchors[index + 1 :])
        if first:
            self._do(anchors)
        else:
            self._set(anchors)

    def remove(self, index: int) -> None:
        """Take an anchor away."""
        self._do((*self.anchors[:index], *self.anchors[index + 1 :]))

    def replace(self, anchors: tuple[Floats, ...]) -> None:
        """Other anchors altogether."""
        self._do(anchors)

    def forget(self) -> None:
        """Another latent space: nothing of the path means anything there."""
        self._done.clear()
        self._undone.clear()
        self._set(())

    def undo(self) -> bool:
        """Take back the last step; whether there was one."""
        if not self._done:
            return False
        self._undone.append(self.anchors)
        self._set(self._done.pop())
        return True

    def redo(self) -> bool:
        """Repeat it; whether there was one."""
        if not self._undone:
            return False
        self._done.append(self.anchors)
        self._set(self._undone.pop())
        return True

    @property
    def undo_label(self) -> str | None:
        """What `undo` would take back."""
        return "Change the path" if self._done else None

    @property
    def redo_label(self) -> str | None:
        """What `redo` would repeat."""
        return "Change the path" if self._undone else None

    def set_places(self, places: Floats) -> None:
        """What lies along the path."""
        self.places = places
        self.at = min(self.at, max(len(places) - 1, 0))
        self.places_changed.emit()

    def go(self, at: int) -> None:
        """Show a place along the path."""
        if len(self.places):
            self.at = int(np.clip(at, 0, len(self.places) - 1))
            self.at_changed.emit()

    def _do(self, anchors: tuple[Floats, ...]) -> None:
        self._undone.clear()
        self._done = [*self._done[-STEPS:], self.anchors]
        self._set(anchors)

    def _set(self, anchors: tuple[Floats, ...]) -> None:
        self.anchors = anchors
        self.anchors_changed.emit()
