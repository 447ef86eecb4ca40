"""The middle of a picker made of convolutions only: what the transformer has to beat."""

from __future__ import annotations

from torch import Tensor, nn

from napari_cryoai.nets.layers import Down, ResidualBlock, UpAdd


class ConvolutionalMiddle(nn.Module):
    """Down to an eighth and a sixteenth of the size, and up again; `(b, c, h, w)` to the same."""

    def __init__(self, dim: int):
        super().__init__()
        self.before = ResidualBlock(dim)
        self.down = Down(dim, dim)
        self.bottom = ResidualBlock(dim)
        self.up = UpAdd(dim, dim)
        self.after = ResidualBlock(dim)

    def forward(self, image: Tensor) -> Tensor:
        fine = self.before(image)
        return self.after(self.up(self.bottom(self.down(fine)), fine))
