"""Several maps in Fourier space at once."""

from __future__ import annotations

import torch

from napari_cryoai.heterogeneity.engines.lattice import Lattice
from napari_cryoai.physics.slices import FourierVolume, disk
from napari_cryoai.physics.so3 import random_rotations

CPU = torch.device("cpu")


def maps(n: int) -> torch.Tensor:
    axis = torch.arange(n) - n // 2
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    one = torch.exp(-((x - 3) ** 2 + (y + 2) ** 2 + z**2) / 8.0)
    two = torch.exp(-((x + 2) ** 2 + y**2 + (z - 4) ** 2) / 12.0)
    return torch.stack([one, two])


def cut_at(lattice: Lattice, count: int = 6):
    rotations = random_rotations(count, generator=torch.Generator().manual_seed(1)).float()
    xy = disk(lattice.n, radius=lattice.radius).xy
    return rotations, xy, lattice.cut(rotations, xy, torch.ones(count, len(xy)))


def test_maps_come_back_from_their_table():
    lattice = Lattice(15, CPU)
    volumes = maps(lattice.n)
    back = lattice.maps(lattice.table(volumes))
    assert (back - volumes).abs().max() < 0.02 * volumes.max()


def test_slices_are_those_of_each_map():
    lattice = Lattice(15, CPU)
    volumes = maps(lattice.n)
    rotations, xy, cut = cut_at(lattice)
    found = cut.read(lattice.table(volumes)).reshape(len(rotations), len(xy), 2, 2)
    for i, volume in enumerate(volumes):
        right = FourierVolume.of_map(volume, 2.0, "kaiser-bessel").at(rotations, xy)
        ours = torch.complex(found[..., 0, i], found[..., 1, i])
        assert (ours - right).norm() < 0.03 * right.norm()


def test_summing_up_slices_is_the_adjoint_of_cutting():
    lattice = Lattice(9, CPU)
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(len(lattice), 6, generator=generator)
    _, _, cut = cut_at(lattice)
    read = cut.read(table)
    values = torch.randn(read.shape, generator=generator)
    there, back = (read * values).sum(), (table * cut.sum(values)).sum()
    assert torch.isclose(there, back, rtol=1e-4)


def test_the_weight_of_all_frequencies_lies_on_the_sites():
    lattice = Lattice(9, CPU)
    _, xy, cut = cut_at(lattice, 4)
    total = cut.weight(torch.ones(4 * len(xy))).sum()
    assert torch.isclose(total, torch.tensor(4.0 * len(xy)), rtol=1e-5)


def test_the_way_of_other_devices_gives_the_same_sums():
    lattice = Lattice(7, CPU)
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(len(lattice), 4, generator=generator)
    _, _, cut = cut_at(lattice)
    values = cut._times(table)
    assert torch.allclose(cut.gathered(table), values, atol=1e-4)
    assert torch.allclose(cut.scattered(values), cut._transposed_times(values), atol=1e-3)
