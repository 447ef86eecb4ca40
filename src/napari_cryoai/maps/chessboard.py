"""A denoiser that has learned from the map it denoises, and never where it is applied.

The map is cut into cells, black and white like a chessboard in three dimensions. One network learns
from the black ones and denoises the white ones, the other the other way round. So no network has
been asked for the noise of either half at a place where it speaks, and the halves stay as
independent as they were: what both denoised halves show is no noise that was learned by heart. The
board is the same in all 24 orientations of the cube, so that two- and fourfold axes along its edges
take no place to one of the other colour; other symmetries may.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_cryoai.maps.learned import LearnedDenoiser
from napari_cryoai.maps.network import Answer, MapNetwork
from napari_cryoai.maps.standard import PIXEL_A

CELL_A, RESOLUTIONS = 24.0, 4.0
"""Side of a cell, if that is so many times the resolution."""

MARGIN = 0.15
"""Share of it on either side that nothing is learned from: noise is alike over half a resolution
length or so."""

SEAM_A = 3.0
"""Over which one network gives way to the other."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FineTuned(LearnedDenoiser):
    """Two networks, each for the cells that it has not learned from.

    Attributes
    ----------
    network
        That they began with. It goes on telling the errors to expect: nothing in a half map teaches
        those.
    tuned
        The one that has learned from the black cells, for the white ones, of which the one in the
        middle is one; and the other way round.
    cell_A
        Side of a cell.
    """

    tuned: tuple[MapNetwork, MapNetwork]
    cell_A: float

    def _answer(self, density: Tensor, contrast: Tensor, bins: Tensor) -> Answer:
        expected = super()._answer(density, contrast, bins).log_error
        one, two = (
            LearnedDenoiser(network)._answer(density, contrast, bins).density
            for network in self.tuned
        )
        return Answer(two + white(density.shape, self.cell_A) * (one - two), expected)


def cell_size(resolution_A: float) -> float:
    """Side of the cells of a map, in Angstrom."""
    return max(CELL_A, RESOLUTIONS * resolution_A)


def white(shape: Sequence[int], cell_A: float) -> Tensor:
    """1 in the white cells of a box on the networks' grid and 0 in the black ones; soft seams."""
    colour, wall_A = _board(shape, cell_A)
    return 0.5 + colour * (wall_A / SEAM_A).clamp(max=0.5)


def well_inside(shape: Sequence[int], cell_A: float) -> tuple[Tensor, Tensor]:
    """Where black cells may be learned from, and where white ones: bool, away from their walls."""
    colour, wall_A = _board(shape, cell_A)
    inner = wall_A >= MARGIN * cell_A
    return inner & (colour < 0), inner & (colour > 0)


def _board(shape: Sequence[int], cell_A: float) -> tuple[Tensor, Tensor]:
    """1 or -1 for the colour of each voxel, and how far the next wall is, in Angstrom."""
    colour, wall = torch.ones(()), torch.tensor(cell_A)
    for axis, n in enumerate(shape):
        place = ((torch.arange(n) - (n - 1) / 2) * PIXEL_A / cell_A).abs()
        number = torch.floor(place + 0.5)
        along = [-1 if i == axis else 1 for i in range(3)]
        colour = colour * (1 - 2 * (number % 2)).reshape(along)
        wall = torch.minimum(wall, (cell_A * (0.5 - (place - number).abs())).reshape(along))
    return colour, wall
