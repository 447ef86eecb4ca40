"""Large images and volumes piece by piece, so that memory is bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

Slices = tuple[slice, ...]


class Tile(NamedTuple):
    """A piece of an image or of a volume.

    Attributes
    ----------
    seen
        What the network is shown.
    kept
        What of its answer counts; the cores of all tiles cover the image once.
    """

    seen: Slices
    kept: Slices


def tiles(shape: Sequence[int], side: int, margin: int, multiple: int) -> Iterator[Tile]:
    """Cut an image or a volume into tiles; one tile if it fits.

    Parameters
    ----------
    side
        Largest side of what is seen, in pixels.
    margin
        Of what is seen around what is kept.
    multiple
        All cuts are at multiples of this.
    """
    for cuts in product(*(list(_cuts(n, side, margin, multiple)) for n in shape)):
        seen, kept = zip(*cuts, strict=True)
        yield Tile(seen, kept)


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
