"""Surfaces of equal density as triangles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Bounds = tuple[slice, slice, slice]
Triangles = tuple[NDArray[np.float32], NDArray[np.int32]]
MAX_FACES = 250_000
_SLAB_VOXELS = 400_000
_SAME = 1 / 1024


@dataclass(frozen=True)
class Mesh:
    """Triangles that enclose the density above a level.

    Attributes
    ----------
    vertices
        `(n, 3)` float32 in voxels, z, y, x.
    faces
        `(m, 3)` int32; seen from outside, from lower density, corners run as napari lights them.
    step
        Every how many voxels the density was looked at.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    step: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing lies above the level."""
        return not len(self.faces)


class Stopped(Exception):  # noqa: N818 - it is no error: somebody asked for it
    """The caller does not need the surface any more."""


def isosurface(
    data: NDArray[np.float32],
    level: float,
    *,
    max_faces: int = MAX_FACES,
    first_step: int = 1,
    stopped: Callable[[], bool] = lambda: False,
) -> Mesh:
    """The surface by marching cubes (Lewiner et al. 2003, J. Graph. Tools 8, 1).

    Only the part of the box that holds density above the level is looked at. Where the finest
    surface has too many triangles, it is made of every second, third, ... voxel instead.

    Parameters
    ----------
    data
        `(nz, ny, nx)`.
    level
        In the map's unit.
    max_faces
        What can be drawn without a stutter.
    first_step
        Where to begin: 2 is about five times faster than 1.
    stopped
        Asked every few hundredths of a second.

    Raises
    ------
    Stopped
        If `stopped()` was true.
    """
    step = first_step
    while True:
        mesh = _surface(data, level, step, max_faces, stopped)
        if mesh is not None:
            return mesh
        step += 1 if step < 4 else step // 2


def preview_step(shape: tuple[int, ...], voxels: int = 2_000_000) -> int:
    """A step at which a surface takes hundredths of a second."""
    return max(1, math.ceil((math.prod(shape) / voxels) ** (1 / 3)))


def _surface(
    data: NDArray[np.float32], level: float, step: int, max_faces: int, stopped: Callable[[], bool]
) -> Mesh | None:
    """The surface at one step; None if it has too many triangles."""
    coarse = data[::step, ::step, ::step]
    bounds = _bounds(coarse, level)
    parts = _Parts()
    if bounds is not None:
        for first, slab in _slabs(coarse[bounds]):
            if stopped():
                raise Stopped
            parts.add(*_march(slab, level), first, first + len(slab) - 1)
            if parts.n_faces > max_faces:
                return None
        corner = np.array([cut.start for cut in bounds], np.float32)
        parts.move(corner, step)
    return Mesh(*parts.joined(), step)


def _bounds(data: NDArray[np.float32], level: float) -> Bounds | None:
    """The smallest box with all voxels above the level, and one more on each side."""
    above = data > level
    planes = np.any(above, axis=2)
    lines = (np.any(planes, axis=1), np.any(planes, axis=0), np.any(above, axis=(0, 1)))
    cuts = []
    for line in lines:
        there = np.flatnonzero(line)
        if not there.size:
            return None
        cuts.append(slice(max(int(there[0]) - 1, 0), int(there[-1]) + 2))
    return cuts[0], cuts[1], cuts[2]


def _slabs(data: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Slabs that share a plane with the next one, and where each begins.

    Marching cubes holds Python's lock: in one go, the window would stand still for a second.
    """
    nz, ny, nx = data.shape
    if min(data.shape) < 2:
        return
    thick = max(1, _SLAB_VOXELS // (ny * nx))
    cuts = [*range(0, nz - 1, thick), nz - 1]
    for first, last in pairwise(cuts):
        yield first, np.ascontiguousarray(data[first : last + 1])


def _march(slab: NDArray[np.float32], level: float) -> Triangles:
    from skimage.measure import marching_cubes  # slow to import, and most of us need it never

    if not slab.min() < level < slab.max():
        return np.empty((0, 3), np.float32), np.empty((0, 3), np.int32)
    vertices, faces, _, _ = marching_cubes(slab, level)
    return np.asarray(vertices, np.float32), np.asarray(faces, np.int32)


class _Parts:
    """Surfaces of slabs, sewn together where they share a plane."""

    def __init__(self) -> None:
        self._vertices: list[NDArray[np.float32]] = []
        self._faces: list[NDArray[np.int32]] = []
        self._n = self.n_faces = 0
        self._seam: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def add(
        self, vertices: NDArray[np.float32], faces: NDArray[np.int32], first: int, last: int
    ) -> None:
        """The surface of a slab that reaches from plane `first` to plane `last`."""
        vertices = vertices + np.array([first, 0, 0], np.float32)
        index = np.arange(len(vertices)) + self._n
        twins = self._twins(vertices, first)
        fresh = twins < 0
        index = np.where(fresh, self._n + np.cumsum(fresh) - 1, twins)
        self._vertices.append(vertices[fresh])
        self._faces.append(index[faces].astype(np.int32))
        self._n += int(fresh.sum())
        self.n_faces += len(faces)
        self._remember(vertices, index, last)

    def move(self, corner: NDArray[np.float32], step: int) -> None:
        """Let the first voxel lie at `corner`, and grow by `step`."""
        self._vertices = [(v + corner) * np.float32(step) for v in self._vertices]

    def joined(self) -> Triangles:
        """Vertices and faces of all parts."""
        none = np.empty((0, 3), np.float32), np.empty((0, 3), np.int32)
        return (
            np.concatenate([none[0], *self._vertices]),
            np.concatenate([none[1], *self._faces]),
        )

    def _remember(
        self, vertices: NDArray[np.float32], index: NDArray[np.int64], plane: int
    ) -> None:
        """The vertices on the plane that the next slab begins with, in the order of their keys."""
        there = np.flatnonzero(vertices[:, 0] > plane - _SAME)
        keys = _keys(vertices[there])
        order = np.argsort(keys)
        self._seam = keys[order], index[there[order]]

    def _twins(self, vertices: NDArray[np.float32], first: int) -> NDArray[np.int64]:
        """Numbers of the vertices that are there already, from the slab below; -1 for others."""
        twins = np.full(len(vertices), -1, np.int64)
        if self._seam is None or not len(self._seam[0]):
            return twins
        keys, index = self._seam
        low = np.flatnonzero(vertices[:, 0] < first + _SAME)
        wanted = _keys(vertices[low])
        at = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
        found = keys[at] == wanted
        twins[low[found]] = index[at[found]]
        return twins


def _keys(vertices: NDArray[np.float32]) -> NDArray[np.int64]:
    """One number for each place in a plane."""
    yx = np.round(vertices[:, 1:] / _SAME).astype(np.int64)
    return np.asarray((yx[:, 0] << 32) + yx[:, 1])
