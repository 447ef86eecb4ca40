"""What may still be the best pose of an image: cells of the grid, and modes apart in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_cryoai.physics.so3 import angle_deg


@dataclass(frozen=True, eq=False)
class Candidates:
    """Cells of images that may hold the best pose, those of one image one after another.

    Attributes
    ----------
    image
        `(c,)` which image.
    cell
        `(c,)` number of the cell.
    shift
        `(c, 2)` the best shift there, in pixels.
    score
        `(c,)` log-likelihood.
    """

    image: Tensor
    cell: Tensor
    shift: Tensor
    score: Tensor

    @classmethod
    def joined(cls, parts: Sequence[Candidates]) -> Candidates:
        """Of all parts, in their order."""
        names = ("image", "cell", "shift", "score")
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in names))

    def select(self, rows: Tensor) -> Candidates:
        """Some of them."""
        return Candidates(self.image[rows], self.cell[rows], self.shift[rows], self.score[rows])

    def sorted(self) -> Candidates:
        """Image after image, the best of each first."""
        by_score = self.score.argsort(descending=True)
        return self.select(by_score[self.image[by_score].argsort(stable=True)])

    def first(self, count: int) -> Tensor:
        """`(count,)` where those of each image begin, once they are sorted."""
        return torch.searchsorted(self.image, torch.arange(count, device=self.image.device))

    def best(self, count: int, *, most: int, least: int, margin: float, share: float) -> Candidates:
        """Those that may be divided into something better than the best.

        Parameters
        ----------
        count
            Number of images, each of which has at least one.
        most, least
            How many of an image are kept.
        margin, share
            A cell is given up if it is worse than the best by `margin` and a `share` of the best's
            log-likelihood: the middle of a cell tells less of what lies in it the stronger the
            signal is.
        """
        by_image = self.sorted()
        first = by_image.first(count)
        rank = torch.arange(len(by_image.image), device=first.device) - first[by_image.image]
        top = by_image.score[first][by_image.image]
        may = by_image.score >= top - margin - share * top.clamp(min=0)
        return by_image.select((rank < most) & (may | (rank < least)))

    def modes(self, rotations: Tensor, count: int, *, most: int, apart_deg: float) -> Tensor:
        """Row numbers of the best of each image, of the best of those apart from it, and so on.

        Parameters
        ----------
        rotations
            `(c, 3, 3)` of the cells; they have to be sorted.
        apart_deg
            Two orientations nearer than this are of one mode.

        Returns
        -------
        rows
            `(r,)`, sorted by image, the best mode first.
        """
        left = torch.ones_like(self.image, dtype=torch.bool)
        found = []
        for _ in range(most):
            rows = left.nonzero()[:, 0]
            rows = rows[self.image[rows].diff(prepend=self.image.new_full((1,), -1)) > 0]
            if not len(rows):
                break
            found.append(rows)
            centre = rotations.new_zeros(count, 3, 3)
            centre[self.image[rows]] = rotations[rows]
            left &= angle_deg(rotations, centre[self.image]) > apart_deg
            left[rows] = False
        joined = torch.cat(found)
        return joined[self.image[joined].argsort(stable=True)]
