"""A transformer that turns with the map: exactly with the 24 rotations of the cube.

Features are fields over the 24 orientations (`nets.group_conv`). Tokens attend to the others of
their window by the inner product over fields and orientations, which no rotation changes, and by a
bias that depends on how far apart they are along the axes, in any order and direction. What
translations by a window, and these rotations, do to the input, they do to the output.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cryoai.nets.group_conv import FieldNorm, GroupConv, Grow
from napari_cryoai.nets.octahedral import ORDER

FIELDS = (2, 8, 20)
"""On cells of 2, 4 and 8 voxels a side."""

BLOCKS = (2, 4)
"""Of the transformer, on cells of 4 and 8 voxels."""

WINDOW, HEADS = 4, 4
FAR = -1e4
"""Added to the logits of what lies outside the volume."""


class Equivariant(nn.Module):
    """Fields on cells of two voxels to the same.

    Parameters
    ----------
    told
        Length of the vector that steers the blocks.
    """

    residual = True
    multiple = 8
    fields = FIELDS[0]

    def __init__(self, told: int):
        super().__init__()
        fine, middle, coarse = FIELDS
        self.before, self.after = (Convolved(fine, told) for _ in range(2))
        self.down = nn.ModuleList(
            GroupConv(a, b, 2, stride=2) for a, b in ((fine, middle), (middle, coarse))
        )
        self.up = nn.ModuleList(
            Grow(GroupConv(a, b, 2, stride=2, bias=False))
            for a, b in ((fine, middle), (middle, coarse))
        )
        self.middle = nn.ModuleList(
            Attending(middle, told, shifted=bool(i % 2)) for i in range(2 * BLOCKS[0])
        )
        self.coarse = nn.ModuleList(
            Attending(coarse, told, shifted=bool(i % 2)) for i in range(BLOCKS[1])
        )

    def forward(self, volume: Tensor, told: Tensor) -> Tensor:
        """`(b, fields * 24, d, h, w)` to the same shape."""
        fine = self.before(volume, told)
        middle = self.down[0](fine)
        for block in self.middle[: BLOCKS[0]]:
            middle = block(middle, told)
        coarse = self.down[1](middle)
        for block in self.coarse:
            coarse = block(coarse, told)
        middle = middle + self.up[1](coarse)
        for block in self.middle[BLOCKS[0] :]:
            middle = block(middle, told)
        return self.after(fine + self.up[0](middle), told)


class Steered(nn.Module):
    """Scales and shifts fields by a vector, the same in all orientations."""

    def __init__(self, fields: int, told: int):
        super().__init__()
        self.film = nn.Linear(told, 2 * fields)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, volume: Tensor, told: Tensor) -> Tensor:
        both = self.film(told).repeat_interleave(ORDER, 1)
        scale, shift = both[..., None, None, None].chunk(2, 1)
        return volume * (1 + scale) + shift


class Convolved(nn.Module):
    """Two convolutions beside the identity, which is all there is at the start."""

    def __init__(self, fields: int, told: int):
        super().__init__()
        self.first, self.second = (GroupConv(fields, fields, 3) for _ in range(2))
        self.steered = Steered(fields, told)
        nn.init.zeros_(self.second.weight)

    def forward(self, volume: Tensor, told: Tensor) -> Tensor:
        inner = self.steered(self.first(functional.silu(volume)), told)
        return volume + self.second(functional.silu(inner))


class Attending(nn.Module):
    """A transformer block; `(b, fields * 24, d, h, w)` with even sides to the same shape."""

    def __init__(self, fields: int, told: int, *, shifted: bool):
        super().__init__()
        self.shift = WINDOW // 2 if shifted else 0
        self.norms = nn.ModuleList(FieldNorm(fields) for _ in range(2))
        self.steered = nn.ModuleList(Steered(fields, told) for _ in range(2))
        self.qkv = GroupConv(fields, 3 * fields)
        self.project = GroupConv(fields, fields)
        self.widen, self.narrow = GroupConv(fields, 2 * fields), GroupConv(2 * fields, fields)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.narrow.weight)
        relation = _relation()
        self.bias = nn.Parameter(torch.zeros(HEADS, int(relation.max()) + 1))
        self.relation: Tensor
        self.register_buffer("relation", relation, persistent=False)

    def forward(self, volume: Tensor, told: Tensor) -> Tensor:
        seen = self.steered[0](self.norms[0](volume), told)
        volume = volume + self.project(self._attended(self.qkv(seen)))
        seen = self.steered[1](self.norms[1](volume), told)
        return volume + self.narrow(functional.silu(self.widen(seen)))

    def _attended(self, qkv: Tensor) -> Tensor:
        sides = qkv.shape[-3:]
        # The same on both sides, so that windows lie alike however the volume is turned.
        pads = [(-n % WINDOW) // 2 + self.shift for n in sides]
        flat = [p for pad in reversed(pads) for p in (pad, pad)]
        windows = _windows(functional.pad(qkv, flat))
        b, count, tokens, channels = windows.shape
        split = windows.reshape(b * count, tokens, 3, HEADS, channels // (3 * HEADS))
        q, k, v = split.permute(2, 0, 3, 1, 4)
        bias = self.bias[:, self.relation][None].to(q.dtype)
        if any(pads):
            inside = functional.pad(qkv.new_ones(1, 1, *sides), flat)
            outside = _windows(inside)[0, :, None, None, :, 0] < 0.5
            bias = bias + FAR * outside.to(q.dtype).repeat(b, 1, 1, 1)
        found = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        back = found.transpose(1, 2).reshape(b, count, tokens, channels // 3)
        padded = [n + 2 * p for n, p in zip(sides, pads, strict=True)]
        z, y, x = (slice(p, p + n) for n, p in zip(sides, pads, strict=True))
        return _volume(back, padded)[..., z, y, x]


def _windows(volume: Tensor) -> Tensor:
    """`(b, c, d, h, w)` to `(b, windows, WINDOW^3, c)`."""
    b, c, *sides = volume.shape
    d, h, w = (n // WINDOW for n in sides)
    split = volume.reshape(b, c, d, WINDOW, h, WINDOW, w, WINDOW)
    return split.permute(0, 2, 4, 6, 3, 5, 7, 1).reshape(b, d * h * w, WINDOW**3, c)


def _volume(windows: Tensor, sides: list[int]) -> Tensor:
    """What `_windows` was made from."""
    b, _, _, c = windows.shape
    d, h, w = (n // WINDOW for n in sides)
    split = windows.reshape(b, d, h, w, WINDOW, WINDOW, WINDOW, c)
    return split.permute(0, 7, 1, 4, 2, 5, 3, 6).reshape(b, c, *sides)


def _relation() -> Tensor:
    """`(WINDOW^3, WINDOW^3)`: pairs of one number are those that rotations bring together."""
    at = torch.cartesian_prod(*[torch.arange(WINDOW)] * 3)
    apart = (at[:, None] - at[None]).abs().sort(-1).values
    return torch.unique(apart.flatten(0, 1), dim=0, return_inverse=True)[1].reshape(
        len(at), len(at)
    )
