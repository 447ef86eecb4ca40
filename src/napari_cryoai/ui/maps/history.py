"""Undo and redo of edits of maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_cryoai.core.contour import Contour, contour_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.ui.kit.step_history import StepHistory
from napari_cryoai.ui.maps.colouring import Colouring

if TYPE_CHECKING:
    from napari_cryoai.ui.maps.session import MapSession, OpenMap

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


class MapHistory(StepHistory[Step]):
    """The edits of the maps of a session."""

    def __init__(self, session: MapSession):
        super().__init__()
        self.session = session

    def do(self, label: str, after: Mapping[OpenMap, Content]) -> None:
        """Replace the voxels of maps, as one step."""
        self._do(Step(label, {opened: opened.content for opened in after}, dict(after)))

    def forget(self, opened: OpenMap) -> None:
        """A map is closed: its edits cannot be taken back any more."""
        self._drop(lambda step: opened in step.after)

    def _shorten(self, steps: list[Step]) -> None:
        while len(steps) > 1 and sum(step.nbytes for step in steps) > MAX_BYTES:
            del steps[0]

    def _apply(self, step: Step) -> None:
        self._put(step.after)

    def _revert(self, step: Step) -> None:
        self._put(step.before)

    def _put(self, contents: Mapping[OpenMap, Content]) -> None:
        for opened, content in contents.items():
            self.session.replace(opened, content)
