"""Three-dimensional blocks without statistics of the volume: a crop gives what the whole gives."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Modulated(nn.Module):
    """Two 3 x 3 x 3 convolutions beside the identity, steered by a vector or not.

    The vector scales and shifts the channels in between (FiLM; Perez et al. 2018, AAAI 32, 3942).
    At the start the block is the identity.

    Parameters
    ----------
    channels
        Of the volume.
    told
        Length of the vector; 0 for none.
    """

    def __init__(self, channels: int, told: int = 0):
        super().__init__()
        self.first = nn.Conv3d(channels, channels, 3, padding=1)
        self.second = nn.Conv3d(channels, channels, 3, padding=1)
        self.film = nn.Linear(told, 2 * channels) if told else None
        for layer in (self.second, self.film):
            for parameter in layer.parameters() if layer is not None else ():
                nn.init.zeros_(parameter)

    def forward(self, volume: Tensor, told: Tensor | None = None) -> Tensor:
        """`(b, c, d, h, w)` and `(b, told)` to the shape of the volume."""
        inner = self.first(functional.silu(volume))
        if self.film is not None:
            scale, shift = self.film(told)[..., None, None, None].chunk(2, 1)
            inner = inner * (1 + scale) + shift
        return volume + self.second(functional.silu(inner))


def unshuffled(volume: Tensor, side: int = 2) -> Tensor:
    """Cells of `side` voxels along each axis as channels: `(b, c, d, h, w)` to `c * side^3`."""
    b, c, d, h, w = volume.shape
    cells = volume.reshape(b, c, d // side, side, h // side, side, w // side, side)
    return cells.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(
        b, c * side**3, d // side, h // side, w // side
    )


def shuffled(cells: Tensor, side: int = 2) -> Tensor:
    """What `unshuffled` was made from."""
    b, c, d, h, w = cells.shape
    split = cells.reshape(b, c // side**3, side, side, side, d, h, w)
    return split.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(
        b, c // side**3, d * side, h * side, w * side
    )


def padded(volume: Tensor, multiple: int) -> tuple[Tensor, list[slice]]:
    """Zeros around the last three axes, the same on both sides if it can be.

    Returns
    -------
    volume
        Whose sides are multiples.
    inside
        Where the volume that was given lies in it.
    """
    pads, inside = [], []
    for n in volume.shape[-3:]:
        extra = -n % multiple
        pads.append((extra // 2, extra - extra // 2))
        inside.append(slice(extra // 2, extra // 2 + n))
    flat = [side for pair in reversed(pads) for side in pair]
    return functional.pad(volume, flat), inside
