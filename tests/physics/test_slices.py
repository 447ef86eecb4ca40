"""Slices against analytic transforms, exact rotations and derivatives."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from napari_cryoai.physics import fourier
from napari_cryoai.physics.slices import FourierVolume, disk

N = 48


def random_rotations(count, seed=0):
    return torch.from_numpy(Rotation.random(count, rng=seed).as_matrix()).float()


def blobs(rng, count=6):
    """Gaussians of 2.5 voxels at places in the middle half of the box: (x, y, z), weight."""
    return torch.from_numpy(rng.uniform(-9, 9, (count, 3))), torch.from_numpy(rng.random(count))


def volume_of(xyz, weights, sigma=2.5, n=N):
    axis = torch.arange(n, dtype=torch.float64) - n // 2
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    total = torch.zeros(n, n, n, dtype=torch.float64)
    for (cx, cy, cz), weight in zip(xyz, weights, strict=True):
        r2 = (x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2
        total += weight * torch.exp(-r2 / (2 * sigma**2)) / (2 * torch.pi * sigma**2) ** 1.5
    return total.float()


def analytic(xyz, weights, rotations, sigma=2.5, n=N):
    gy, gx = fourier.frequencies((n, n), dtype=torch.float64)
    envelope = torch.exp(-2 * (torch.pi * sigma) ** 2 * (gy**2 + gx**2))
    turned = torch.einsum("mij,aj->mai", rotations.double(), xyz)
    phase = gx * turned[..., 0, None, None] + gy * turned[..., 1, None, None]
    each = torch.exp(-2j * torch.pi * phase) * weights[:, None, None]
    return (each.sum(1) * envelope).cfloat()


def test_slices_of_blobs_are_the_analytic_transform():
    xyz, weights = blobs(np.random.default_rng(0))
    rotations = random_rotations(16)
    wanted = analytic(xyz, weights, rotations)
    for kernel, error in (("kaiser-bessel", 1e-4), ("linear", 0.06)):
        volume = FourierVolume.of_map(volume_of(xyz, weights), kernel=kernel)
        found = volume.slices(rotations)
        assert (found - wanted).abs().max() < error * wanted.abs().max()


@pytest.mark.parametrize("n", [16, 17])
def test_without_rotation_the_slice_is_the_projection_along_z(n):
    volume = torch.nn.functional.pad(torch.randn(8, 8, 8), (n // 2 - 4, n - n // 2 - 4) * 3)
    projected = disk(n).gather(fourier.to_fourier(volume.sum(0))[None])
    found = FourierVolume.of_map(volume, kernel="kaiser-bessel").slices(torch.eye(3)[None])
    assert found.shape == (1, n, n // 2 + 1)
    assert (disk(n).gather(found) - projected).abs().max() < 1e-3 * projected.abs().max()


def test_rotations_by_90_degrees_are_exact():
    volume = FourierVolume.of_map(volume_of(*blobs(np.random.default_rng(1))), 2.0)
    for axis in "xyz":
        turn = torch.from_numpy(Rotation.from_euler(axis, 90, degrees=True).as_matrix()).float()
        twice = volume.slices(torch.stack([turn @ turn @ turn @ turn, torch.eye(3)]))
        assert torch.allclose(twice[0], twice[1], atol=1e-4)
    quarter = torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])  # x becomes y
    image, turned = (
        fourier.to_real(volume.slices(r), (N, N))[0] for r in (torch.eye(3)[None], quarter)
    )
    about_centre = torch.rot90(image[1:, 1:], -1)
    assert torch.allclose(turned[1:, 1:], about_centre, atol=1e-6)


def test_the_view_of_a_rotated_point_is_where_the_rotation_takes_it():
    volume = volume_of(torch.tensor([[6.0, 2.0, -4.0]]), torch.ones(1))
    for rotation in random_rotations(5, seed=3):
        image = fourier.to_real(FourierVolume.of_map(volume).slices(rotation[None]), (N, N))[0]
        peak = divmod(int(image.argmax()), N)
        x, y, _ = rotation @ torch.tensor([6.0, 2.0, -4.0])
        assert np.hypot(peak[0] - N // 2 - float(y), peak[1] - N // 2 - float(x)) < 1.0


def test_a_slice_is_the_transform_of_a_real_image():
    slices = FourierVolume.of_map(volume_of(*blobs(np.random.default_rng(2)))).slices(
        random_rotations(4)
    )
    again = fourier.to_fourier(fourier.to_real(slices, (N, N)))
    assert torch.allclose(again, slices, atol=1e-5)


def test_gradients_reach_map_and_rotations():
    volume = volume_of(*blobs(np.random.default_rng(4)), n=24).requires_grad_()
    vector = torch.tensor([0.1, 0.2, 0.3], requires_grad=True)
    skew = torch.zeros(3, 3)
    skew[0, 1], skew[0, 2], skew[1, 2] = -vector[2], vector[1], -vector[0]
    rotation = torch.matrix_exp(skew - skew.T)
    FourierVolume.of_map(volume).slices(rotation[None]).abs().square().sum().backward()
    assert volume.grad.abs().sum() > 0
    assert vector.grad.abs().sum() > 0


@pytest.mark.parametrize("n", [15, 16])
def test_a_disk_holds_one_of_each_pair_of_frequencies(n):
    circle = disk(n)
    seen = {tuple(v) for v in circle.xy.int().tolist()}
    assert len(seen) == len(circle.xy)
    assert not any((-x, -y) in seen for x, y in seen if (x, y) != (0, 0))
    area = np.pi * n**2 / 4
    assert 2 * len(seen) - 1 == pytest.approx(area, rel=0.08)
