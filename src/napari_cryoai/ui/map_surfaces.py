"""Makes surfaces off the main thread: coarse ones while a slider moves, then the fine one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from psygnal import Signal

from napari_cryoai.core.isosurface import MAX_FACES, Mesh, Stopped, isosurface, preview_step
from napari_cryoai.ui.background import Background
from napari_cryoai.ui.map_session import OpenMap

PREVIEW_FACES = 40_000
ALL_FACES = 4_000_000


@dataclass(frozen=True, eq=False)
class _Wish:
    opened: OpenMap
    level: float
    fine: bool


class SurfaceMaker:
    """One surface at a time for each map; of the wishes that pile up, only the last is made.

    Signals
    -------
    made(map, mesh, fine)
        In the main thread.
    """

    made = Signal(object, object, bool)

    def __init__(self, background: Background):
        self._background = background
        self._busy: dict[int, _Wish] = {}
        self._waiting: dict[int, _Wish] = {}

    def make(self, opened: OpenMap, *, fine: bool) -> None:
        """Make the surface at the map's level."""
        wish = _Wish(opened, opened.level, fine)
        if id(opened) in self._busy:
            self._waiting[id(opened)] = wish
        else:
            self._start(wish)

    def forget(self, opened: OpenMap) -> None:
        """The map is closed."""
        self._waiting.pop(id(opened), None)
        self._busy.pop(id(opened), None)

    @property
    def idle(self) -> bool:
        """Whether every surface is what was wished for."""
        return not self._busy

    def _start(self, wish: _Wish) -> None:
        self._busy[id(wish.opened)] = wish
        self._background.submit(partial(_make, wish, self._outdated), partial(self._deliver, wish))

    def _outdated(self, wish: _Wish) -> bool:
        """Asked from the thread: a fine surface that nobody waits for any more is given up."""
        key = id(wish.opened)
        return self._busy.get(key) is not wish or (wish.fine and key in self._waiting)

    def _deliver(self, wish: _Wish, mesh: Mesh | None) -> None:
        key = id(wish.opened)
        if self._busy.get(key) is not wish:
            return
        del self._busy[key]
        if mesh is not None:
            self.made.emit(wish.opened, mesh, wish.fine)
        if key in self._waiting:
            self._start(self._waiting.pop(key))


def _make(wish: _Wish, outdated: Callable[[_Wish], bool]) -> Mesh | None:
    data, stopped = wish.opened.density.data, partial(outdated, wish)
    step = 1 if wish.fine else preview_step(data.shape)
    budget = MAX_FACES if wish.fine else PREVIEW_FACES
    if wish.fine and wish.opened.full_detail:
        budget = ALL_FACES
    try:
        return isosurface(data, wish.level, max_faces=budget, first_step=step, stopped=stopped)
    except Stopped:
        return None
