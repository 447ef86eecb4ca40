"""Denoising with a network, whatever it has learned: grids, amplitudes, halves, bad input."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.weights import write_weights
from napari_cryoai.jobs.progress import finish
from napari_cryoai.maps.denoise import DenoiseParams, denoise
from napari_cryoai.maps.denoisers import denoiser
from napari_cryoai.maps.learned import KIND, LearnedDenoiser, load_denoiser, save_denoiser
from napari_cryoai.maps.network import Answer, MapNetwork, NetworkConfig
from napari_cryoai.maps.output import write_denoised
from napari_cryoai.maps.standard import to_grid
from napari_cryoai.physics.fsc import fsc
from napari_cryoai.physics.radial import power_spectrum

PIXEL_A = 1.6
CPU = torch.device("cpu")


class Oracle(torch.nn.Module):
    """Answers as it is told."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer
        self.anything = torch.nn.Parameter(torch.zeros(1))

    def forward(self, density, contrast, bins):
        return self.answer(density, contrast)


def without_data(denoiser, simulated):
    """What the network makes of the halves, before the data are mixed in."""
    given = denoiser.prepared(simulated.half1, simulated.half2, PIXEL_A)
    found = [denoiser.denoise(h, given.known, given.mask, PIXEL_A)[0] for h in given.halves]
    return sum(found) / 2


def _kept(error):
    return LearnedDenoiser(Oracle(lambda d, c: Answer(d, torch.full_like(d, error).log())))


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    network = MapNetwork(NetworkConfig(width=8, told=8)).eval()
    save_denoiser(tmp_path / "w.safetensors", LearnedDenoiser(network, 0.25, 0.01), {"hours": 1})
    return tmp_path / "w.safetensors"


def test_a_network_that_changes_nothing_gives_the_filtered_halves(simulated):
    half1, half2 = simulated.half1, simulated.half2
    found = _kept(0.01)(half1, half2, PIXEL_A)
    assert found.half1.shape == half1.shape
    assert fsc(found.half1, half1)[2:10].min() > 0.98
    n, last = len(half1), round(len(half1) * PIXEL_A / simulated.resolution_A)
    assert power_spectrum(found.half1)[last + 3 :].max() < 1e-6 * power_spectrum(half1)[1:4].mean()
    assert n // 2 > last + 3


def test_amplitudes_are_those_of_the_data_whatever_the_network_makes_of_them(simulated):
    halves = simulated.half1, simulated.half2
    plain = _kept(0.01)(*halves, PIXEL_A).full
    loud = LearnedDenoiser(Oracle(lambda d, c: Answer(1.2 * d, torch.full_like(d, -4.0))))
    ratio = power_spectrum(loud(*halves, PIXEL_A).full) / power_spectrum(plain)
    noisy = (simulated.fsc > 0.5) & (simulated.fsc < 0.93)
    assert int(noisy.sum()) >= 2
    assert torch.allclose(ratio[noisy], torch.ones_like(ratio[noisy]), atol=0.03)


def test_data_stay_where_the_network_expects_to_be_worse(simulated):
    def wrong(error):
        answer = Oracle(lambda d, c: Answer(torch.zeros_like(d), torch.full_like(d, error).log()))
        return without_data(LearnedDenoiser(answer, floor=0.0), simulated)

    sure, unsure = wrong(1e-4), wrong(7.0)
    data = without_data(_kept(1e-4), simulated)
    assert sure.std() < 1e-3 * data.std()
    assert float(torch.corrcoef(torch.stack([unsure.flatten(), data.flatten()]))[0, 1]) > 0.99


def test_shells_that_the_data_know_best_stay_as_they_are(simulated):
    """However wrong the network is about them."""
    answer = Oracle(lambda d, c: Answer(0 * d, torch.full_like(d, -9.0)))
    found = without_data(LearnedDenoiser(answer, floor=0.1), simulated)
    clear, noisy = simulated.fsc > 0.999, (simulated.fsc > 0.2) & (simulated.fsc < 0.6)
    kept = (power_spectrum(found) / power_spectrum(simulated.truth)).sqrt()
    assert kept[clear][2:].min() > 0.9
    assert kept[noisy].max() < 0.5


def test_each_half_is_denoised_alone(simulated):
    """The other half has a say in curves over shells only."""
    seen = []

    def note(density, contrast):
        seen.append(density.clone())
        return Answer(density, torch.full_like(density, -4.0))

    network = LearnedDenoiser(Oracle(note), mask=simulated.mask)
    network(simulated.half1, simulated.half2, PIXEL_A)
    assert len(seen) == 2
    outside = to_grid(simulated.mask, seen[0].shape[1:]) < 1e-3
    pair = torch.corrcoef(torch.stack([density[0][outside] for density in seen]))
    assert abs(float(pair[0, 1])) < 0.1


def test_a_constant_that_is_added_to_the_map_is_in_the_result_and_changes_nothing_else(simulated):
    plain = _kept(0.01)(simulated.half1, simulated.half2, PIXEL_A)
    shifted = _kept(0.01)(simulated.half1 + 5, simulated.half2 + 5, PIXEL_A)
    away = (shifted.full - 5 - plain.full).abs().max()
    assert away < 1e-3 * plain.full.std()
    assert (shifted.confidence - plain.confidence).abs().max() < 0.01


