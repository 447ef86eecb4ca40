"""What a denoiser removed comes back if both halves show it, and only then."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_cryoai.maps.denoised import Denoised
from napari_cryoai.maps.local_snr import local_snr
from napari_cryoai.maps.rescue import rescue
from napari_cryoai.maps.wiener import wiener
from napari_cryoai.physics.radial import low_pass
from napari_cryoai.physics.sharpening import apply_b_factor

PIXEL_A = 1.7


def halves(maps):
    return maps.half1, maps.half2


def ball(centre, radius_A, n=64):
    axis = torch.arange(n)
    squared = sum(
        ((axis - c) ** 2).reshape([-1 if a == i else 1 for i in range(3)])
        for a, c in enumerate(centre)
    )
    return (squared.float().sqrt() * PIXEL_A < radius_A).float()


def without(found, region):
    soft = torch.as_tensor(ndimage.gaussian_filter(region.numpy(), 0.8)).clamp(0, 1)
    return Denoised(found.half1 * (1 - soft), found.half2 * (1 - soft), found.confidence)


@pytest.mark.parametrize("method", [wiener, local_snr])
@pytest.mark.parametrize("centre", [(32, 32, 42), (32, 32, 32), (26, 36, 36)])
def test_a_ligand_that_was_removed_comes_back(molecule, method, centre):
    found = method(*halves(molecule), PIXEL_A)
    ligand = ball(centre, 6.0)
    cut = without(found, ligand)
    whole = float((found.full * ligand).sum())
    assert float((cut.full * ligand).sum()) < 0.4 * whole
    back = rescue(cut, *halves(molecule), PIXEL_A)
    assert float((back.denoised.full * ligand).sum()) > 0.9 * whole
    assert float((back.returned * ligand).sum()) > 0.5 * float(back.returned.abs().sum())
    assert back.fraction > 1e-3


@pytest.mark.parametrize("method", [wiener, local_snr])
def test_what_a_good_denoiser_leaves_is_left(molecule, method):
    found = method(*halves(molecule), PIXEL_A)
    back = rescue(found, *halves(molecule), PIXEL_A)
    assert back.fraction < 1e-4
    assert torch.allclose(back.denoised.half1, found.half1, atol=0.02 * float(found.full.max()))


def test_of_noise_that_was_removed_less_than_two_percent_comes_back(molecule):
    found = wiener(*halves(molecule), PIXEL_A)
    flat = Denoised(found.half1 * molecule.mask, found.half2 * molecule.mask, found.confidence)
    back = rescue(flat, *halves(molecule), PIXEL_A)
    solvent = molecule.mask == 0
    removed = found.full[solvent].square().sum()
    assert float(back.returned[solvent].square().sum() / removed) < 0.02


@pytest.mark.parametrize("seed", range(4))
def test_of_pure_noise_less_than_two_percent_comes_back(seed):
    generator = torch.Generator().manual_seed(seed)
    noise = [low_pass(torch.randn(64, 64, 64, generator=generator), 1.7, 6.0) for _ in range(2)]
    nothing = Denoised(*[torch.zeros(64, 64, 64)] * 3)
    back = rescue(nothing, *noise, PIXEL_A)
    energy = ((noise[0] + noise[1]) / 2).square().sum()
    assert float(back.returned.square().sum() / energy) < 0.02


def test_sharpening_is_no_removal(molecule):
    found = wiener(*halves(molecule), PIXEL_A)
    for b in (-60.0, 60.0):
        other = Denoised(
            *(3 * apply_b_factor(h, b, PIXEL_A) for h in (found.half1, found.half2)),
            found.confidence,
        )
        assert rescue(other, *halves(molecule), PIXEL_A).fraction < 1e-3


def test_what_the_denoiser_invented_is_not_taken_for_removed(molecule):
    found = wiener(*halves(molecule), PIXEL_A)
    rng = np.random.default_rng(0)
    fake = low_pass(torch.as_tensor(rng.normal(size=(64, 64, 64)).astype(np.float32)), 1.7, 6.0)
    fake = fake / fake.std() * found.full.std() * ball((32, 32, 48), 9.0)
    other = Denoised(found.half1 + fake, found.half2 + fake, found.confidence)
    assert rescue(other, *halves(molecule), PIXEL_A).fraction < 2e-3


def test_each_half_gets_back_what_is_its_own(molecule):
    found = wiener(*halves(molecule), PIXEL_A)
    ligand = ball((32, 32, 42), 6.0)
    back = rescue(without(found, ligand), *halves(molecule), PIXEL_A).denoised
    core = ball((32, 32, 42), 4.0) > 0
    own = (back.half1 - found.half1)[core].square().sum()
    other = (back.half1 - found.half2)[core].square().sum()
    assert float(own) < 0.3 * float(other)
