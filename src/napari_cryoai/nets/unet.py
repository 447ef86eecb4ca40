"""A U-Net (Ronneberger et al. 2015, arXiv 1505.04597) in three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from napari_cryoai.nets.volumes import Modulated


class UNet(nn.Module):
    """Down and up again, with skips.

    Parameters
    ----------
    widths
        Channels of the levels, each of half the resolution of the one before; the first come and
        go.
    told
        Length of the vector that steers the blocks; 0 for none.
    """

    residual = True

    def __init__(self, widths: Sequence[int], told: int = 0):
        super().__init__()
        self.multiple = 2 ** (len(widths) - 1)
        pairs = list(pairwise(widths))
        self.before = nn.ModuleList(Modulated(w, told) for w in widths)
        self.after = nn.ModuleList(Modulated(w, told) for w in widths[:-1])
        self.down = nn.ModuleList(nn.Conv3d(a, b, 2, stride=2) for a, b in pairs)
        self.up = nn.ModuleList(nn.Conv3d(b, a, 1) for a, b in pairs)

    def forward(self, volume: Tensor, told: Tensor | None = None) -> Tensor:
        """`(b, width, d, h, w)` to the same shape."""
        skips = []
        for block, down in zip(self.before, self.down, strict=False):
            volume = block(volume, told)
            skips.append(volume)
            volume = down(volume)
        volume = self.before[-1](volume, told)
        for block, up in reversed(list(zip(self.after, self.up, strict=True))):
            fine = functional.interpolate(up(volume), scale_factor=2, mode="nearest")
            volume = block(skips.pop() + fine, told)
        return volume
