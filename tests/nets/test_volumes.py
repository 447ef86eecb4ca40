"""Blocks for volumes: nothing depends on what lies far away, or on the size of the crop."""

from __future__ import annotations

import pytest
import torch

from napari_cryoai.nets.volumes import Modulated, padded, shuffled, unshuffled


def test_cells_and_back():
    volume = torch.arange(2 * 3 * 4 * 6 * 8.0).reshape(2, 3, 4, 6, 8)
    cells = unshuffled(volume)
    assert cells.shape == (2, 24, 2, 3, 4)
    assert torch.equal(shuffled(cells), volume)
    corner = volume[1, 2, 2:4, 4:6, 6:8].flatten()
    assert torch.equal(cells[1, 16:24, 1, 2, 3], corner)


@pytest.mark.parametrize("sides", [(5, 8, 9), (16, 16, 16), (1, 2, 3)])
def test_padding_keeps_the_volume_in_the_middle(sides):
    volume = torch.randn(1, 2, *sides)
    wide, inside = padded(volume, 8)
    assert all(n % 8 == 0 for n in wide.shape[2:])
    assert torch.equal(wide[(..., *inside)], volume)
    torch.testing.assert_close(wide.abs().sum(), volume.abs().sum())
    for n, m, part in zip(sides, wide.shape[2:], inside, strict=True):
        assert abs((m - part.stop) - part.start) <= (m - n) % 2


def test_a_block_is_the_identity_at_first_and_steered_later():
    block = Modulated(4, 3)
    volume, told = torch.randn(2, 4, 6, 6, 6), torch.randn(2, 3)
    assert torch.equal(block(volume, told), volume)
    for parameter in (*block.second.parameters(), *block.film.parameters()):
        torch.nn.init.normal_(parameter)
    one, other = block(volume, told), block(volume, -told)
    assert not torch.allclose(one, other)
    torch.testing.assert_close(block(volume[1:], told[1:]), one[1:])
