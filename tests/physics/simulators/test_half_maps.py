"""Half maps made the short way, and against those made the long way."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_cryoai.core.structure import Structure
from napari_cryoai.physics.fourier import to_fourier
from napari_cryoai.physics.fsc import fsc, masked_fsc, resolution_at
from napari_cryoai.physics.masks import sphere
from napari_cryoai.physics.radial import power_spectrum
from napari_cryoai.physics.simulators import half_maps
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.half_maps import (
    HalfMapModel,
    fsc_curve,
    noisy_half,
    seen_directions,
    simulate_half_maps,
)
from napari_cryoai.physics.simulators.particle_images import ParticleSimulator
from napari_cryoai.physics.simulators.particle_model import ParticleModel
from napari_cryoai.physics.simulators.reconstructed_halves import reconstructed_halves

N, PIXEL_A = 48, 2.0
Z = np.array([0.0, 0.0, 1.0])


def constant(value):
    return Distribution("constant", value)


def protein(count=500, seed=0):
    rng = np.random.default_rng(seed)
    xyz = rng.normal(size=(count, 3))
    xyz *= 16 * rng.random((count, 1)) ** (1 / 3) / np.linalg.norm(xyz, axis=1, keepdims=True)
    return Structure.of_atoms(xyz * [1.2, 1, 0.8], "C", 50.0)


PLAIN = HalfMapModel(
    resolution_A=constant(5.5), preferred_fraction=constant(0), membrane=0, nucleic=0,
    glycans=constant(0), masked=0,
)  # fmt: skip


def test_the_fsc_in_the_mask_is_the_one_asked_for():
    found = [simulate_half_maps(protein(), PLAIN, N, PIXEL_A, seed) for seed in range(4)]
    for maps in found:
        curve = masked_fsc(maps.half1, maps.half2, maps.mask)
        assert float((curve - maps.fsc)[2:].abs().max()) < 0.2
        assert resolution_at(curve, PIXEL_A, 0.143, N) == pytest.approx(5.5, rel=0.08)
    mean = torch.stack([masked_fsc(m.half1, m.half2, m.mask) - m.fsc for m in found]).mean(0)
    assert float(mean[2:].abs().max()) < 0.1


def test_noise_of_the_halves_is_independent_and_the_truth_common():
    maps = simulate_half_maps(protein(), PLAIN, N, PIXEL_A, 0)
    first, second = maps.half1 - maps.truth, maps.half2 - maps.truth
    correlation = (first * second).mean() / (first.std() * second.std())
    assert abs(float(correlation)) < 0.02
    assert float(fsc(maps.half1, maps.truth)[3]) > 0.9


def test_same_seed_same_maps():
    first, again, other = (
        simulate_half_maps(protein(), HalfMapModel(), N, PIXEL_A, seed) for seed in (5, 5, 6)
    )
    assert torch.equal(first.half1, again.half1)
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.half1, other.half1)


def test_an_fsc_curve_is_a_seventh_at_the_resolution_and_falls():
    curve = fsc_curve(100, 1.0, 4.0, 150.0)
    assert float(curve[25]) == pytest.approx(1 / 7)
    assert (curve[1:] < curve[:-1]).all()


def test_views_along_z_see_what_lies_across():
    seen = seen_directions(32, 0.9, 15.0, Z)
    assert float(seen[8, 0, 0]) == pytest.approx(0.1, abs=0.01)
    assert float(seen[0, 0, 8]) > 2
    weight = torch.full(seen.shape, 2.0)
    weight[..., 0] = weight[..., -1] = 1
    radius = torch.linalg.norm(torch.stack(torch.meshgrid(
        *(torch.fft.fftfreq(32) * 32,) * 2, torch.arange(17.0), indexing="ij")), dim=0)  # fmt: skip
    shell = weight * ((radius > 8) & (radius < 14))
    assert float((seen * shell).sum() / shell.sum()) == pytest.approx(1.0, abs=0.05)


def test_a_direction_never_seen_is_missing_from_the_map():
    white = torch.randn(N, N, N, generator=torch.Generator().manual_seed(0))
    seen = seen_directions(N, 1.0, 8.0, Z)
    flat = torch.full((N // 2 + 1,), 0.99)
    half = to_fourier(noisy_half(white, torch.ones(N, N, N), flat, seen, 1), 3).abs()
    assert float(half[10:20, 0, 0].mean()) < 0.3 * float(half[0, 10:20, 0].mean())


def test_labels_say_what_lies_where():
    model = replace(PLAIN, membrane=1.0, nucleic=1.0, glycans=constant(3))
    maps = simulate_half_maps(protein(), model, 64, PIXEL_A, 1)
    kinds = {
        half_maps.PROTEIN, half_maps.NUCLEIC, half_maps.GLYCAN, half_maps.DETERGENT,
        half_maps.SOLVENT,
    }  # fmt: skip
    assert set(maps.labels.unique().tolist()) == kinds
    density = {k: float(maps.density[maps.labels == k].mean()) for k in kinds}
    assert density[half_maps.PROTEIN] > 1.3 * density[half_maps.DETERGENT] > 0
    assert abs(density[half_maps.SOLVENT]) < 0.1 * density[half_maps.DETERGENT]
    assert float(maps.mask[maps.labels != half_maps.SOLVENT].min()) > 0.4


def test_masked_halves_are_empty_outside():
    maps = simulate_half_maps(protein(), replace(PLAIN, masked=1.0), N, PIXEL_A, 0)
    assert float(maps.half1[maps.mask == 0].abs().max()) == 0


def test_where_b_factors_are_high_the_density_is_low():
    model = replace(PLAIN, b_spread=constant(0.8))
    maps = simulate_half_maps(protein(60), model, N, PIXEL_A, 2)
    zyx = np.rint(maps.structure.xyz_A[:, ::-1] / PIXEL_A).astype(int) + N // 2
    at_atoms = maps.density.numpy()[tuple(zyx.T)]
    assert np.corrcoef(at_atoms, np.log(maps.structure.b_factors_A2))[0, 1] < -0.4


def test_sharpening_lifts_high_frequencies_of_all_maps_alike():
    plain = simulate_half_maps(protein(), PLAIN, N, PIXEL_A, 0)
    sharp = simulate_half_maps(
        protein(), replace(PLAIN, sharpening_A2=constant(80.0)), N, PIXEL_A, 0
    )
    for name in ("half1", "truth"):
        before, after = (power_spectrum(getattr(m, name)) for m in (plain, sharp))
        gain = (after / before)[12]
        assert float(gain) == pytest.approx(np.exp(40 * (12 / (N * PIXEL_A)) ** 2), rel=0.03)


def test_the_short_way_has_the_statistics_of_the_long_way():
    conformers = Conformers.of_structures([protein(1200)], N, PIXEL_A)
    simulator = ParticleSimulator(
        ParticleModel(snr=constant(0.3), b_factor_A2=constant(60.0), neighbours=0.0), conformers
    )
    slow = reconstructed_halves(simulator, simulator.truth(1500))
    mask = sphere((N, N, N), 13.0, 4.0)
    curve = masked_fsc(*slow, mask)
    truth = masked_fsc(slow[0] + slow[1], conformers.map(0), mask)
    assert float(truth[2:6].min()) > 0.95
    everywhere = torch.ones(N, N, N // 2 + 1)
    smooth = torch.nn.functional.avg_pool1d(curve[None, None], 3, 1, 1, count_include_pad=False)
    fast = [noisy_half(conformers.map(0), mask, smooth[0, 0], everywhere, seed) for seed in (1, 2)]
    inside, shells = mask > 0.99, slice(3, N // 2 - 1)
    spectra = [power_spectrum(half * mask)[shells] for half in (slow[0], fast[0])]
    assert float((spectra[1] / spectra[0]).log().abs().mean()) < 0.25
    difference = (masked_fsc(*fast, mask) - curve)[shells]
    assert float(difference.abs().mean()) < 0.06
    spread = [float((a - b)[inside].std()) for a, b in (slow, fast)]
    assert spread[1] == pytest.approx(spread[0], rel=0.15)
