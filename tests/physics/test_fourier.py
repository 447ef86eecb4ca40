"""Transforms whose origin is the central pixel."""

import pytest
import torch

from napari_cryoai.physics import fourier


@pytest.mark.parametrize("shape", [(8, 8), (7, 9), (6, 6, 6), (5, 5, 5)])
def test_there_and_back(shape):
    real = torch.randn(3, *shape)
    ndim = len(shape)
    assert torch.allclose(fourier.to_real(fourier.to_fourier(real, ndim), shape), real, atol=1e-5)


@pytest.mark.parametrize("n", [8, 9])
def test_a_point_at_the_centre_has_a_flat_and_real_transform(n):
    image = torch.zeros(n, n)
    image[n // 2, n // 2] = 1.0
    assert torch.allclose(fourier.to_fourier(image), torch.ones(n, n // 2 + 1, dtype=torch.cfloat))


@pytest.mark.parametrize("shape", [(8, 8), (7, 9)])
def test_frequencies_fit_the_real_transform_and_end_at_nyquist(shape):
    gy, gx = fourier.frequencies(shape, 2.0)
    assert torch.broadcast_shapes(gy.shape, gx.shape) == torch.fft.rfft2(torch.zeros(shape)).shape
    assert max(gy.abs().max(), gx.max()) <= 0.25


def test_shells_count_from_the_mean_to_the_edge():
    shell = fourier.shells((8, 8))
    assert shell[0, 0] == 0
    assert shell[0, 4] == shell[4, 0] == 4
    assert shell[3, 4] == 5


def test_shifts_move_content_towards_larger_indices():
    image = torch.zeros(1, 8, 9)
    image[0, 4, 4] = 1.0
    phases = fourier.shift_phases(torch.tensor([[2.0, -4.0]]), (8, 9), 2.0)
    moved = fourier.to_real(fourier.to_fourier(image) * phases, (8, 9))
    assert moved[0, 5, 2] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("new", [4, 5, 16, 17])
@pytest.mark.parametrize("old", [8, 9])
@pytest.mark.parametrize("ndim", [2, 3])
def test_resizing_keeps_values_and_the_centre_of_what_is_smooth(old, new, ndim):
    def bump(n):
        axes = [(torch.arange(n, dtype=torch.float64) - n // 2) * old / n] * ndim
        wave = torch.ones((), dtype=torch.float64)
        for axis in torch.meshgrid(*axes, indexing="ij"):
            wave = wave * (1 + 0.5 * torch.cos(2 * torch.pi * (axis - 0.3) / old))
        return wave

    coarse = fourier.resize_fourier(
        fourier.to_fourier(bump(old), ndim), (old,) * ndim, (new,) * ndim
    )
    assert torch.allclose(fourier.to_real(coarse, (new,) * ndim), bump(new), atol=1e-10)
