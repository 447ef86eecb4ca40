"""Convolutions that turn with the volume: exactly, for the 24 rotations of the cube.

A feature is a function on the rotations besides its place: `(fields, 24)` channels, what the field
sees in each of the 24 orientations (the regular representation; Cohen and Welling 2016,
arXiv 1602.07576). Turning the input turns the features and permutes their orientations. All kernels
of a layer are turned copies of one, with its orientations permuted likewise.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cryoai.nets.octahedral import ORDER, inverses, products, turned


def turned_taps(side: int) -> Tensor:
    """`(24, side^3)` long: which tap of a kernel comes where when the kernel is turned."""
    taps = torch.arange(side**3).reshape(side, side, side)
    return torch.stack([turned(taps, g).flatten() for g in range(ORDER)])


class GroupConv(nn.Module):
    """Fields to fields.

    Parameters
    ----------
    fields, to
        Of the input and of the output; each has 24 channels.
    side
        Of the kernel.
    stride
        An even kernel with a stride of 2 keeps the middle of even boxes in place.
    bias
        Whether a constant is added to each field.
    """

    def __init__(self, fields: int, to: int, side: int = 1, *, stride: int = 1, bias: bool = True):
        super().__init__()
        self.side, self.stride = side, stride
        spread = 1 / math.sqrt(fields * ORDER * side**3)
        self.weight = nn.Parameter(spread * torch.randn(to, fields, ORDER, side**3))
        self.bias = nn.Parameter(torch.zeros(to)) if bias else None
        self.taps: Tensor
        self.apart: Tensor
        self.register_buffer("taps", turned_taps(side), persistent=False)
        # `[g, h]`: the rotation that is left between the orientations g and h.
        self.register_buffer("apart", products()[inverses()], persistent=False)

    def forward(self, volume: Tensor) -> Tensor:
        """`(b, fields * 24, d, h, w)` to `(b, to * 24, ...)`."""
        bias = None if self.bias is None else self.bias.repeat_interleave(ORDER)
        padding = (self.side - self.stride) // 2 if self.side > 1 else 0
        return functional.conv3d(volume, self.kernel(), bias, self.stride, padding)

    def kernel(self) -> Tensor:
        """`(to * 24, fields * 24, side, side, side)`."""
        to, fields = self.weight.shape[:2]
        # to, fields, orientation out, orientation in, tap
        every = self.weight[:, :, self.apart[:, :, None], self.taps[:, None, :]]
        every = every.permute(0, 2, 1, 3, 4)
        return every.reshape(to * ORDER, fields * ORDER, *(self.side,) * 3)


class Lift(nn.Module):
    """Volumes to fields; see `GroupConv`."""

    def __init__(self, channels: int, to: int, side: int, *, stride: int = 1):
        super().__init__()
        self.side, self.stride = side, stride
        spread = 1 / math.sqrt(channels * side**3)
        self.weight = nn.Parameter(spread * torch.randn(to, channels, side**3))
        self.taps: Tensor
        self.register_buffer("taps", turned_taps(side), persistent=False)

    def forward(self, volume: Tensor) -> Tensor:
        """`(b, channels, d, h, w)` to `(b, to * 24, ...)`."""
        padding = (self.side - self.stride) // 2
        return functional.conv3d(volume, self.kernel(), None, self.stride, padding)

    def kernel(self) -> Tensor:
        """`(to * 24, channels, side, side, side)`."""
        to, channels = self.weight.shape[:2]
        every = self.weight[:, :, self.taps].transpose(1, 2)
        return every.reshape(to * ORDER, channels, *(self.side,) * 3)


class Grow(nn.Module):
    """The adjoint of a layer that shrinks: back to its grid, to the channels that it takes.

    Parameters
    ----------
    like
        A `GroupConv` or a `Lift` of stride 2; its weights become this layer's own.
    """

    def __init__(self, like: GroupConv | Lift):
        super().__init__()
        self.like = like

    def forward(self, volume: Tensor) -> Tensor:
        """Twice the size along each axis."""
        padding = (self.like.side - self.like.stride) // 2
        return functional.conv_transpose3d(
            volume, self.like.kernel(), None, self.like.stride, padding
        )


class FieldNorm(nn.Module):
    """Layer norm over all channels of a voxel, which no rotation changes."""

    def __init__(self, fields: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(fields))
        self.bias = nn.Parameter(torch.zeros(fields))

    def forward(self, volume: Tensor) -> Tensor:
        """`(b, fields * 24, d, h, w)` to the same shape."""
        weight, bias = (p.repeat_interleave(ORDER) for p in (self.weight, self.bias))
        last = volume.movedim(1, -1)
        return functional.layer_norm(last, last.shape[-1:], weight, bias).movedim(-1, 1)
