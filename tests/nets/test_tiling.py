"""Tiles cover an image once, and a network gives on them what it gives on the whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cryoai.nets.tiling import tiles
from napari_cryoai.picking.network import STRIDE, PickerConfig, PickerNetwork

WINDOW = 2
GRID = 2 * STRIDE * WINDOW
"""Pixels per window: tiles that start elsewhere would be cut into other windows."""

SMALL = {"fine_dim": 8, "dim": 16, "depth": 2, "heads": 2, "window": WINDOW, "global_tokens": 2}
MARGIN = 9 * GRID
"""Farther than either network sees."""


@settings(max_examples=200, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    multiple=st.integers(1, 16),
    margin=st.integers(0, 40),
    room=st.integers(0, 100),
)
def test_every_pixel_is_kept_once_with_its_margin(shape, multiple, margin, room):
    side = 2 * (margin + multiple) + multiple + room
    count = np.zeros(shape, int)
    for seen, kept in tiles(shape, side, margin, multiple):
        count[kept] += 1
        for s, k, n in zip(seen, kept, shape, strict=True):
            assert s.start % multiple == k.start % multiple == 0
            assert k.stop == n or k.stop % multiple == 0
            assert s.stop - s.start <= side
            assert s.start == 0 or k.start - s.start >= margin
            assert s.stop == n or s.stop - k.stop >= margin
    assert (count == 1).all()


@pytest.mark.parametrize("side", [1, 20, 33])
def test_a_side_smaller_than_the_margins_still_covers_the_image(side):
    count = np.zeros((50, 61), int)
    for _, kept in tiles(count.shape, side, margin=16, multiple=4):
        count[kept] += 1
    assert (count == 1).all()


def test_an_image_that_fits_is_one_tile():
    assert list(tiles((100, 64), 100, 30, 4)) == [((slice(0, 100), slice(0, 64)),) * 2]


@pytest.fixture
def image():
    return torch.randn(1, 1, 27 * GRID + 6, 24 * GRID, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("architecture", ["transformer", "unet"])
def test_tiles_change_nothing_but_what_the_global_tokens_say(image, architecture):
    network = _network(architecture)
    if architecture == "transformer":
        assert _apart(network, image) > 1e-5
        _deafen(network)
    assert _apart(network, image) < 1e-4


def _network(architecture: str) -> PickerNetwork:
    """One whose random weights all matter."""
    torch.manual_seed(0)
    network = PickerNetwork(PickerConfig(architecture=architecture, **SMALL)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return network


def _deafen(network: PickerNetwork) -> None:
    """Let no pixel listen to the global tokens."""
    for block in network.middle.blocks:
        block.position_bias.data[:, (2 * WINDOW - 1) ** 2] = -1e4


@torch.inference_mode()
def _apart(network: PickerNetwork, image: torch.Tensor) -> float:
    """How far tiles are from the whole, cell by cell, over what the cells differ."""
    whole = network(image).heat[0]
    pieces = torch.full_like(whole, torch.nan)
    for seen, kept in tiles(tuple(image.shape[-2:]), 22 * GRID, MARGIN, GRID):
        part = network(image[..., *seen]).heat[0]
        inner = [
            slice((k.start - s.start) // STRIDE, None) for s, k in zip(seen, kept, strict=True)
        ]
        cells = [slice(k.start // STRIDE, -(-k.stop // STRIDE)) for k in kept]
        place = pieces[*cells]
        place[:] = part[*inner][: place.shape[0], : place.shape[1]]
    return float((pieces - whole).abs().max() / whole.std())
