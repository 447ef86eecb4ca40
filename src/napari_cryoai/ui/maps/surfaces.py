"""Makes surfaces off the main thread: coarse ones while a slider moves, then the fine one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.isosurface import MAX_FACES, Mesh, Stopped, isosurface, preview_step
from napari_cryoai.maps.sampling import values_at
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.maps.colouring import Colouring
from napari_cryoai.ui.maps.session import OpenMap

PREVIEW_FACES = (6_000, 24_000, 120_000)
"""Of a coarse surface: at least, at first, and at most; see `Pace`."""
ALL_FACES = 4_000_000
_HOPELESS = 1.6
"""A surface expected to have so many times the triangles allowed is not tried."""


class Pace:
    """How many triangles can be drawn ten times a second: many on a graphics card, few without.

    Attributes
    ----------
    faces
        Of the next coarse surface.
    """

    fast_s, slow_s, pause_s = 0.05, 0.085, 0.5

    def __init__(self) -> None:
        self.faces = PREVIEW_FACES[1]
        self._last = -1.0

    def tick(self, now_s: float) -> None:
        """A coarse surface has come while the next one was waited for."""
        took, self._last = now_s - self._last, now_s
        if took > self.pause_s:
            return  # the slider rested
        least, _, most = PREVIEW_FACES
        if took > self.slow_s:
            self.faces = max(least, int(self.faces * 0.7))
        elif took < self.fast_s:
            self.faces = min(most, int(self.faces * 1.15))


_Made = tuple[Mesh, NDArray[np.float32] | None]


@dataclass(frozen=True, eq=False)
class _Wish:
    opened: OpenMap
    density: DensityMap
    level: float
    fine: bool
    max_faces: int
    first_step: int
    colouring: Colouring | None


class SurfaceMaker:
    """One surface at a time for each map; of the wishes that pile up, only the last is made.

    Signals
    -------
    made(map, mesh, fine, values)
        In the main thread; the values `(n,)` of the vertices that colour them, or None.
    """

    made = Signal(object, object, bool, object)

    def __init__(self, background: Background):
        self._background = background
        self._pace = Pace()
        self._coarse: dict[int, Mesh] = {}
        self._busy: dict[int, _Wish] = {}
        self._waiting: dict[int, _Wish] = {}

    def make(self, opened: OpenMap, *, fine: bool) -> None:
        """Make the surface at the map's level."""
        wish = _Wish(
            opened,
            opened.density,
            opened.level,
            fine,
            self._budget(opened, fine),
            self._first_step(opened, fine),
            opened.colouring,
        )
        if id(opened) in self._busy:
            self._waiting[id(opened)] = wish
        else:
            self._start(wish)

    def forget(self, opened: OpenMap) -> None:
        """The map is closed."""
        for kept in (self._waiting, self._busy, self._coarse):
            kept.pop(id(opened), None)

    @property
    def idle(self) -> bool:
        """Whether every surface is what was wished for."""
        return not self._busy

    def _budget(self, opened: OpenMap, fine: bool) -> int:
        if not fine:
            return self._pace.faces
        return ALL_FACES if opened.full_detail else MAX_FACES

    def _first_step(self, opened: OpenMap, fine: bool) -> int:
        """Where to begin, by what the last coarse surface tells of the number of triangles."""
        if not fine:
            return preview_step(opened.density.shape)
        coarse = self._coarse.get(id(opened))
        if coarse is None or opened.full_detail:
            return 1
        finest = len(coarse.faces) * coarse.step**2
        return 1 if finest < _HOPELESS * MAX_FACES else 2

    def _start(self, wish: _Wish) -> None:
        self._busy[id(wish.opened)] = wish
        self._background.submit(partial(_make, wish, self._outdated), partial(self._deliver, wish))

    def _outdated(self, wish: _Wish) -> bool:
        """Asked from the thread: a fine surface that nobody waits for any more is given up."""
        key = id(wish.opened)
        return self._busy.get(key) is not wish or (wish.fine and key in self._waiting)

    def _deliver(self, wish: _Wish, made: _Made | None) -> None:
        key = id(wish.opened)
        if self._busy.get(key) is not wish:
            return
        del self._busy[key]
        if made is not None and not wish.fine:
            self._coarse[key] = made[0]
            if key in self._waiting:
                self._pace.tick(time.perf_counter())
        if made is not None and wish.density is wish.opened.density:
            self.made.emit(wish.opened, made[0], wish.fine, made[1])
        if key in self._waiting:
            self._start(self._waiting.pop(key))


def _make(wish: _Wish, outdated: Callable[[_Wish], bool]) -> _Made | None:
    data, stopped = wish.density.data, partial(outdated, wish)
    try:
        mesh = isosurface(
            data,
            wish.level,
            max_faces=wish.max_faces,
            first_step=wish.first_step,
            stopped=stopped,
        )
    except Stopped:
        return None
    if wish.colouring is None:
        return mesh, None
    return mesh, values_at(wish.colouring.density, wish.density.world_of(mesh.vertices))
