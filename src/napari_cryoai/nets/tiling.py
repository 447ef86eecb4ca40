"""Large images piece by piece, so that memory is bounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

Slices = tuple[slice, slice]


class Tile(NamedTuple):
    """A piece of an image.

    Attributes
    ----------
    seen
        What the network is shown.
    kept
        What of its answer counts; the cores of all tiles cover the image once.
    """

    seen: Slices
    kept: Slices


def tiles(shape: tuple[int, int], side: int, margin: int, multiple: int) -> Iterator[Tile]:
    """Cut an image into tiles; one tile if it fits.

    Parameters
    ----------
    side
        Largest side of what is seen, in pixels.
    margin
        Of what is seen around what is kept.
    multiple
        All cuts are at multiples of this.
    """
    rows, columns = (list(_cuts(n, side, margin, multiple)) for n in shape)
    for seen_y, kept_y in rows:
        for seen_x, kept_x in columns:
            yield Tile((seen_y, seen_x), (kept_y, kept_x))


def _cuts(n: int, side: int, margin: int, multiple: int) -> Iterator[tuple[slice, slice]]:
    if n <= side:
        yield slice(0, n), slice(0, n)
        return
    margin = -(-margin // multiple) * multiple
    room = max(multiple, (side - 2 * margin) // multiple * multiple)
    pieces = -(-n // room)
    step = -(-n // pieces // multiple) * multiple
    for start in range(0, n, step):
        stop = min(start + step, n)
        yield slice(max(0, start - margin), min(n, stop + margin)), slice(start, stop)
