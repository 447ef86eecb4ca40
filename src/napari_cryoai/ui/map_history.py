"""Undo and redo of edits of maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_cryoai.core.contour import Contour, contour_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.ui.map_colouring import Colouring

if TYPE_CHECKING:
    from napari_cryoai.ui.map_session import MapSession, OpenMap

MAX_BYTES = 4 << 30
"""Of all maps that the history keeps; the oldest steps go first."""


@dataclass(frozen=True, eq=False)
class Content:
    """The voxels of an open map, and what depends on them."""

    density: DensityMap
    contour: Contour
    level: float
    colourings: Mapping[str, Colouring] = field(default_factory=dict)

    @classmethod
    def of(cls, density: DensityMap, level: float, **more: Any) -> Content:
        """Look at a map's values; for a thread."""
        _ = density.mean, density.sigma
        return cls(density, contour_of(density), level, **more)


@dataclass(frozen=True, eq=False)
class Step:
    """One edit, as the buttons name it, of one map or of several at once."""

    label: str
    before: Mapping[OpenMap, Content]
    after: Mapping[OpenMap, Content]

    @property
    def nbytes(self) -> int:
        """Memory of the maps that were replaced."""
        return sum(content.density.data.nbytes for content in self.before.values())


class MapHistory:
    """Steps that were done, and those that were taken back.

    Signals
    -------
    changed()
        There is something else to undo or to redo.
    """

    changed = Signal()

    def __init__(self, session: MapSession):
        self.session = session
        self._done: list[Step] = []
        self._undone: list[Step] = []

    def do(self, label: str, after: Mapping[OpenMap, Content]) -> None:
        """Replace the voxels of maps, as one step."""
        step = Step(label, {opened: opened.content for opened in after}, dict(after))
        self._undone.clear()
        self._done.append(step)
        while len(self._done) > 1 and sum(s.nbytes for s in self._done) > MAX_BYTES:
            del self._done[0]
        self._put(step.after)

    def undo(self) -> str | None:
        """Take back the last step; what it was called, or None if there is none."""
        return self._move(self._done, self._undone, lambda step: step.before)

    def redo(self) -> str | None:
        """Repeat the last step taken back."""
        return self._move(self._undone, self._done, lambda step: step.after)

    @property
    def undo_label(self) -> str | None:
        """What `undo` would take back."""
        return self._done[-1].label if self._done else None

    @property
    def redo_label(self) -> str | None:
        """What `redo` would repeat."""
        return self._undone[-1].label if self._undone else None

    def forget(self, opened: OpenMap) -> None:
        """A map is closed: its edits cannot be taken back any more."""
        for steps in (self._done, self._undone):
            steps[:] = [step for step in steps if opened not in step.after]
        self.changed.emit()

    def _move(self, from_: list[Step], to: list[Step], side: Any) -> str | None:
        if not from_:
            return None
        step = from_.pop()
        to.append(step)
        self._put(side(step))
        return step.label

    def _put(self, contents: Mapping[OpenMap, Content]) -> None:
        for opened, content in contents.items():
            self.session.replace(opened, content)
        self.changed.emit()
