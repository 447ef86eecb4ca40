"""Reads the images that a grid of particles wants, in threads, all with one contrast."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.particles.display import Images, as_grey, common_contrast, low_passed
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.micrographs.session import Session
from napari_cryoai.ui.particles.grid import ParticleGrid
from napari_cryoai.ui.particles.review import ParticleSet, Rows

_SAMPLE = 64


class PageReader:
    """Keeps a grid supplied; what was asked for before a change is thrown away when it comes.

    Attributes
    ----------
    contrast
        Grey values of black and white.
    filtered
        Whether low-passed copies are shown.
    """

    def __init__(
        self,
        grid: ParticleGrid,
        background: Background,
        report: Callable[[CryoAIError], object],
    ):
        self.grid = grid
        self.background = background
        self.report = report
        self.contrast = (0.0, 1.0)
        self.filtered = True
        self._stack: ParticleStack | None = None
        self._version = 0
        self._reading: set[int] = set()
        grid.wanted.connect(self._read)

    def open(
        self,
        stack: ParticleStack,
        path: Path | None,
        session: Session,
        then: Callable[[ParticleSet], object],
    ) -> None:
        """Prepare a stack in a thread, and hand over what can be shown then."""
        self._change(stack)
        self.grid.set_particles(None, np.empty(0, np.intp))
        work = partial(_prepared, stack, path, session, self.filtered)
        self.background.submit(work, partial(self._opened, self._version, then), self.report)

    def set_filtered(self, on: bool) -> None:
        """Show filtered copies, or the images as they are."""
        self.filtered = on
        if self._stack is not None:
            self._change(self._stack)
            work = partial(_contrast_of, self._stack, on)
            self.background.submit(work, partial(self._again, self._version), self.report)

    def _change(self, stack: ParticleStack) -> None:
        self._stack = stack
        self._version += 1
        self._reading.clear()

    def _opened(
        self,
        version: int,
        then: Callable[[ParticleSet], object],
        found: tuple[ParticleSet, tuple[float, float]],
    ) -> None:
        if version == self._version:
            particles, self.contrast = found
            then(particles)

    def _again(self, version: int, contrast: tuple[float, float]) -> None:
        if version == self._version:
            self.contrast = contrast
            self.grid.forget_images()

    def _read(self, rows: list[int]) -> None:
        """Read what is missing of this page, then of the next one."""
        fresh = [row for row in rows if row not in self._reading]
        size = self.grid.page_size
        for start in range(0, len(fresh), size):
            some = fresh[start : start + size]
            self._reading.update(some)
            work = partial(self._make, self._version, some)
            self.background.submit(work, partial(self._arrived, self._version, some), self.report)

    def _make(self, version: int, rows: list[int]) -> Any:
        """In a thread: nothing, if the user looks at other particles meanwhile."""
        stack, contrast, filtered = self._stack, self.contrast, self.filtered
        if version != self._version or stack is None:
            return None
        return as_grey(_images(stack, np.array(rows, np.intp), filtered), contrast)

    def _arrived(self, version: int, rows: list[int], grey: Any) -> None:
        if version == self._version and grey is not None:
            self._reading.difference_update(rows)
            self.grid.put(rows, grey)


def _prepared(
    stack: ParticleStack, path: Path | None, session: Session, filtered: bool
) -> tuple[ParticleSet, tuple[float, float]]:
    """In a thread: the particles with their picks, and the contrast to show them with."""
    return ParticleSet(stack, path, session), _contrast_of(stack, filtered)


def _contrast_of(stack: ParticleStack, filtered: bool) -> tuple[float, float]:
    """From particles all over the file."""
    some = np.unique(np.linspace(0, len(stack) - 1, _SAMPLE).astype(np.intp))
    return common_contrast(_images(stack, some[: len(stack)], filtered))


def _images(stack: ParticleStack, rows: Rows, filtered: bool) -> Images:
    images = stack.images.read(rows)
    if not filtered or not len(rows):
        return images
    return low_passed(images, float(stack.pixel_size_A[rows[0]]))
