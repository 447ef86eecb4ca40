"""Grids of orientations: HEALPix directions of view times in-plane angles.

The equal-area pixels of HEALPix (Gorski et al. 2005, Astrophys. J. 622, 759) times equal steps of
the in-plane angle cover SO(3) evenly (Yershova et al. 2010, Int. J. Robot. Res. 29, 801). At order
`o` there are `12 * 4^o` directions and `6 * 2^o` angles, `72 * 8^o` orientations. A cell of the
grid has eight children at the next order: four directions times two angles.

A cell's number is `pixel * (6 * 2^o) + angle`, with the pixel's number in HEALPix's nested order.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_cryoai.physics.symmetry import in_asymmetric_unit


def n_directions(order: int) -> int:
    """How many directions of view a grid has."""
    return int(12 * 4**order)


def n_in_plane(order: int) -> int:
    """How many in-plane angles a grid has."""
    return int(6 * 2**order)


def spacing_deg(order: int) -> float:
    """Side of a square as large as a pixel; the step of the in-plane angle is about the same."""
    return math.degrees(math.sqrt(4 * math.pi / n_directions(order)))


def directions(order: int, pixels: Tensor | None = None) -> Tensor:
    """Centres of HEALPix pixels.

    Parameters
    ----------
    order
        The sphere has `12 * 4**order` pixels.
    pixels
        `(m,)` int64 numbers in nested order; all, if not given.

    Returns
    -------
    xyz
        `(m, 3)` unit vectors, float64.
    """
    if pixels is None:
        pixels = torch.arange(n_directions(order))
    side = 2**order
    face, within = pixels // side**2, pixels % side**2
    # In units of the face's side, counted from its southern corner to the east and to the west.
    east, west = ((_every_second_bit(within >> i, order).double() + 0.5) / side for i in (0, 1))
    row, column = face // 4, face % 4
    longitude = 2 * column + (row != 1).long()  # of the face's centre, in units of pi / 4
    height = east + west - row  # in units of pi / 4 of HEALPix's plane
    narrow = (2 - height.abs()).clamp(max=1)  # less than 1 in the polar caps
    z = torch.where(narrow == 1, 2 / 3 * height, height.sign() * (1 - narrow**2 / 3))
    phi = math.pi / 4 * (longitude + (east - west) / narrow)
    flat = (1 - z * z).sqrt()
    return torch.stack([flat * phi.cos(), flat * phi.sin(), z], -1)


def rotation_grid(
    order: int,
    group: Tensor | None = None,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """All orientations of a grid.

    Parameters
    ----------
    order
        Spacing is about 58.6 / 2**order degrees.
    group
        `(g, 3, 3)` point group: only views of its asymmetric unit are given.

    Returns
    -------
    rotations
        `(m, 3, 3)` that take the map into the view.
    """
    return rotations_of(grid_cells(order, group), order).to(device, dtype)


def grid_cells(order: int, group: Tensor | None = None) -> Tensor:
    """Numbers `(m,)` of all cells of a grid, or of those whose centres are not symmetry mates."""
    cells = torch.arange(n_directions(order) * n_in_plane(order))
    if group is None or len(group) == 1:
        return cells
    # The direction of view decides alone, so one in-plane angle is enough to ask.
    first = rotations_of(cells[:: n_in_plane(order)], order)
    inside = in_asymmetric_unit(first, group.to(first.device))
    return cells[inside.repeat_interleave(n_in_plane(order))]


def rotations_of(cells: Tensor, order: int) -> Tensor:
    """Orientations at the centres of cells: `(m, 3, 3)` float64.

    RELION's angles of it are the direction's longitude (`rot`) and angle from z (`tilt`), and half
    a step more than whole steps for `psi`.
    """
    count = n_in_plane(order)
    psi = 2 * math.pi / count * ((cells % count).double() + 0.5)
    c, s = psi.cos()[:, None], psi.sin()[:, None]
    south, east, view = _frames(directions(order, cells // count)).unbind(-2)
    return torch.stack([c * south + s * east, -s * south + c * east, view], -2)


def children(cells: Tensor, order: int) -> Tensor:
    """Numbers of the cells at `order + 1` that cells at `order` are made of.

    Where meridians run together, near the poles, a pixel and the four in it count the in-plane
    angle from very different zeros. So the angles of each are the two nearest to the parent's.

    Returns
    -------
    cells
        `(m, 8)`; all children of all cells are all cells of the next order, each once.
    """
    count = n_in_plane(order)
    pixels = 4 * (cells // count)[:, None] + torch.arange(4, device=cells.device)
    parent, child = (
        _frames(directions(order, cells // count)),
        _frames(directions(order + 1, pixels)),
    )
    turn = child @ parent[:, None].mT
    twist = torch.atan2(turn[..., 1, 0] - turn[..., 0, 1], turn[..., 0, 0] + turn[..., 1, 1])
    steps = (twist * (2 * count / (2 * math.pi))).round().long()
    angles = 2 * (cells % count)[:, None] + steps
    both = (angles[..., None] + torch.arange(2, device=cells.device)) % (2 * count)
    return (pixels[..., None] * 2 * count + both).flatten(1)


def random_rotations(count: int, *, generator: torch.Generator | None = None) -> Tensor:
    """Uniformly distributed orientations `(count, 3, 3)` float64, from random quaternions."""
    q = torch.randn(count, 4, generator=generator, dtype=torch.float64)
    w, x, y, z = (q / q.norm(dim=-1, keepdim=True)).unbind(-1)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def angle_deg(a: Tensor, b: Tensor, group: Tensor | None = None) -> Tensor:
    """Angle of the rotation between orientations, the smallest among symmetry mates.

    Parameters
    ----------
    a, b
        `(..., 3, 3)` that broadcast against each other.
    group
        `(g, 3, 3)`.

    Returns
    -------
    angle
        `(...)`, exact for small angles too.
    """
    if group is not None:
        a, b = a[..., None, :, :] @ group.to(a), b[..., None, :, :]
    # The distance of the matrices is 2 sqrt 2 sin(angle / 2).
    chord = (a - b).flatten(-2).norm(dim=-1) / (2 * math.sqrt(2))
    angle = 2 * torch.rad2deg(torch.asin(chord.clamp(max=1)))
    return angle if group is None else angle.amin(-1)


def _frames(view: Tensor) -> Tensor:
    """Rows towards the south and the east of directions, and along them: `(..., 3, 3)`."""
    x, y, z = view.unbind(-1)
    flat = (x * x + y * y).sqrt()  # never 0: no centre of a pixel lies on a pole
    south = torch.stack([x * z / flat, y * z / flat, -flat], -1)
    east = torch.stack([-y / flat, x / flat, torch.zeros_like(x)], -1)
    return torch.stack([south, east, view], -2)


def _every_second_bit(numbers: Tensor, bits: int) -> Tensor:
    """Bits 0, 2, 4, ... of numbers, moved together."""
    found = torch.zeros_like(numbers)
    for i in range(bits):
        found |= (numbers >> 2 * i & 1) << i
    return found
