"""Insertion is the adjoint of extraction, and many slices give the map back."""

import pytest
import torch
from scipy.spatial.transform import Rotation

from napari_cryoai.physics import fourier
from napari_cryoai.physics.backprojection import SliceSum, split_group
from napari_cryoai.physics.slices import FourierVolume, disk

N = 24


def rotations(count, seed=0):
    return torch.from_numpy(Rotation.random(count, rng=seed).as_matrix()).float()


def group(name):
    return torch.from_numpy(Rotation.create_group(name).as_matrix()).float()


def blobs(n=N, seed=0, sigma=1.5):
    """A map of Gaussians in the inner half of the box, without symmetry."""
    torch.manual_seed(seed)
    axis = torch.arange(n) - n // 2
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    total = torch.zeros(n, n, n)
    for cx, cy, cz in (torch.rand(8, 3) - 0.5) * n / 2.5:
        r2 = (x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2
        total += torch.exp(-r2 / (2 * sigma**2))
    return total


@pytest.mark.parametrize("n", [12, 13])
def test_insertion_is_the_adjoint_of_extraction(n):
    turns, circle = rotations(7), disk(n)
    target = SliceSum(n)
    samples = torch.randn(2, *target.weights.shape)
    images = torch.randn(7, len(circle.xy), dtype=torch.cfloat)
    extracted = FourierVolume(samples, n).at(turns, circle.xy)
    target.insert(images, torch.ones(images.shape), turns)
    left = (extracted.conj() * images).real.double().sum()
    right = (samples[0] * target.values.real + samples[1] * target.values.imag).double().sum()
    scale = (extracted.abs() * images.abs()).sum()
    assert abs(left - right) < 1e-5 * scale


def test_many_projections_give_the_map_back():
    volume = blobs()
    circle, turns = disk(N), rotations(3000)
    values = FourierVolume.of_map(volume, kernel="kaiser-bessel").at(turns, circle.xy)
    total = SliceSum(N)
    total.insert(values, torch.ones(values.shape), turns)
    found = total.map()
    assert torch.corrcoef(torch.stack([found.flatten(), volume.flatten()]))[0, 1] > 0.999
    assert (found - volume).abs().max() < 0.03 * volume.max()


def test_weights_of_the_ctf_are_undone():
    volume = blobs()
    circle, turns = disk(N), rotations(4000)
    ctf = torch.cos(circle.xy.norm(dim=1) * torch.linspace(0.2, 1.0, 4000)[:, None])
    values = FourierVolume.of_map(volume).at(turns, circle.xy)
    total = SliceSum(N)
    total.insert(values * ctf * ctf, ctf * ctf, turns)
    found = total.map()
    assert torch.corrcoef(torch.stack([found.flatten(), volume.flatten()]))[0, 1] > 0.995


def test_two_sums_are_the_sum_of_all():
    circle, turns = disk(N), rotations(10)
    values = torch.randn(10, len(circle.xy), dtype=torch.cfloat)
    whole, first, second = SliceSum(N), SliceSum(N), SliceSum(N)
    whole.insert(values, torch.ones(values.shape), turns)
    first.insert(values[:6], torch.ones(6, values.shape[1]), turns[:6])
    second.insert(values[6:], torch.ones(4, values.shape[1]), turns[6:])
    assert torch.allclose(first.add(second).map(), whole.map(), atol=1e-4)


def test_noise_to_signal_damps_its_shell_as_wiener_says():
    circle, turns = disk(N), rotations(2000)
    values = FourierVolume.of_map(blobs()).at(turns, circle.xy)
    total = SliceSum(N)
    total.insert(values, torch.ones(values.shape), turns)
    plain, damped = total.map(), total.map(torch.full((N // 2 + 1,), 1.0))
    power = (plain * damped).sum() / (plain * plain).sum()
    assert power == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("name", "lattice", "copies"),
    [
        ("C1", 1, 1),
        ("C3", 1, 3),
        ("C4", 4, 1),
        ("D2", 4, 1),
        ("D7", 2, 7),
        ("T", 12, 1),
        ("O", 24, 1),
    ],
)
def test_groups_are_split_into_what_the_grid_has_and_the_rest(name, lattice, copies):
    on_grid, others = split_group(group(name))
    assert (len(on_grid), len(others)) == (lattice, copies)
    products = torch.einsum("cij,hjk->chik", others, on_grid).reshape(-1, 9)
    distinct = torch.unique(products.round(decimals=3) + 0.0, dim=0)
    assert len(distinct) == len(group(name))


@pytest.mark.parametrize("name", ["C3", "D2", "D3", "O", "I"])
def test_symmetry_makes_every_slice_count_for_all_its_copies(name):
    """The same map as inserting each slice once for each element of the group."""
    circle, turns, elements = disk(N), rotations(20), group(name)
    values = FourierVolume.of_map(blobs()).at(turns, circle.xy)
    ones = torch.ones(values.shape)
    with_group, one_by_one = SliceSum(N, symmetry=elements), SliceSum(N)
    with_group.insert(values, ones, turns)
    for element in elements:
        one_by_one.insert(values, ones, turns @ element)
    found, wanted = with_group.map(), one_by_one.map()
    assert (found - wanted).abs().max() < 1e-3 * wanted.abs().max()


def test_an_octahedral_map_equals_its_24_rotated_copies():
    circle, turns = disk(N), rotations(30)
    values = FourierVolume.of_map(blobs()).at(turns, circle.xy)
    total = SliceSum(N, symmetry=group("O"))
    total.insert(values, torch.ones(values.shape), turns)
    found = total.map()[1:, 1:, 1:].permute(2, 1, 0)  # about the central voxel; x, y, z
    for element in group("O").round():
        axis = element.abs().argmax(1).tolist()
        inverted = [a for a in range(3) if element[a, axis[a]] < 0]
        turned = found.flip(inverted).permute([axis.index(j) for j in range(3)])
        assert (turned - found).abs().max() < 1e-3 * found.abs().max()


def test_a_shell_that_no_view_has_reached_is_empty():
    total = SliceSum(N)
    assert torch.equal(total.map(), torch.zeros(N, N, N))
    assert fourier.shells((N, N)).max() >= len(total.mean_weight()) - 1
