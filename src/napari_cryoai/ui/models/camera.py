"""The camera's way from one residue to another."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer

Floats = NDArray[np.float64]
SPAN_A = 45.0
"""What is seen around a residue."""
_SECONDS, _INTERVAL_MS = 0.4, 25
_SLOW_S = 0.12
_NEAR_A, _WIDE_A = 4.5, 3.0
_DIRECTIONS = 300


class Flight(QObject):
    """Moves the camera in a few tenths of a second; where drawing is slow, at once."""

    def __init__(self, viewer: Any, parent: QObject | None = None):
        super().__init__(parent)
        self.viewer = viewer
        self._timer = QTimer(self, interval=_INTERVAL_MS)
        self._timer.timeout.connect(self._step)
        self._started = self._last = 0.0
        self._from = self._to = (np.zeros(3), 1.0, np.zeros(3))

    @property
    def flying(self) -> bool:
        """Whether it is on its way."""
        return bool(self._timer.isActive())

    def go(self, centre_A: Floats, span_A: float = SPAN_A, others_A: Floats | None = None) -> None:
        """Look at a place `(3,)` z, y, x; zoom in if need be, but never out.

        If some of the others `(n, 3)` stand before it, the view turns as little as need be.
        """
        camera = self.viewer.scene.camera
        pixels = max(min(self.viewer.canvas.size), 100)
        zoom = max(float(camera.zoom), pixels / span_A)
        here = np.array(camera.view_direction, float)
        there = here if others_A is None else clear_view(centre_A, others_A, here)
        self._from = np.array(camera.center, float)[-3:], float(camera.zoom), here
        self._to = np.asarray(centre_A, float), zoom, there
        self._started = self._last = time.perf_counter()
        self._timer.start()

    def _step(self) -> None:
        now = time.perf_counter()
        part = min((now - self._started) / _SECONDS, 1.0)
        if now - self._last > _SLOW_S:  # the window cannot keep up: a film of three frames is none
            part = 1.0
        self._last = now
        if part >= 1:
            self._timer.stop()
        smooth = part * part * (3 - 2 * part)
        (here, near, ahead), (there, far, aim) = self._from, self._to
        camera = self.viewer.scene.camera
        if not np.allclose(ahead, aim):
            way = ahead + (aim - ahead) * smooth
            camera.set_view_direction(tuple(way / np.linalg.norm(way)), camera.up_direction)
        camera.zoom = near * (far / near) ** smooth
        camera.center = tuple(here + (there - here) * smooth)


def clear_view(centre_A: Floats, others_A: Floats, direction: Floats) -> Floats:
    """The direction of view nearest to `direction` in which the least stands before a place.

    Parameters
    ----------
    centre_A
        `(3,)` what is looked at.
    others_A
        `(n, 3)` what may stand before it, in the same order of axes.
    direction
        `(3,)` from the eye to the place.
    """
    direction = direction / np.linalg.norm(direction)
    ways = np.concatenate([direction[None], _sphere(_DIRECTIONS)])
    # Straight away from where it looks now, the camera would not know which way to turn.
    ways = ways[ways @ direction > -0.9]
    away = others_A - centre_A
    before = -ways @ away.T
    aside = np.sqrt(np.maximum((away**2).sum(1) - before**2, 0.0))
    blocked = ((before > _NEAR_A) & (aside < _WIDE_A)).sum(axis=1)
    turn = np.arccos(np.clip(ways @ direction, -1, 1))
    return np.asarray(ways[np.argmin(np.minimum(blocked, 6) + 1.2 * turn)])


def _sphere(n: int) -> Floats:
    """`(n, 3)` directions all round, by Fibonacci's spiral."""
    k = np.arange(n) + 0.5
    z, angle = 1 - 2 * k / n, np.pi * (1 + 5**0.5) * k
    r = np.sqrt(1 - z * z)
    return np.stack([z, r * np.sin(angle), r * np.cos(angle)], axis=1)
