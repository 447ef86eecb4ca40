"""The network of the learned picker: a prepared micrograph to centres, sizes and junk.

A convolutional stem and decoder at a quarter of the size around a middle at an eighth, where a
particle is not quite three cells wide: windowed attention with global tokens, or convolutions.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from napari_cryoai.nets.attention import WindowBlock
from napari_cryoai.nets.layers import Down, ResidualBlock, UpAdd
from napari_cryoai.picking.unet import ConvolutionalMiddle

STRIDE = 4
"""Pixels of the image per cell of the heads."""

PRIOR = 0.01
"""Share of cells that hold a centre; what the network says before it has learned anything."""

Architecture = Literal["transformer", "unet"]


class PickerConfig(BaseModel):
    """What the network is made of; kept with its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Architecture = "transformer"
    fine_dim: int = Field(64, ge=8, le=512)
    dim: int = Field(128, ge=16, le=1024)
    depth: int = Field(6, ge=1, le=48)
    heads: int = Field(4, ge=1, le=32)
    window: int = Field(8, ge=2, le=32)
    global_tokens: int = Field(4, ge=1, le=64)

    @model_validator(mode="after")
    def _heads_share_evenly(self) -> Self:
        if self.dim % self.heads:
            raise ValueError(f"{self.heads} heads cannot share {self.dim} channels")
        return self

    @property
    def multiple(self) -> int:
        """Pixels of the image in a window: cuts at multiples of it are seen alike."""
        return 2 * STRIDE * self.window


class Heads(NamedTuple):
    """What the network says of each cell of `STRIDE` pixels.

    Attributes
    ----------
    heat
        `(b, h, w)` logits: does a particle have its centre here?
    offset
        `(b, 2, h, w)` from the middle of the cell to the centre, in cells, y and x.
    size
        `(b, h, w)` logarithm of the particle's diameter over the one that was given.
    junk
        `(b, h, w)` logits: carbon, ice, aggregate?
    """

    heat: Tensor
    offset: Tensor
    size: Tensor
    junk: Tensor

    @classmethod
    def of_planes(cls, planes: Tensor) -> Heads:
        """From `(b, 5, h, w)`, as the last layer of the network gives them."""
        heat, dy, dx, size, junk = planes.unbind(1)
        return cls(heat, torch.stack([dy, dx], 1), size, junk)


class PickerNetwork(nn.Module):
    """See the module. Any height and width: zeros are added up to what the windows need."""

    def __init__(self, config: PickerConfig | None = None):
        super().__init__()
        self.config = config = config or PickerConfig()
        fine, dim = config.fine_dim, config.dim
        self.stem = nn.Sequential(
            nn.Conv2d(1, fine // 2, 5, stride=2, padding=2),
            nn.GELU(),
            nn.Conv2d(fine // 2, fine, 3, stride=2, padding=1),
        )
        self.hidden = nn.Parameter(torch.zeros(fine, 1, 1))
        self.before = ResidualBlock(fine)
        self.down = Down(fine, dim)
        self.middle = (
            TransformerMiddle(config)
            if config.architecture == "transformer"
            else ConvolutionalMiddle(dim)
        )
        self.up = UpAdd(dim, fine)
        self.after = ResidualBlock(fine)
        self.heads = _head(fine, 5)
        self.picture = _head(fine, 1)
        with torch.no_grad():
            for name, parameter in self.heads[-1].named_parameters():
                parameter.mul_(0.1)
                if name == "bias":
                    parameter[0] = math.log(PRIOR / (1 - PRIOR))

    def forward(self, image: Tensor) -> Heads:
        """Find particles.

        Parameters
        ----------
        image
            `(b, 1, h, w)`, white noise of unit variance, density bright.
        """
        return Heads.of_planes(self.heads(self.features(image)))

    def restore(self, image: Tensor, hidden: Tensor) -> Tensor:
        """What the network makes of an image of which it sees only a part.

        Parameters
        ----------
        image
            `(b, 1, h, w)`.
        hidden
            `(b, h / STRIDE, w / STRIDE)` bool: cells it does not see.

        Returns
        -------
        picture
            Of the shape of `hidden`: the image, free of noise, at a quarter of its size.
        """
        return self.picture(self.features(image, hidden))[:, 0]

    def features(self, image: Tensor, hidden: Tensor | None = None) -> Tensor:
        """`(b, fine_dim, h / STRIDE, w / STRIDE)`, rounded up."""
        h, w = (-(-n // STRIDE) for n in image.shape[-2:])
        if hidden is not None:
            image = image * ~hidden[:, None].repeat_interleave(STRIDE, 2).repeat_interleave(
                STRIDE, 3
            )
        padded = _pad(image, self.config.multiple)
        fine = self.stem(padded.contiguous(memory_format=torch.channels_last))
        if hidden is not None:
            missing = functional.pad(hidden, (0, fine.shape[-1] - w, 0, fine.shape[-2] - h))
            fine = torch.where(missing[:, None], self.hidden, fine)
        fine = self.before(fine)
        fine = self.after(self.up(self.middle(self.down(fine)), fine))
        return fine[..., :h, :w]


class TransformerMiddle(nn.Module):
    """Blocks of windowed attention, every other one shifted; `(b, c, h, w)` to the same."""

    def __init__(self, config: PickerConfig):
        super().__init__()
        self.shared = nn.Parameter(torch.randn(config.global_tokens, config.dim) * 0.02)
        self.blocks = nn.ModuleList(
            WindowBlock(
                config.dim,
                config.heads,
                config.window,
                config.global_tokens,
                shifted=i % 2 == 1,
            )
            for i in range(config.depth)
        )

    def forward(self, image: Tensor) -> Tensor:
        tokens = image.permute(0, 2, 3, 1)
        shared = self.shared.expand(len(image), -1, -1)
        for block in self.blocks:
            tokens, shared = block(tokens, shared)
        return tokens.permute(0, 3, 1, 2)


def count_parameters(network: nn.Module) -> int:
    """How many numbers are learned."""
    return sum(p.numel() for p in network.parameters())


def _head(dim: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(dim, dim, 1), nn.GELU(), nn.Conv2d(dim, outputs, 1))


def _pad(image: Tensor, multiple: int) -> Tensor:
    """Add zeros, the mean, below and to the right, up to a multiple."""
    down, right = (-n % multiple for n in image.shape[-2:])
    return functional.pad(image, (0, right, 0, down))
