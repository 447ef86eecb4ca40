"""Corrected micrographs as examples to train on, but for a corner of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_cryoai.core.picks import State
from napari_cryoai.picking.batches import CROP_PX, Batch, Examples, make_batch
from napari_cryoai.picking.corrections import Corrections, Peaks, Said
from napari_cryoai.picking.learn_head import Seen
from napari_cryoai.picking.network import STRIDE
from napari_cryoai.picking.preprocess import Prepared
from napari_cryoai.picking.training_data import Example

Rectangle = tuple[slice, slice]

DOUBTFUL = 0.15
"""Peaks of which nothing is said are no background if they are more probable than this."""

IN_DOUBT = 1e-9

ENDLESS = 1 << 20
"""How many different crops there are, as far as those who draw them care."""

MULTIPLE_PX = 64
"""Of the sides of crops, so that the network has nothing to pad."""


@dataclass(frozen=True, eq=False)
class CorrectedField:
    """A corrected micrograph.

    Attributes
    ----------
    example
        The whole of it. Particles of size `IN_DOUBT` may be some or not.
    corner
        What is held out of it, in pixels: a quarter.
    """

    example: Example
    corner: Rectangle

    def held_out(self) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """The corner, and where its particles are in it."""
        cut = crop(self.example, self.corner)
        return cut.white, cut.yx[cut.size > 2 * IN_DOUBT]

    def rest(self) -> tuple[Rectangle, Rectangle]:
        """Two rectangles that cover all but the corner."""
        ny, nx = self.example.white.shape
        rows, columns = self.corner
        return (_other(rows, ny), slice(0, nx)), (slice(0, ny), _other(columns, nx))

    def of_corner(self, judged: Seen) -> Seen:
        """What was said of the corner only."""
        low, high = np.array([[s.start, s.stop] for s in self.corner]).T / STRIDE
        cells, said = judged.peaks
        inside = np.all((cells >= low) & (cells < high), axis=1)
        return replace(
            judged,
            peaks=Peaks(cells[inside], said[inside]),
            label=judged.label[inside],
            weight=judged.weight[inside],
        )


class Cuts:
    """Crops from everywhere but the corners, an endless number of them; all of one size."""

    def __init__(self, fields: Sequence[CorrectedField]):
        self._places = [(f.example, place) for f in fields for place in f.rest()]
        shortest = min(s.stop - s.start for _, place in self._places for s in place)
        whole = shortest // MULTIPLE_PX * MULTIPLE_PX
        self.side_px = min(CROP_PX, whole or shortest)

    def __len__(self) -> int:
        return ENDLESS

    def __getitem__(self, index: int, /) -> Example:
        rng = np.random.default_rng(index)
        example, place = self._places[index % len(self._places)]
        first = [int(rng.integers(s.start, s.stop - self.side_px + 1)) for s in place]
        rows, columns = (slice(start, start + self.side_px) for start in first)
        return crop(example, (rows, columns))


def corrected_field(one: Corrections, judged: Seen, prepared: Prepared) -> CorrectedField:
    """What to train on, of one micrograph."""
    kept = prepared.from_micrograph(one.picks.yx_px[one.picks.state == State.KEPT])
    silent = (judged.peaks.said == Said.NOTHING) & (judged.label > DOUBTFUL)
    doubtful = (judged.peaks.cells[silent] + 0.5) * STRIDE - 0.5
    size = np.concatenate([_sizes(one, kept), np.full(len(doubtful), IN_DOUBT)])
    ny, nx = prepared.white.shape
    junk = (judged.junk > 0).repeat(STRIDE, 0).repeat(STRIDE, 1)[:ny, :nx]
    example = Example(
        prepared.white, np.concatenate([kept, doubtful]), size.astype(np.float32), junk
    )
    return CorrectedField(example, _choose_corner(kept, (ny, nx)))


def doubtful_batch(cuts: Examples, size: int, seed: tuple[int, ...]) -> Batch:
    """`make_batch`, in which doubtful particles are neither wanted nor unwanted.

    The loss leaves out what is next to a centre, and so they are drawn as just that.
    """
    batch = make_batch(cuts, size, seed)
    wanted = batch.targets
    doubt = (wanted.near > 0) & (wanted.size < np.log(2 * IN_DOUBT))
    wanted = wanted._replace(
        heat=torch.where(doubt, wanted.heat.clamp(max=0.98), wanted.heat),
        near=torch.where(doubt, 0.0, wanted.near),
        size=torch.where(doubt, 0.0, wanted.size),
    )
    return batch._replace(targets=wanted)


def crop(example: Example, place: Rectangle) -> Example:
    """A rectangle of an example."""
    rows, columns = place
    yx = example.yx - (rows.start, columns.start)
    sides = np.array([rows.stop - rows.start, columns.stop - columns.start])
    inside = np.all((yx >= -0.5) & (yx < sides - 0.5), axis=1)
    return Example(
        np.ascontiguousarray(example.white[place]),
        yx[inside],
        example.size[inside],
        np.ascontiguousarray(example.junk[place]),
    )


def _sizes(one: Corrections, kept: NDArray[np.float64]) -> NDArray[np.float32]:
    """What the picker thought of the size of each particle: there is no reason to change it."""
    size = one.view.field.size
    y, x = np.clip(np.rint((kept + 0.5) / STRIDE - 0.5).astype(int), 0, np.array(size.shape) - 1).T
    return size[y, x]


def _choose_corner(kept: NDArray[np.float64], shape: tuple[int, int]) -> Rectangle:
    """The quarter whose number of particles is nearest to a quarter of all, one at least."""
    halves = [(slice(0, n // 2), slice(n // 2, n)) for n in shape]
    corners = [(rows, columns) for rows in halves[0] for columns in halves[1]]
    counts = np.array([np.sum(_within(kept, corner)) for corner in corners])
    off = np.where(counts > 0, np.abs(counts - len(kept) / 4), np.inf)
    return corners[int(np.argmin(off))]


def _within(yx: NDArray[np.float64], place: Rectangle) -> NDArray[np.bool_]:
    low, high = np.array([[s.start, s.stop] for s in place]).T
    return np.all((yx >= low - 0.5) & (yx < high - 0.5), axis=1)


def _other(half: slice, n: int) -> slice:
    return slice(half.stop, n) if half.start == 0 else slice(0, half.start)
