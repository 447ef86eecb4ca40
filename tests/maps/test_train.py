"""Training a map denoiser: what it is shown, what it learns, and that it can be cut short."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.progress import finish
from napari_cryoai.maps import train as train_module
from napari_cryoai.maps.batches import CROP_PX, make_batch
from napari_cryoai.maps.network import NetworkConfig
from napari_cryoai.maps.standard import BINS
from napari_cryoai.maps.train import TrainMapDenoiserParams, denoising_loss, train
from napari_cryoai.maps.training_scenes import STORE, make_scene

QUICK = {"device": "cpu", "precision": "float32", "batch_size": 2}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(train_module, "NetworkConfig", partial(NetworkConfig, width=8, told=8))
    monkeypatch.setattr(train_module, "WHOLE", 1)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_batch_holds_half_maps_of_all_resolutions_and_what_they_should_become(scenes):
    batch = make_batch(scenes, 12, (1,))
    shape = (12, CROP_PX, CROP_PX, CROP_PX)
    assert batch.density.shape == batch.contrast.shape == batch.target.shape == shape
    assert batch.fsc_bins.shape == (12, BINS)
    assert all(bool(torch.isfinite(t).all()) for t in batch)
    known = (batch.fsc_bins > 1 / 7).sum(1)
    assert known.min() < BINS / 2 < known.max()
    # The noise is what is to be taken away, and not so much that nothing could be learned.
    share = (batch.density - batch.target).square().mean((1, 2, 3)) / batch.target.var((1, 2, 3))
    assert 0.02 < float(share.median()) < 3


def test_a_target_has_nothing_beyond_the_resolution(scenes):
    from napari_cryoai.physics.radial import power_spectrum

    batch = make_batch(scenes, 6, (2,))
    for target, bins in zip(batch.target, batch.fsc_bins, strict=True):
        last = int((bins > 0).nonzero().max()) + 1
        if last > BINS - 3:
            continue
        shells = power_spectrum(target)
        beyond = shells[round((last + 2) / BINS * (len(shells) - 1)) :]
        assert beyond.mean() < 0.02 * shells[1:4].mean()


def test_the_same_seed_gives_the_same_batch_and_another_seed_another(scenes):
    one, same, other = (make_batch(scenes, 2, (s,)) for s in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not torch.equal(one.density, other.density)


def test_a_network_learns_to_denoise(scenes):
    params = TrainMapDenoiserParams(steps=60, learning_rate=3e-3, **QUICK)
    trained = finish(train(params, scenes, scenes))
    assert trained.steps == 60
    assert trained.validation.error < 0.9
    assert not trained.network.training
    assert set(trained.validation.figures()) == {"error", "again", "surprise", "floor"}


def test_some_steps_show_a_network_its_own_answer(scenes, monkeypatch):
    calls = []

    class Watched(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = torch.nn.Parameter(torch.tensor(0.5))

        def forward(self, density, contrast, bins):
            from napari_cryoai.maps.network import Answer

            calls.append(torch.is_grad_enabled())
            return Answer(self.gain * density, torch.zeros_like(density))

    network, times = Watched(), []
    for seed in range(40):
        calls.clear()
        denoising_loss(network, make_batch(scenes[:1], 1, (seed,))).backward()
        assert calls[-1] and not any(calls[:-1])  # only the last has a gradient
        times.append(len(calls))
    assert 22 <= times.count(1) < 40
    assert set(times) <= {1, 2, 3}


def test_a_training_cut_short_ends_where_an_uninterrupted_one_does(scenes, tmp_path):
    whole = finish(train(TrainMapDenoiserParams(steps=4, **QUICK), scenes, scenes))
    checkpoint = tmp_path / "w.checkpoint"
    half = TrainMapDenoiserParams(steps=4, **QUICK)
    job = train(half, scenes, scenes, checkpoint=checkpoint)
    for _ in range(2):
        next(job)
    job.close()
    again = finish(train(half, scenes, scenes, checkpoint=checkpoint, resume=True))
    for one, other in zip(
        whole.network.state_dict().values(), again.network.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)


def test_without_scenes_there_is_nothing_to_learn(scenes):
    with pytest.raises(CryoAIError, match="nothing to learn"):
        finish(train(TrainMapDenoiserParams(**QUICK), [], scenes))


@pytest.fixture
def structures(tmp_path):
    paths = []
    for number in range(3):
        rng = np.random.default_rng(number)
        xyz = rng.normal(0, 6, (80, 3))
        rows = (
            f"ATOM  {i + 1:5d}  CA  ALA A{i + 1:4d}    {x:8.3f}{y:8.3f}{z:8.3f}"
            "  1.00 30.00           C"
            for i, (x, y, z) in enumerate(xyz)
        )
        paths.append(tmp_path / f"{number}.pdb")
        paths[-1].write_text("\n".join([*rows, "END", ""]))
    return paths


def test_scenes_are_made_once_and_can_be_added_to(structures, tmp_path):
    first = finish(STORE.write(tmp_path / "pool", 2, structures, seed=1))
    before = [path.stat().st_mtime_ns for path in first.paths]
    more = finish(STORE.write(tmp_path / "pool", 3, structures, seed=1))
    assert len(more) == 3
    assert [path.stat().st_mtime_ns for path in more.paths[:2]] == before
    scene, again = more[1], make_scene((1, 1), structures)
    assert np.array_equal(scene.density, again.density)
    assert scene.mask.max() == 255
    assert scene.density.shape == scene.mask.shape
    assert len(scene.signal) == len(scene.density) // 2 + 1