def test_confidence_is_high_in_the_molecule_and_none_in_solvent(simulated):
    def honest(density, contrast):
        inside = contrast > 0.6
        return Answer(torch.where(inside, density, 0.1 * density), torch.full_like(density, -4.0))

    found = LearnedDenoiser(Oracle(honest))(simulated.half1, simulated.half2, PIXEL_A)
    assert float(found.confidence[simulated.mask > 0.99].mean()) > 0.8
    assert float(found.confidence[simulated.mask < 0.01].mean()) < 0.2
    assert 0 <= float(found.confidence.min()) <= float(found.confidence.max()) <= 1


@torch.inference_mode()
def test_large_maps_go_in_tiles_that_hardly_show(weights, monkeypatch):
    found = load_denoiser(weights, CPU)
    for parameter in found.network.core.outer.parameters():
        torch.nn.init.normal_(parameter)
    seen = torch.randn(2, 192, 16, 16, generator=torch.Generator().manual_seed(0))
    bins = torch.ones(16)
    whole = found._answer(*seen, bins).density
    monkeypatch.setattr("napari_cryoai.maps.learned.LARGEST_TILE", 112)
    tiled = found._answer(*seen, bins).density
    assert not torch.equal(whole, tiled)  # there were several
    torch.testing.assert_close(tiled, whole, atol=1e-2 * float((whole - seen[0]).std()), rtol=0)


def test_pure_noise_gives_nothing():
    generator = torch.Generator().manual_seed(0)
    noise = [torch.randn(40, 40, 40, generator=generator) for _ in range(2)]
    found = _kept(0.01)(*noise, PIXEL_A).full
    assert (found - found.mean()).std() < 0.05 * noise[0].std()


def test_weights_come_back_as_they_were_written(weights):
    loaded = load_denoiser(weights, CPU)
    assert (loaded.log_error_offset, loaded.floor) == (0.25, 0.01)
    assert loaded.network.config.width == 8
    assert not any(p.requires_grad for p in loaded.network.parameters())


@pytest.mark.parametrize("config", [{"architecture": "other"}, {"width": 16}, "nothing", None])
def test_weights_of_another_network_are_refused(weights, tmp_path, config):
    tensors = {"a": np.zeros(3, np.float32)}
    facts = {"config": config, "log_error_offset": 0.0, "floor": 0.0} if config else {}
    write_weights(tmp_path / "x.safetensors", tensors, KIND, facts)
    with pytest.raises(CryoAIError, match="does not know"):
        load_denoiser(tmp_path / "x.safetensors", CPU)
    write_weights(tmp_path / "y.safetensors", tensors, "picker", {})
    with pytest.raises(CryoAIError, match="picker"):
        denoiser("unet", weights=tmp_path / "y.safetensors")


def test_the_job_keeps_the_place_of_the_map(halves, weights, tmp_path):
    params = DenoiseParams(weights=weights, judge=False, device="cpu")
    found = finish(denoise(params, *halves))
    for made in (found.full, found.half1, found.half2, found.confidence):
        assert (made.shape, made.pixel_size_A, made.origin_A) == (
            halves[0].shape,
            halves[0].pixel_size_A,
            halves[0].origin_A,
        )
    assert found.full.data.min() < 0  # negative density is density
    names = [path.name for path in write_denoised(found, tmp_path / "out")]
    assert names == ["denoised.mrc", "confidence.mrc", "denoised_half1.mrc", "denoised_half2.mrc"]


def test_a_single_map_is_marked_as_not_verifiable(halves, weights, tmp_path):
    found = finish(denoise(DenoiseParams(weights=weights, device="cpu"), halves[0], None))
    assert found.half1 is None
    assert not found.verdict.verifiable
    write_denoised(found, tmp_path)
    assert "Not verifiable" in (tmp_path / "report.json").read_text()


def test_filters_need_two_halves(halves):
    with pytest.raises(CryoAIError, match="two half maps"):
        finish(denoise(DenoiseParams(model="wiener"), halves[0], None))


def test_bad_pairs_are_refused(halves, weights):
    params = DenoiseParams(weights=weights, device="cpu")
    one, two = halves
    small = replace(two, data=two.data[:40, :40, :40].copy())
    nan = two.data.copy()
    nan[3, 3, 3] = np.nan
    others = {
        "boxes": small,
        "voxel sizes": replace(two, pixel_size_A=2.0),
        "places": replace(two, origin_A=(0, 0, 50.0)),
        "not finite": two.with_data(nan),
        "half map 2 is the same value": two.with_data(0 * two.data + 3),
    }
    for message, other in others.items():
        with pytest.raises(CryoAIError, match=message):
            finish(denoise(params, one, other))


def test_maps_too_large_for_the_memory_are_refused_and_not_begun(halves, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=48**3 * 70))
    with pytest.raises(CryoAIError, match="GiB of memory"):
        finish(denoise(DenoiseParams(model="wiener"), *halves))
