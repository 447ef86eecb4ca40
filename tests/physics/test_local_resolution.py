"""Local resolution, on maps whose resolution is known everywhere."""

import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.physics.fsc import half_map_fsc
from napari_cryoai.physics.local_resolution import local_resolution
from napari_cryoai.physics.radial import low_pass

N, PIXEL_A = 96, 2.0


def noise(seed):
    return torch.randn(N, N, N, generator=torch.Generator().manual_seed(seed))


def test_two_regions_of_different_resolution_are_told_apart():
    x = (torch.arange(N) - N // 2) * PIXEL_A
    is_left = torch.sigmoid(-x / 4)
    fine, coarse = low_pass(noise(0), PIXEL_A, 6.0), low_pass(noise(3), PIXEL_A, 12.0)
    truth = 5 * (fine * is_left + coarse * (1 - is_left))
    found = local_resolution(truth + noise(1), truth + noise(2), PIXEL_A)
    assert found.shape == (N, N, N)
    left, right = found[..., 8:36], found[..., 66:80]
    assert float(left.median()) == pytest.approx(6.0, rel=0.1)
    assert float(right.median()) == pytest.approx(12.0, rel=0.15)
    assert float(left.max()) < 6.5 and float(right.min()) > 9


def test_an_even_map_has_everywhere_its_global_resolution():
    truth = 3 * low_pass(noise(0), PIXEL_A, 8.0, edge=1.0)
    halves = truth + noise(1), truth + noise(2)
    overall = half_map_fsc(*halves, PIXEL_A).unmasked.resolution_A(0.5)
    found = local_resolution(*halves, PIXEL_A)
    low, middle, high = torch.quantile(found[::2, ::2, ::2], torch.tensor([0.05, 0.5, 0.95]))
    assert float(middle) == pytest.approx(overall, rel=0.03)
    assert overall * 0.93 < low < high < overall * 1.07


def test_noise_has_no_resolution_and_equal_maps_have_all():
    assert local_resolution(noise(0), noise(1), PIXEL_A).median() > 40
    assert local_resolution(noise(0), noise(0), PIXEL_A).max() == pytest.approx(2 * PIXEL_A)


def test_boxes_need_not_be_cubic_and_flat_maps_are_no_trouble():
    one, two = noise(0)[:40, :60], noise(1)[:40, :60]
    assert local_resolution(one, two, PIXEL_A).shape == (40, 60, 96)
    flat = torch.zeros(32, 32, 32)
    assert local_resolution(flat, flat, PIXEL_A).isfinite().all()
    with pytest.raises(CryoAIError, match="boxes of the maps differ"):
        local_resolution(one, noise(1), PIXEL_A)
