"""Fine-tuning on a map's own halves: what is learned, from where, and what the judge says of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.progress import Progress, finish
from napari_cryoai.maps import fine_tune as tuning
from napari_cryoai.maps.chessboard import FineTuned, cell_size, well_inside, white
from napari_cryoai.maps.denoise import DenoiseParams, denoise
from napari_cryoai.maps.fine_tune import Tuning, fine_tune, told_of
from napari_cryoai.maps.learned import LearnedDenoiser, save_denoiser
from napari_cryoai.maps.network import Answer, MapNetwork, NetworkConfig
from napari_cryoai.maps.standard import PIXEL_A
from napari_cryoai.maps.verdict import not_verifiable
from napari_cryoai.nets.octahedral import ORDER, turned

SIDE = 40


class Says(torch.nn.Module):
    """A network that answers the same everywhere."""

    def __init__(self, value):
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(value))

    def forward(self, density, contrast, bins):
        return Answer(0 * density + self.value, 0 * density)


class Scales(torch.nn.Module):
    """A network that has one thing to learn: that the density is stronger than it thinks."""

    def __init__(self):
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(0.4))

    def forward(self, density, contrast, bins):
        return Answer(self.value * density, 0 * density)


@pytest.fixture
def small(monkeypatch):
    """A network and crops that learn in no time."""
    monkeypatch.setattr(tuning, "CROP_PX", 24)
    monkeypatch.setattr(tuning, "STEPS", 6)
    monkeypatch.setattr(tuning, "EVERY", 2)
    monkeypatch.setattr(tuning, "PEAK", 3e-3)
    torch.manual_seed(0)
    network = MapNetwork(NetworkConfig(width=8, told=8)).eval().requires_grad_(False)
    return LearnedDenoiser(network)


def test_cells_look_alike_however_the_map_lies():
    """So that no fourfold symmetry brings the noise of one colour to the other."""
    part = white((SIDE,) * 3, 20.0)
    assert 0.4 < float(part.mean()) < 0.6
    assert all(torch.equal(turned(part, rotation), part) for rotation in range(ORDER))


def test_nothing_is_learned_near_where_it_is_applied():
    shape, cell_A = (SIDE,) * 3, 20.0
    black, inner = well_inside(shape, cell_A)
    part = white(shape, cell_A)
    assert part[inner].min() == 1
    assert part[black].max() == 0
    places = [torch.nonzero(region).float() * PIXEL_A for region in (black, inner)]
    apart = torch.cdist(places[0][::7], places[1]).min()
    assert apart >= 2 * 0.15 * cell_A


def test_cells_are_large_for_coarse_maps():
    assert cell_size(3.0) == 24
    assert cell_size(8.0) == 32


def test_each_network_denoises_the_cells_it_has_not_learned_from():
    found = FineTuned(Says(0.0), tuned=(Says(1.0), Says(-1.0)), cell_A=20.0)
    answer = found._answer(
        torch.zeros(SIDE, SIDE, SIDE), torch.zeros(SIDE, SIDE, SIDE), torch.ones(16)
    )
    black, inner = well_inside((SIDE,) * 3, 20.0)
    assert (answer.density[inner] == 1).all()
    assert (answer.density[black] == -1).all()


def test_what_lies_outside_its_cells_is_no_target(simulated, small):
    lesson = tuning._lesson(small, simulated.half1, simulated.half2, 1.6)
    black, _ = well_inside(lesson.shape, 20.0)
    crops = lesson.crops(black, 3, np.random.default_rng(0))
    elsewhere = crops.target + 100 * (1 - crops.where)
    losses = [lesson.loss(small.network, c) for c in (crops, crops._replace(target=elsewhere))]
    assert torch.equal(*losses)
    assert losses[0] > 0


def test_a_network_learns_to_foretell_the_other_half(simulated, small, monkeypatch):
    monkeypatch.setattr(tuning, "PEAK", 0.1)
    before = LearnedDenoiser(Scales().requires_grad_(False))
    tuned, told = finish(fine_tune(before, simulated.half1, simulated.half2, 1.6, seed=0))
    assert told.gain > 0
    assert min(told.steps) > 0
    for network in tuned.tuned:
        assert float(network.value) > 0.45
    assert float(before.network.value) == pytest.approx(0.4)


def test_weights_stay_where_learning_brings_nothing(simulated, small, monkeypatch):
    monkeypatch.setattr(tuning, "PEAK", 1.0)  # nothing survives such steps
    tuned, told = finish(fine_tune(small, simulated.half1, simulated.half2, 1.6, seed=0))
    assert (told.steps, told.gain) == ((0, 0), 0)
    pairs = zip(tuned.tuned[1].parameters(), small.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_molecule_that_cannot_be_cut_is_refused(simulated, small, monkeypatch):
    monkeypatch.setattr(tuning, "FEWEST", 1 << 30)
    with pytest.raises(CryoAIError, match="too small"):
        finish(fine_tune(small, simulated.half1, simulated.half2, 1.6, seed=0))


def test_the_job_says_that_it_was_fine_tuned(halves, small, tmp_path, monkeypatch):
    def judge(*_args, **_options):
        yield Progress(0, 1)
        return not_verifiable()

    monkeypatch.setattr("napari_cryoai.maps.denoise.validate", judge)
    save_denoiser(tmp_path / "w.safetensors", small, {})
    params = DenoiseParams(
        weights=tmp_path / "w.safetensors", fine_tune=True, rescue=False, device="cpu"
    )
    found = finish(denoise(params, *halves))
    (finding,) = (f for f in found.verdict.findings if f.about == "fine-tuning")
    assert "fine-tuned on these half maps" in finding.text
    assert found.verdict.figures["fine_tuning_gain"] >= 0


def test_that_nothing_came_of_it_is_said():
    told = told_of(not_verifiable(), Tuning((0, 0), 1.0, 1.0))
    assert "brought nothing" in told.findings[-1].text


def test_filters_and_single_maps_have_nothing_to_learn(halves):
    with pytest.raises(CryoAIError, match="nothing to learn"):
        finish(denoise(DenoiseParams(model="wiener", fine_tune=True), *halves))
    with pytest.raises(CryoAIError, match="needs two half maps"):
        finish(denoise(DenoiseParams(fine_tune=True, device="cpu"), halves[0], None))
