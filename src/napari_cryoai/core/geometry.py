"""Axis orders, box corners and image orientations: the only module that may flip or transpose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def corner_from_centre(centre_px: Floats, box_px: Floats | float) -> Floats:
    """Smallest corner of a box of side `box_px`; exact for odd boxes too, so nothing drifts."""
    return np.asarray(centre_px, float) - np.asarray(box_px, float) / 2


def centre_from_corner(corner_px: Floats, box_px: Floats | float) -> Floats:
    """Inverse of `corner_from_centre`."""
    return np.asarray(corner_px, float) + np.asarray(box_px, float) / 2


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways in which an image's rows and columns can have been laid out.

    Coordinates are flipped first, within the image they were written for, and transposed last.
    """

    flip_y: bool = False
    flip_x: bool = False
    transpose: bool = False

    @classmethod
    def all(cls) -> tuple[Orientation, ...]:
        """The eight of them, identity first."""
        bits = (False, True)
        return tuple(cls(y, x, t) for t in bits for y in bits for x in bits)

    def apply(self, yx_px: Floats, shape: tuple[int, int]) -> Floats:
        """Take points of a foreign image to the image at hand.

        Parameters
        ----------
        yx_px
            `(n, 2)` centres in the foreign layout, in pixels.
        shape
            `(ny, nx)` of the image at hand.

        Returns
        -------
        yx_px
            `(n, 2)` centres on the image at hand; an index `i` flips to `n - 1 - i`, so that the
            centre of a pixel stays the centre of a pixel.
        """
        ny, nx = shape[::-1] if self.transpose else shape
        yx = np.array(yx_px, float).reshape(-1, 2)
        if self.flip_y:
            yx[:, 0] = ny - 1 - yx[:, 0]
        if self.flip_x:
            yx[:, 1] = nx - 1 - yx[:, 1]
        return yx[:, ::-1].copy() if self.transpose else yx

    def __str__(self) -> str:
        parts = (
            ["y flipped"] * self.flip_y
            + ["x flipped"] * self.flip_x
            + ["x and y swapped"] * self.transpose
        )
        return ", ".join(parts) or "as read"
