"""The network of the picker: any size in, a quarter of it out, whatever is beside it."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from napari_cryoai.picking.network import (
    PRIOR,
    STRIDE,
    PickerConfig,
    PickerNetwork,
    count_parameters,
)

WINDOW = 4
SMALL = {"fine_dim": 8, "dim": 16, "depth": 2, "heads": 2, "window": WINDOW, "global_tokens": 2}
GRID = 2 * STRIDE * WINDOW
BOTH = pytest.mark.parametrize("architecture", ["transformer", "unet"])


def _network(architecture: str = "transformer", *, learned: bool = True) -> PickerNetwork:
    """One whose random weights all matter, as after training."""
    torch.manual_seed(0)
    network = PickerNetwork(PickerConfig(architecture=architecture, **SMALL)).eval()
    if learned:
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.1 * torch.randn(parameter.shape))
    return network


def _image(h: int, w: int, batch: int = 1) -> torch.Tensor:
    return torch.randn(batch, 1, h, w, generator=torch.Generator().manual_seed(1))


def _deafen(network: PickerNetwork) -> None:
    """Let no pixel listen to the global tokens."""
    if network.config.architecture == "transformer":
        for block in network.middle.blocks:
            block.position_bias.data[:, (2 * WINDOW - 1) ** 2] = -1e4


@BOTH
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (32, 64), (45, 33), (101, 7)])
def test_each_head_has_a_cell_for_every_four_pixels_begun(architecture, size):
    heads = _network(architecture)(_image(*size, batch=2))
    h, w = (-(-n // STRIDE) for n in size)
    assert heads.heat.shape == heads.size.shape == heads.junk.shape == (2, h, w)
    assert heads.offset.shape == (2, 2, h, w)
    assert all(torch.isfinite(head).all() for head in heads)


@BOTH
@torch.inference_mode()
def test_an_image_gives_the_same_in_any_batch(architecture):
    network, images = _network(architecture), _image(48, 40, batch=3)
    images[1] *= 30
    together = network(images)
    for i in range(3):
        for all_of_them, one in zip(together, network(images[i : i + 1]), strict=True):
            assert torch.allclose(all_of_them[i : i + 1], one, rtol=1e-4, atol=1e-4)


@BOTH
@torch.inference_mode()
def test_far_from_its_border_a_part_gives_what_the_whole_gives(architecture):
    network = _network(architecture)
    _deafen(network)
    whole = _image(9 * GRID, 9 * GRID)
    part = whole[..., : 8 * GRID - 13, : 7 * GRID + 5]
    far = slice(0, 3 * GRID // STRIDE)
    for a, b in zip(network(whole), network(part), strict=True):
        assert torch.allclose(a[..., far, far], b[..., far, far], atol=1e-4)


@BOTH
@torch.inference_mode()
def test_a_field_that_moves_by_a_window_is_found_as_much_farther(architecture):
    network = _network(architecture)
    _deafen(network)
    whole = _image(11 * GRID, 11 * GRID)
    a, b = network(whole).heat, network(whole[..., GRID:, GRID:]).heat
    cells = GRID // STRIDE
    inner = slice(4 * cells, 6 * cells)
    moved = slice(5 * cells, 7 * cells)
    assert torch.allclose(a[..., moved, moved], b[..., inner, inner], atol=1e-4)


@BOTH
def test_before_it_has_learned_it_expects_few_particles(architecture):
    probability = _network(architecture, learned=False)(_image(64, 64)).heat.detach().sigmoid()
    assert float(probability.mean()) == pytest.approx(PRIOR, rel=0.5)
    assert probability.max() < 0.1


@torch.inference_mode()
def test_restoring_does_not_peek():
    network, image = _network(), _image(64, 96)
    hidden = torch.rand(1, 16, 24) < 0.5
    behind = hidden.repeat_interleave(STRIDE, 1).repeat_interleave(STRIDE, 2)[:, None]
    other = torch.where(behind, 100 * torch.randn(image.shape), image)
    picture = network.restore(image, hidden)
    assert picture.shape == hidden.shape
    assert torch.equal(network.restore(other, hidden), picture)
    assert not torch.equal(network.restore(image, ~hidden), picture)


@BOTH
def test_every_weight_learns_in_one_of_the_stages(architecture):
    network, image = _network(architecture), _image(64, 64)
    sum(head.square().mean() for head in network(image)).backward()
    network.restore(image, torch.rand(1, 16, 16) < 0.5).square().mean().backward()
    last = f"middle.blocks.{SMALL['depth'] - 1}."
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        # What the last block tells the global tokens, nobody hears.
        assert parameter.grad.any() or name.startswith(last), name


def test_the_two_architectures_are_about_as_large():
    sizes = [
        count_parameters(PickerNetwork(PickerConfig(architecture=a)))
        for a in ("transformer", "unet")
    ]
    assert 0.5 < sizes[0] / sizes[1] < 2
    assert max(sizes) * 2 < 10e6  # bytes of a file in half precision


@pytest.mark.parametrize(
    "bad", [{"depth": 0}, {"window": 1}, {"dim": 10**6}, {"architecture": "x"}, {"new": 1}]
)
def test_configurations_that_no_version_wrote_are_refused(bad):
    with pytest.raises(ValidationError):
        PickerConfig(**bad)
