"""What the left mouse button does in the scatter plot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt

Combine = Literal["replace", "add", "subtract", "intersect"]
MIN_STEP_PX = 2.0


class LatentTool(Enum):
    """A mouse tool."""

    CURSOR = "cursor"
    LASSO = "lasso"
    BRUSH = "brush"
    PATH = "path"
    PAN = "pan"


@dataclass
class Stroke:
    """A line being drawn, in pixels.

    Attributes
    ----------
    tool
        Lasso or brush.
    combine
        What becomes of the selection before.
    pixels
        Corners `(x, y)`.
    """

    tool: LatentTool
    combine: Combine
    pixels: list[tuple[float, float]] = field(default_factory=list)

    def add(self, x: float, y: float) -> None:
        """Go on to a pixel, unless that is hardly a step."""
        if (
            not self.pixels
            or np.hypot(x - self.pixels[-1][0], y - self.pixels[-1][1]) > MIN_STEP_PX
        ):
            self.pixels.append((x, y))

    def points(
        self, to_points: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """The line in the plane, `(m, 2)`."""
        return to_points(np.array(self.pixels, float).reshape(-1, 2))


def combine_of(modifiers: Qt.KeyboardModifier) -> Combine:
    """What the keys held mean: Shift adds, Alt takes away, both keep what is in both."""
    shift = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
    alt = bool(modifiers & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ControlModifier))
    if shift and alt:
        return "intersect"
    return "add" if shift else "subtract" if alt else "replace"
