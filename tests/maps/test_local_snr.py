"""The local filter takes the noise away where there is no signal, and knows where there is some."""

import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.maps.local_snr import local_snr
from napari_cryoai.maps.wiener import wiener
from napari_cryoai.physics.fsc import fsc

PIXEL_A = 1.7


def error(map_, maps):
    return float((map_ - maps.truth).square().sum())


def test_it_comes_nearer_to_the_truth_than_the_wiener_filter(molecule):
    local = local_snr(molecule.half1, molecule.half2, PIXEL_A)
    shells = wiener(molecule.half1, molecule.half2, PIXEL_A)
    assert error(local.full, molecule) < 0.8 * error(shells.full, molecule)


def test_noise_in_the_solvent_goes_and_the_molecule_stays(molecule):
    raw = (molecule.half1 + molecule.half2) / 2
    found = local_snr(molecule.half1, molecule.half2, PIXEL_A).full
    far = torch.zeros_like(raw, dtype=torch.bool)
    far[:8] = far[-8:] = True
    assert float(found[far].std()) < 0.3 * float(raw[far].std())
    inside = molecule.mask > 0.99
    ratio = (found * molecule.truth)[inside].sum() / molecule.truth[inside].square().sum()
    assert float(ratio) == pytest.approx(1, abs=0.1)


def test_mean_and_scale_stay(molecule):
    plain = local_snr(molecule.half1, molecule.half2, PIXEL_A)
    other = local_snr(20 * molecule.half1 + 5, 20 * molecule.half2 + 5, PIXEL_A)
    assert torch.allclose(other.half2, 20 * plain.half2 + 5, atol=0.02)
    assert float(plain.half1.mean()) == pytest.approx(float(molecule.half1.mean()), abs=1e-5)


def test_maps_without_noise_pass_unchanged_up_to_nyquist(molecule):
    found = local_snr(molecule.truth, molecule.truth, PIXEL_A)
    assert torch.allclose(found.full, molecule.truth, atol=5e-3 * float(molecule.truth.max()))


def test_where_only_one_half_shows_density_nothing_is_kept_of_it(molecule):
    blob = torch.zeros_like(molecule.half1)
    blob[10:14, 10:14, 10:14] = 3 * float(molecule.truth.max())
    with_it = local_snr(molecule.half1 + blob, molecule.half2, PIXEL_A)
    without = local_snr(molecule.half1, molecule.half2, PIXEL_A)
    left = (with_it.half1 - without.half1)[10:14, 10:14, 10:14].sum() / blob.sum()
    assert float(left) < 0.2  # the lowest band alone
    assert float((with_it.half2 - without.half2).abs().max()) < 0.2 * float(molecule.truth.max())


def test_confidence_is_high_in_the_molecule_and_low_far_from_it(molecule):
    found = local_snr(molecule.half1, molecule.half2, PIXEL_A)
    assert float(found.confidence[molecule.mask > 0.99].mean()) > 0.85
    assert float(found.confidence[:8, :8, :8].mean()) < 0.4


def test_noise_becomes_nothing():
    noise = [torch.randn(48, 48, 48, generator=torch.Generator().manual_seed(s)) for s in (1, 2)]
    found = local_snr(*noise, PIXEL_A)
    assert float(found.full.square().mean()) < 0.01
    assert float(fsc(found.half1, found.half2).abs().mean()) < 0.5


def test_boxes_need_not_be_cubes_but_must_be_alike(molecule):
    half1, half2 = molecule.half1[:, 6:-7], molecule.half2[:, 6:-7]
    found = local_snr(half1, half2, PIXEL_A)
    assert found.half1.shape == found.confidence.shape == half1.shape
    truth = molecule.truth[:, 6:-7]
    raw = (half1 + half2) / 2
    assert float((found.full - truth).square().sum()) < 0.4 * float((raw - truth).square().sum())
    with pytest.raises(CryoAIError, match="boxes"):
        local_snr(half1, molecule.half2, PIXEL_A)
