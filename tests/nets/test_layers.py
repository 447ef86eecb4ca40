"""Convolutional blocks: sizes, norms, and what they do before they have learned."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_cryoai.nets.layers import ChannelNorm, Down, ResidualBlock, UpAdd

SIZES = [(1, 1), (7, 10), (16, 5)]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_the_norm_is_over_the_channels_of_each_pixel():
    image = 3 + 5 * torch.randn(2, 16, 6, 7)
    normed = ChannelNorm(16)(image)
    assert normed.shape == image.shape
    assert normed.mean(1).abs().max() < 1e-5
    assert (normed.var(1, correction=0) - 1).abs().max() < 1e-3
    brighter = image.clone()
    brighter[:, 0, 2, 3] *= 100
    changed = (ChannelNorm(16)(brighter) != normed).any(1).any(0)
    assert changed.nonzero().tolist() == [[2, 3]]


def test_a_residual_block_starts_as_the_identity_up_to_a_constant():
    image = torch.randn(2, 8, 6, 7)
    added = ResidualBlock(8)(image) - image
    assert (added - added[:1, :, :1, :1]).abs().max() < 1e-5


def test_a_residual_block_sees_two_pixels_far():
    block = ResidualBlock(4)
    nn.init.normal_(block.second.weight)
    image = torch.randn(1, 4, 15, 15)
    other = image.clone()
    other[0, 0, 7, 7] += 3
    changed = (block(other) != block(image)).any(1)[0]
    assert changed[5:10, 5:10].all()
    assert changed.sum() == 25


@pytest.mark.parametrize("size", SIZES)
def test_down_halves_rounded_up_and_up_comes_back_to_the_same_size(size):
    fine = torch.randn(1, 8, *size)
    coarse = Down(8, 12)(fine)
    assert coarse.shape == (1, 12, *(-(-n // 2) for n in size))
    assert UpAdd(12, 8)(coarse, fine).shape == fine.shape


def test_what_is_upsampled_is_added_to_the_skip_connection():
    up, skip = UpAdd(12, 8), torch.randn(1, 8, 10, 10)
    coarse = torch.randn(1, 12, 1, 1).expand(1, 12, 5, 5)
    added = up(coarse, skip) - skip
    assert (added - added[..., :1, :1]).abs().max() < 1e-5
    assert added.abs().max() > 0.01


@pytest.mark.parametrize("make", [lambda: ResidualBlock(8), lambda: Down(8, 8)])
def test_an_image_gives_the_same_in_any_batch(make):
    block, images = make(), torch.randn(3, 8, 9, 9)
    alone = torch.cat([block(image[None]) for image in images])
    assert torch.allclose(block(images), alone, atol=1e-5)
