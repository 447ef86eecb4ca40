"""A denoising autoencoder: everything goes through the bottleneck, nothing past it."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from napari_cryoai.nets.volumes import Modulated

WIDTHS = (1, 2, 4)
"""Of the levels, in that of the first."""


class Autoencoder(nn.Module):
    """Down to the bottleneck and up again; see `UNet` for the parameters."""

    residual = False
    multiple = 2 ** (len(WIDTHS) - 1)

    def __init__(self, width: int, told: int):
        super().__init__()
        widths = [width * w for w in WIDTHS]
        pairs = list(pairwise(widths))
        self.encode = nn.ModuleList(Modulated(w, told) for w in widths)
        self.decode = nn.ModuleList(Modulated(w, told) for w in widths)
        self.down = nn.ModuleList(nn.Conv3d(a, b, 2, stride=2) for a, b in pairs)
        self.up = nn.ModuleList(nn.Conv3d(b, a, 1) for a, b in pairs)

    def forward(self, volume: Tensor, told: Tensor) -> Tensor:
        """`(b, width, d, h, w)` to the same shape."""
        for block, down in zip(self.encode, self.down, strict=False):
            volume = down(block(volume, told))
        volume = self.decode[-1](self.encode[-1](volume, told), told)
        for block, up in reversed(list(zip(self.decode, self.up, strict=False))):
            volume = block(functional.interpolate(up(volume), scale_factor=2), told)
        return volume
