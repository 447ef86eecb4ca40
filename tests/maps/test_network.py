"""The map denoisers: what they do not depend on, before and after they have learned."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from scipy.spatial.transform import Rotation

from napari_cryoai.maps.network import Architecture, MapNetwork, NetworkConfig
from napari_cryoai.maps.standard import BINS
from napari_cryoai.nets.octahedral import ORDER, turned

ARCHITECTURES = get_args(Architecture)


def _network(architecture, *, lively=True):
    torch.manual_seed(0)
    network = MapNetwork(NetworkConfig(architecture=architecture, width=8, told=8)).eval()
    for parameter in network.parameters():
        if lively and not parameter.detach().any():
            torch.nn.init.normal_(parameter, std=0.05)
    return network


def _input(*sides):
    generator = torch.Generator().manual_seed(1)
    density, contrast = (torch.randn(1, *sides, generator=generator) for _ in range(2))
    return density, contrast, torch.linspace(1, 0, BINS)[None]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@torch.inference_mode()
def test_any_box_comes_back_in_its_shape(architecture):
    network = _network(architecture)
    for sides in ((18, 24, 30), (16, 16, 16), (2, 4, 6)):
        answer = network(*_input(*sides))
        assert answer.density.shape == answer.log_error.shape == (1, *sides)
        assert bool(torch.isfinite(answer.density).all())


@pytest.mark.parametrize("architecture", ["unet", "equivariant"])
@torch.inference_mode()
def test_at_first_the_density_stays_as_it_is(architecture):
    seen = _input(16, 16, 16)
    assert torch.equal(_network(architecture, lively=False)(*seen).density, seen[0])


@torch.inference_mode()
def test_the_equivariant_network_turns_with_the_map():
    network = _network("equivariant")
    density, contrast, bins = _input(36, 36, 36)
    plain = network(density, contrast, bins)
    change = (plain.density - density).std()
    assert change > 0.05
    for rotation in range(ORDER):
        moved = network(turned(density, rotation), turned(contrast, rotation), bins)
        for one, other in zip(plain, moved, strict=True):
            away = (turned(one, rotation) - other).abs().max()
            assert away < 1e-4 * change


@torch.inference_mode()
def test_the_other_networks_do_not():
    """Lest the test above be one that everything passes."""
    network = _network("unet")
    density, contrast, bins = _input(16, 16, 16)
    plain = network(density, contrast, bins).density
    moved = network(turned(density, 5), turned(contrast, 5), bins).density
    assert (turned(plain, 5) - moved).abs().max() > 1e-2 * (plain - density).std()


@pytest.mark.parametrize(
    ("architecture", "step", "side"), [("unet", 16, 96), ("equivariant", 32, 320)]
)
@torch.inference_mode()
def test_networks_move_with_the_map_and_no_far_voxel_matters(architecture, step, side):
    """In steps of their coarsest cells or windows, far from the borders."""
    network = _network(architecture)
    density, contrast, bins = _input(side, 16, 16)
    whole = network(density, contrast, bins).density
    crop = network(density[:, step:], contrast[:, step:], bins).density
    away = (whole[:, step:] - crop).abs()
    assert away[:, -16:].max() < 1e-4
    assert away[:, 0].max() > 1e-3  # the new border is felt


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_parameter_learns(architecture):
    network = _network(architecture).train()
    answer = network(*_input(32, 32, 32))
    (answer.density.square().sum() + answer.log_error.square().sum()).backward()
    idle = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not idle


def test_unknown_architectures_are_refused():
    with pytest.raises(ValueError, match="architecture"):
        NetworkConfig(architecture="resnet")


def test_rotations_of_the_cube_are_those_of_scipy():
    """The network's rotations against an independent list of them."""
    from napari_cryoai.nets.octahedral import matrices

    ours = {tuple(m.flatten().tolist()) for m in matrices()}
    group = Rotation.create_group("O").as_matrix().round().astype(int)
    # Rows and columns the other way round: z, y, x here and x, y, z there.
    assert ours == {tuple(m[::-1, ::-1].flatten().tolist()) for m in group}
