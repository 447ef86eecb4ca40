"""How denoised halves and filtered data are mixed."""

from __future__ import annotations

import pytest
import torch

from napari_cryoai.maps.evidence import evidence
from napari_cryoai.maps.shares import data_share, with_data
from napari_cryoai.physics.fsc import masked_fsc
from napari_cryoai.physics.radial import power_spectrum, weighted
from napari_cryoai.physics.sharpening import fsc_weight

PIXEL_A = 1.6


@pytest.fixture(scope="module")
def raw(simulated):
    return simulated.half1, simulated.half2


@pytest.fixture(scope="module")
def filtered(raw, simulated):
    known = evidence(*raw, PIXEL_A, simulated.mask)
    return [weighted(half, fsc_weight(known.fsc) ** 2 * known.trailing()) for half in raw]


def noisy_shells(simulated):
    return (simulated.fsc > 0.3) & (simulated.fsc < 0.8)


def test_nothing_is_taken_from_the_data_where_the_truth_is_known(raw, filtered, simulated):
    share = data_share(filtered, [simulated.truth] * 2, raw, simulated.mask)
    assert share[noisy_shells(simulated)].max() < 0.15


def test_everything_is_taken_from_them_where_the_answer_is_invented(raw, filtered, simulated):
    generator = torch.Generator().manual_seed(0)
    nonsense = [torch.randn(raw[0].shape, generator=generator) * filtered[0].std() for _ in raw]
    share = data_share(filtered, nonsense, raw, simulated.mask)
    assert share[noisy_shells(simulated)].min() > 0.7


def test_the_mixture_is_as_near_to_the_truth_as_the_better_of_both(raw, filtered, simulated):
    """An answer that is right in fine detail, and wrong in the coarse."""
    coarse = torch.linspace(1, 0, len(simulated.fsc)).round()
    wrong = weighted(simulated.truth.flip(0), coarse) + weighted(simulated.truth, 1 - coarse)
    found = with_data(filtered, [wrong] * 2, raw, simulated.mask, torch.ones_like(simulated.fsc))
    mixed = masked_fsc(sum(found), simulated.truth, simulated.mask)
    data = masked_fsc(sum(filtered), simulated.truth, simulated.mask)
    answer = masked_fsc(wrong, simulated.truth, simulated.mask)
    held = simulated.fsc > 0.2
    assert (mixed - torch.maximum(data, answer))[held].min() > -0.05


def test_shells_that_stay_empty_stay_empty(raw, filtered, simulated):
    trailing = (torch.arange(len(simulated.fsc)) < 8).double()
    wrong = [weighted(simulated.truth.flip(0), trailing)] * 2
    one, _ = with_data(filtered, wrong, raw, simulated.mask, trailing)
    power = power_spectrum(one)
    assert power[3:7].min() > 0
    assert power[10:].max() < 1e-6 * power[1:4].mean()


def test_the_share_is_the_same_whatever_the_scale_of_the_grey_values(raw, filtered, simulated):
    answer = [weighted(half, torch.linspace(1, 0.3, len(simulated.fsc))) for half in raw]
    shares = [
        data_share(
            *([scale * half for half in pair] for pair in (filtered, answer, raw)), simulated.mask
        )
        for scale in (1.0, 1e-9)
    ]
    assert shares[0].max() > 0.1
    assert torch.allclose(*shares, atol=1e-3)
