"""Half maps, what their FSC knows of them, and the one spectrum that networks see them with."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.maps.evidence import evidence, evidence_of_one
from napari_cryoai.maps.standard import (
    BINS,
    blurred,
    fsc_bins,
    grid_for,
    restore,
    standard_amplitude,
    standardise,
    to_grid,
    wanted,
)
from napari_cryoai.physics.radial import weighted
from napari_cryoai.physics.simulators.half_maps import HalfMapModel, simulate_half_maps

PIXEL_A, N = 1.6, 60


@pytest.fixture(scope="module")
def maps():
    rng = np.random.default_rng(0)
    structure = Structure.of_atoms(rng.normal(0, 11, (2500, 3)), "C", 30.0)
    return simulate_half_maps(structure, HalfMapModel(masked=0.0, membrane=0.0), N, PIXEL_A, 3)


@pytest.fixture(scope="module")
def known(maps):
    return evidence(maps.half1, maps.half2, PIXEL_A, maps.mask)


def test_the_resolution_is_that_of_the_half_maps(maps, known):
    assert known.resolution_A == pytest.approx(maps.resolution_A, rel=0.08)
    assert known.fsc[0] > 0.99
    assert not known.fsc[known.last + 1 :].any()
    assert known.trailing()[known.last] == 1.0
    assert not known.trailing()[known.last + 2 :].any()


def test_signal_and_noise_are_those_of_the_simulation(maps, known):
    low = slice(4, known.last // 2)
    of_truth = evidence(maps.truth, maps.truth * (1 + 1e-6), PIXEL_A, maps.mask)
    assert torch.allclose(known.signal[low], of_truth.signal[low], rtol=0.1)
    white = torch.randn(N, N, N, generator=torch.Generator().manual_seed(0))
    other = torch.randn(N, N, N, generator=torch.Generator().manual_seed(1))
    noise = evidence(white, other, PIXEL_A, maps.mask).noise[8:28]
    assert torch.allclose(noise, torch.full_like(noise, PIXEL_A**1.5), rtol=0.2)


def test_the_standard_spectrum_has_unit_variance():
    g = torch.linspace(0, 1 / 3, 4000, dtype=torch.float64)
    variance = torch.trapezoid(4 * math.pi * g**2 * standard_amplitude(g) ** 2, g)
    assert float(variance) == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("sharpening", [0.0, 80.0])
@pytest.mark.parametrize("gain", [1.0, -3e-4])
def test_neither_gain_nor_sharpening_makes_a_difference(maps, sharpening, gain):
    g = torch.arange(N + 1) / (N * PIXEL_A)
    halves = [
        weighted(half, torch.exp(sharpening / 4 * g**2)) * abs(gain)
        for half in (maps.half1, maps.half2)
    ]
    plain = evidence(maps.half1, maps.half2, PIXEL_A, maps.mask)
    changed = evidence(*halves, PIXEL_A, maps.mask)
    one = standardise(maps.half1, plain, PIXEL_A)
    other = standardise(halves[0], changed, PIXEL_A)
    scale = one.density.std()
    assert (one.density - other.density).abs().max() < 0.12 * scale
    assert (one.contrast - other.contrast).abs().max() < 0.1


def test_the_pixel_size_makes_no_difference_but_for_the_grid(maps):
    """The same field, sampled on another grid."""
    from napari_cryoai.physics.fourier import resize_fourier, to_fourier, to_real

    n = 72
    fine = [
        to_real(resize_fourier(to_fourier(m, 3), m.shape, (n,) * 3), (n,) * 3)
        for m in (maps.half1, maps.half2)
    ]
    mask = to_grid(maps.mask, (n,) * 3)
    pixel_A = PIXEL_A * N / n
    one = standardise(maps.half1, evidence(maps.half1, maps.half2, PIXEL_A, maps.mask), PIXEL_A)
    other = standardise(fine[0], evidence(*fine, pixel_A, mask), pixel_A)
    assert one.density.shape == other.density.shape == (N * PIXEL_A // 1.5,) * 3
    assert (one.density - other.density).square().mean() < 0.01 * one.density.square().mean()


def test_a_protein_has_unit_variance_and_solvent_no_contrast(maps, known):
    seen = standardise(maps.half1, known, PIXEL_A)
    mask = to_grid(maps.mask, seen.density.shape)
    assert 0.6 < float(seen.density[mask > 0.95].std()) < 1.6
    assert float(seen.contrast[mask < 0.01].mean()) == pytest.approx(math.log(1.1), abs=0.1)
    assert float(seen.contrast[mask > 0.95].mean()) > 0.5


def test_what_is_wanted_comes_back_with_the_amplitudes_of_the_data(maps, known):
    shape = grid_for(maps.truth.shape, PIXEL_A)
    from napari_cryoai.physics.fourier import resize_fourier, to_fourier, to_real

    truth = to_real(resize_fourier(to_fourier(maps.truth, 3), maps.truth.shape, shape), shape)
    pixel_A = PIXEL_A * N / shape[0]
    back = restore(wanted(truth, known, pixel_A), known, PIXEL_A, maps.truth.shape)
    g = torch.arange(known.fsc.numel())
    kept = weighted(maps.truth, (known.trailing() ** 2).float() * (g <= known.last))
    assert (back - kept).square().sum() < 0.02 * kept.square().sum()


def test_the_bins_follow_the_curve(known):
    bins = fsc_bins(known)
    assert bins.shape == (BINS,)
    assert bins[0] > 0.9
    assert bool((bins[1:] <= bins[:-1] + 0.05).all())
    beyond = (torch.arange(BINS) + 0.5) / (3 * BINS) > 1.05 / known.resolution_A
    assert not bins[beyond].any()


def test_a_gaussian_blur_keeps_the_sum_and_has_its_width():
    point = torch.zeros(31, 33, 35)
    point[15, 16, 17] = 1.0
    spread = blurred(point, 2.0)
    assert spread.shape == point.shape
    assert float(spread.sum()) == pytest.approx(1.0, rel=1e-3)
    for axis, n in enumerate(point.shape):
        others = [a for a in range(3) if a != axis]
        line, at = spread.sum(others), torch.arange(n) - n // 2
        assert float((line * at).sum()) == pytest.approx(0, abs=1e-3)
        assert float((line * at**2).sum()) == pytest.approx(4.0, rel=0.05)


def test_a_single_map_tells_its_noise_by_its_solvent(maps, known):
    alone = evidence_of_one(maps.half1, PIXEL_A, maps.mask)
    assert alone.resolution_A == pytest.approx(known.resolution_A, rel=0.35)
    low = slice(4, known.last // 2)
    assert torch.allclose(alone.noise[low], known.noise[low], rtol=0.5)


def test_a_masked_single_map_is_refused(maps):
    with pytest.raises(CryoAIError, match="masked"):
        evidence_of_one(maps.half1 * (maps.mask > 0.5), PIXEL_A, (maps.mask > 0).float())


def test_noise_alone_has_no_resolution():
    generator = torch.Generator().manual_seed(0)
    noise = [torch.randn(40, 40, 40, generator=generator) for _ in range(2)]
    known = evidence(*noise, PIXEL_A, torch.ones(40, 40, 40))
    assert known.last <= 2
