"""Convolutional blocks without batch statistics: one image gives the same result in any batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel; `(b, c, h, w)` to the same shape."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, image: Tensor) -> Tensor:
        last = image.permute(0, 2, 3, 1)
        normed = functional.layer_norm(last, self.weight.shape, self.weight, self.bias)
        return normed.permute(0, 3, 1, 2)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside the identity, which is all there is at the start."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        for parameter in self.second.parameters():
            nn.init.zeros_(parameter)

    def forward(self, image: Tensor) -> Tensor:
        inner = functional.gelu(self.first(self.norm(image)))
        return image + self.second(inner)


class Down(nn.Module):
    """Half the size: norm, then a 3 x 3 convolution of stride 2."""

    def __init__(self, channels: int, to: int):
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.merge = nn.Conv2d(channels, to, 3, stride=2, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return self.merge(self.norm(image))


class UpAdd(nn.Module):
    """Twice the size, bilinear, in other channels; added to what a skip connection brings."""

    def __init__(self, channels: int, to: int):
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.project = nn.Conv2d(channels, to, 1)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        inner = self.project(self.norm(coarse))
        fine = functional.interpolate(inner, skip.shape[-2:], mode="bilinear", align_corners=False)
        return skip + fine
