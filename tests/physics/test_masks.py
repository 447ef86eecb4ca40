"""Soft masks."""

from pathlib import Path

import mrcfile
import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.physics.masks import mask_of_map, mask_of_model, sphere, threshold_of
from napari_cryoai.physics.radial import low_pass

MAPS = Path(__file__).parents[3] / "shared" / "data" / "maps"


def noise(n, seed=0):
    return torch.randn(n, n, n, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(32, 32, 32), (31, 31, 31), (40, 40)])
def test_a_soft_ball_has_the_volume_of_its_half_way_radius(shape):
    mask = sphere(shape, 8, 4)
    volume = {2: torch.pi * 10**2, 3: 4 / 3 * torch.pi * 10**3}[len(shape)]
    assert float(mask.sum()) == pytest.approx(volume, rel=0.03)
    centre = tuple(n // 2 for n in shape)
    assert mask[centre] == 1
    assert (mask.min(), mask.max()) == (0, 1)


def test_an_edge_of_no_width_is_sharp():
    assert set(sphere((9, 9), 3, 0).unique().tolist()) == {0, 1}


def noisy_ball(n=64, radius=12):
    return sphere((n, n, n), radius, 2) + 0.3 * noise(n)


def test_a_mask_around_a_map_holds_the_density_and_leaves_the_solvent_out():
    mask = mask_of_map(noisy_ball(), 2.0, dilate_A=4.0, edge_A=8.0)
    assert mask[sphere((64, 64, 64), 12, 0) == 1].min() > 0.99
    assert mask[sphere((64, 64, 64), 24, 0) == 0].max() == 0
    assert 0 < float(((mask > 0) & (mask < 1)).float().mean()) < 0.2


def test_specks_are_not_in_the_mask():
    map_ = noisy_ball()
    map_[5:9, 5:9, 5:9] += 3.0
    mask = mask_of_map(map_, 2.0, low_pass_A=12.0)
    assert mask[:10, :10, :10].max() == 0


def test_a_threshold_of_ones_own_rules():
    small = mask_of_map(noisy_ball(), 2.0, threshold=0.9).sum()
    large = mask_of_map(noisy_ball(), 2.0, threshold=0.3).sum()
    assert small < large
    with pytest.raises(CryoAIError, match="no density lies above 50"):
        mask_of_map(noisy_ball(), 2.0, threshold=50.0)


def test_the_threshold_scales_with_the_map_and_follows_its_offset():
    smooth = low_pass(noisy_ball(), 2.0, 15.0)
    assert threshold_of(7 * smooth - 3) == pytest.approx(7 * threshold_of(smooth) - 3, rel=0.05)


def test_atoms_are_inside_a_mask_around_them():
    atoms = torch.tensor([[20.0, 30.0, 40.0], [24.0, 30.0, 40.0], [999.0, 0.0, 0.0]])
    mask = mask_of_model(atoms, (32, 40, 48), 2.0, radius_A=3.0, edge_A=4.0)
    assert mask.shape == (32, 40, 48)
    assert mask[10, 15, 20] == mask[12, 15, 20] == 1
    assert mask[10, 15, 20 + 4] == 0
    with pytest.raises(CryoAIError, match="no atom"):
        mask_of_model(atoms - 5000, (32, 40, 48), 2.0)


@pytest.mark.parametrize(
    ("name", "kDa"), [("ngl_betaGal.mrc.gz", 465), ("3los_chain_A_box.ccp4.gz", 57)]
)
def test_the_automatic_mask_of_a_real_map_has_about_the_molecules_volume(name, kDa):
    if not (MAPS / name).exists():
        pytest.skip("the real maps are not at hand")
    with mrcfile.open(MAPS / name, permissive=True) as mrc:
        map_ = torch.tensor(mrc.data, dtype=torch.float32)
        pixel = 3.54 if "ngl" in name else float(mrc.voxel_size.x)
    volume_A3 = float(mask_of_map(map_, pixel, dilate_A=0, edge_A=0).sum()) * pixel**3
    assert 1 < volume_A3 / (1210 * kDa) < 2  # 1.21 A^3 for each dalton, and 15 A blur its surface
