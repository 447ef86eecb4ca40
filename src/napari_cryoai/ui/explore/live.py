"""The map at the cursor as a surface that follows it: coarse while it is dragged, then fine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_cryoai.core.contour import contour_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.isosurface import MAX_FACES, Mesh, Stopped, isosurface, preview_step
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.maps.history import Content
from napari_cryoai.ui.maps.layers import MapLayers
from napari_cryoai.ui.maps.session import MapSession, OpenMap
from napari_cryoai.ui.maps.surfaces import Pace

if TYPE_CHECKING:
    from napari_cryoai.heterogeneity.model import LatentModel, Support

Place = NDArray[np.float32]
SUPPORT_S = 0.15
"""How often the support of a place is told while it moves."""
QUICK = 2_000_000
"""Coordinates of all particles, up to which that does not hold up the surface."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A map that has been drawn.

    Attributes
    ----------
    z
        Its place.
    density
        None where only its surface was made.
    mesh
        Of the surface.
    support
        How well the data know the place; None while that is not asked.
    decode_ms, surface_ms
        How long either took.
    """

    z: Place
    density: DensityMap | None
    mesh: Mesh
    support: Support | None
    decode_ms: float
    surface_ms: float


@dataclass(frozen=True, eq=False)
class _Wish:
    model: LatentModel
    z: Place
    level: float
    fine: bool
    step: int
    max_faces: int
    asks_support: bool


class LiveMap:
    """One surface, for a place; of the wishes that pile up, only the last is made.

    The maps are in a session of their own: those of the Map panel stay as they are.

    Parameters
    ----------
    viewer
        napari's, or its model without a window.
    background
        Threads.

    Signals
    -------
    drawn(frame, fine)
        A surface has been given to the viewer.

    Attributes
    ----------
    opened
        The map that is shown; None before there is a model.
    """

    drawn = Signal(object, bool)

    def __init__(self, viewer: Any, background: Background):
        self.session = MapSession()
        self.layers = MapLayers(viewer, self.session)
        self.opened: OpenMap | None = None
        self._background = background
        self._model: LatentModel | None = None
        self._coarse: LatentModel | None = None
        self._pace = Pace()
        self._busy: _Wish | None = None
        self._waiting: _Wish | None = None
        self._asked = 0.0

    def open(self, model: LatentModel | None, name: str, looked: Content | None) -> None:
        """Turn to another model; `looked` is its mean map with its levels."""
        self._busy = self._waiting = None
        self._model, self._coarse = model, None
        if self.opened is not None:
            self.session.remove(self.opened)
            self.opened = None
        if model is not None and looked is not None:
            self._coarse = thinned(model, preview_step(tuple(model.mean.shape)))
            self.opened = self.session.add(name, looked.density, looked.contour)

    def go(self, z: Place, *, fine: bool) -> None:
        """Show the map at a place."""
        if self._model is None or self._coarse is None or self.opened is None:
            return
        if self.opened not in self.session.maps:  # the user has taken its layer out
            old = self.opened
            self.opened = self.session.add(old.name, old.density, old.contour)
            self.opened.level = old.level
        model = self._model if fine else self._coarse
        step = round(model.pixel_size_A / self._model.pixel_size_A)
        faces = MAX_FACES if fine else self._pace.faces
        now = time.perf_counter()
        quick = self._model.table.mean.size < QUICK
        asks = fine or (quick and now - self._asked > SUPPORT_S)
        self._asked = now if asks else self._asked
        wish = _Wish(model, z.copy(), self.opened.level, fine, step, faces, asks)
        if self._busy is not None:
            self._waiting = wish
        else:
            self._start(wish)

    @property
    def idle(self) -> bool:
        """Whether the surface is that of the last wish."""
        return self._busy is None

    def let_go(self) -> None:
        """The panel goes, and with it the map at the cursor."""
        self._busy = self._waiting = None
        if self.opened is not None:
            self.session.remove(self.opened)
        self.layers.let_go()
        self.session.let_go()

    # --------------------------------------------------------------------------------------------

    def _start(self, wish: _Wish) -> None:
        self._busy = wish
        self._background.submit(
            partial(_make, wish, self._outdated), partial(self._deliver, wish), self._fail
        )

    def _outdated(self, wish: _Wish) -> bool:
        """Asked from the thread: a fine surface that nobody waits for any more is given up."""
        return self._busy is not wish or (wish.fine and self._waiting is not None)

    def _fail(self, error: Any) -> None:
        self._busy = self._waiting = None
        self._background.failed.emit(error)

    def _deliver(self, wish: _Wish, frame: Frame | None) -> None:
        if self._busy is not wish or self.opened is None:
            return
        self._busy = None
        if frame is not None:
            if not wish.fine and self._waiting is not None:
                self._pace.tick(time.perf_counter())
            if frame.density is not None:
                self.opened.density = frame.density
            self.layers.show_mesh(self.opened, frame.mesh)
            self.drawn.emit(frame, wish.fine)
        if self._waiting is not None:
            wish, self._waiting = self._waiting, None
            self._start(wish)


def thinned(model: LatentModel, step: int) -> LatentModel:
    """The model of every `step`-th voxel: what a coarse surface looks at, and no more."""
    if step == 1:
        return model
    cut = (slice(None, None, step),) * 3
    return replace(
        model,
        mean=model.mean[cut].contiguous(),
        components=model.components[(slice(None), *cut)].contiguous(),
        pixel_size_A=model.pixel_size_A * step,
    )


def look(model: LatentModel, z: Place) -> Content:
    """The map at a place with its levels; for a thread."""
    density = model.decode(z)
    contour = contour_of(density)
    _ = density.mean, density.sigma  # looked up later, in the main thread
    return Content(density, contour, contour.suggested)


def _make(wish: _Wish, outdated: Callable[[_Wish], bool]) -> Frame | None:
    start = time.perf_counter()
    density = wish.model.decode(wish.z)
    decoded = time.perf_counter()
    try:
        mesh = isosurface(
            density.data,
            wish.level,
            max_faces=wish.max_faces,
            first_step=1,
            stopped=partial(outdated, wish),
        )
    except Stopped:
        return None
    if wish.step > 1:
        mesh = Mesh(mesh.vertices * np.float32(wish.step), mesh.faces, mesh.step * wish.step)
    done = time.perf_counter()
    support = wish.model.support(wish.z) if wish.asks_support else None
    return Frame(
        wish.z,
        density if wish.fine else None,
        mesh,
        support,
        1e3 * (decoded - start),
        1e3 * (done - decoded),
    )
