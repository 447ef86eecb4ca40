"""Training the networks that trace: what they are shown, and that they learn from it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from napari_cryoai.building.tracing.backbone_network import NetworkConfig
from napari_cryoai.building.tracing.networks import load_networks, save_networks
from napari_cryoai.building.tracing.residue_network import ResidueConfig
from napari_cryoai.building.training import backbone_train, residue_train
from napari_cryoai.building.training.batches import CROP_PX, VIEW_PX, as_seen, make_batch
from napari_cryoai.building.training.residue_batches import make_residue_batch
from napari_cryoai.building.training.train import TrainNetworksParams, train
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.weights import write_weights
from napari_cryoai.jobs.progress import finish

QUICK = {"device": "cpu", "precision": "float32", "batch_size": 2}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(backbone_train, "NetworkConfig", partial(NetworkConfig, width=8))
    monkeypatch.setattr(residue_train, "ResidueConfig", partial(ResidueConfig, width=16))
    for module in (backbone_train, residue_train):
        monkeypatch.setattr(module, "WHOLE", 1)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_batch_shows_maps_and_says_where_the_atoms_are(scenes):
    batch = make_batch(scenes, 6, (1,))
    volume = (CROP_PX,) * 3
    assert batch.seen.shape == (6, 2, *volume)
    assert batch.heat.shape == (6, 4, *volume)
    assert batch.direction.shape == (6, 3, *volume)
    assert batch.secondary.shape == batch.other.shape == (6, *volume)
    assert all(bool(torch.isfinite(t.float()).all()) for t in batch)
    # Where the backbone is the map is denser than elsewhere, in every orientation.
    on = batch.heat[:, 3] > 0.5
    for seen, here in zip(batch.seen[:, 1], on, strict=True):
        if here.sum() > 50:
            assert seen[here].mean() > seen[~here].mean() + 0.3


def test_directions_turn_with_the_map(scenes):
    """Along its direction the backbone goes on; across it, it ends."""
    batch = make_batch(scenes, 6, (2,))
    ahead, across = [], []
    for heat, way in zip(batch.heat[:, 3], batch.direction, strict=True):
        for z, y, x in torch.nonzero(heat > 0.9)[::7].tolist():
            unit = way[:, z, y, x].numpy()
            if np.linalg.norm(unit) < 0.8 or not all(5 < i < CROP_PX - 6 for i in (z, y, x)):
                continue
            side = np.cross(unit, [0.3, 0.5, 0.8])
            for step, found in ((unit, ahead), (side / np.linalg.norm(side), across)):
                at = np.round([z, y, x] + 2 * step / np.linalg.norm(step)).astype(int)
                found.append(float(heat[tuple(at)]))
    assert len(ahead) > 30
    assert np.mean(ahead) > np.mean(across) + 0.1


def test_the_same_seed_gives_the_same_batch_and_another_seed_another(scenes):
    for make in (make_batch, make_residue_batch):
        one, same, other = (make(scenes, 1, (s,)) for s in (3, 3, 4))
        assert torch.equal(one[0], same[0])
        assert one[0].shape != other[0].shape or not torch.equal(one[0], other[0])


def test_a_map_as_it_is_seen_still_shows_what_is_there(scenes):
    scene = scenes[0]
    inner = (slice(16, 16 + VIEW_PX),) * 3
    density = torch.from_numpy(scene.density[inner].astype(np.float32))
    mask = torch.from_numpy(scene.mask[inner].astype(np.float32)) / 255
    found = [
        float(
            np.corrcoef(as_seen(density, mask, np.random.default_rng(s)).ravel(), density.ravel())[
                0, 1
            ]
        )
        for s in range(8)
    ]
    assert min(found) > 0.2
    assert max(found) < 0.999


def test_atoms_of_a_residue_batch_lie_at_their_bond_lengths(scenes):
    batch = make_residue_batch(scenes, 4, (5,))
    real = batch.real > 0.5
    n, ca, c, o = batch.atoms[real].unbind(1)
    for one, other, length in ((n, ca, 1.46), (ca, c, 1.52), (c, o, 1.23)):
        assert abs(float((one - other).norm(dim=1).median()) - length) < 0.15
    assert float(ca.norm(dim=1).max()) < 2.0
    # Half of the traces run backwards; where they do not, C lies ahead of N.
    ahead = (c - n)[:, 0] > 0
    assert bool((ahead == (batch.forward[real] > 0.5)).all())
    assert 0 < float(batch.forward[real].mean()) < 1
    assert int(batch.near.max()) < len(batch.real)


def test_a_training_ends_with_two_networks_that_can_be_saved(scenes, tmp_path):
    params = TrainNetworksParams(steps=4, **QUICK)
    trained = finish(train(params, scenes, scenes, checkpoint=tmp_path / "a.checkpoint"))
    assert trained.steps == (2, 2)
    assert trained.seconds > 0
    path = tmp_path / "backbone.safetensors"
    save_networks(path, trained.networks, trained.facts())
    again = load_networks(path, torch.device("cpu"))
    seen = torch.randn(1, 2, 32, 32, 32)
    one, other = (n.backbone.eval()(seen).heat for n in (trained.networks, again))
    assert torch.allclose(one, other, atol=0.05)  # half precision


def test_a_training_goes_on_where_it_was_cut_short(scenes, tmp_path):
    params = TrainNetworksParams(steps=6, **QUICK)
    whole = finish(train(params, scenes, scenes))
    job = train(params, scenes, scenes, checkpoint=tmp_path / "a.checkpoint")
    for progress in job:
        if progress.done >= 50:  # the first network is done
            break
    job.close()
    again = finish(train(params, scenes, scenes, checkpoint=tmp_path / "a.checkpoint", resume=True))
    pairs = (
        (getattr(whole.networks, name).state_dict(), getattr(again.networks, name).state_dict())
        for name in ("backbone", "residues")
    )
    for one, other in pairs:
        assert all(torch.allclose(one[key], other[key], atol=1e-5) for key in one)


def test_both_networks_learn(scenes):
    torch.manual_seed(0)
    pairs = (
        (
            backbone_train.BackboneNetwork(NetworkConfig(width=16)),
            backbone_train.backbone_loss,
            make_batch(scenes, 3, (1,)),
        ),
        (
            residue_train.ResidueNetwork(ResidueConfig(width=32)),
            residue_train.residue_loss,
            make_residue_batch(scenes, 1, (0,)),
        ),
    )
    for network, loss_of, batch in pairs:
        optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
        losses = []
        for _ in range(25):
            loss = loss_of(network, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        assert min(losses[-5:]) < 0.8 * losses[0]


def test_weights_of_something_else_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    write_weights(path, {"a": np.zeros(3)}, "backbone", {"config": {}})
    with pytest.raises(CryoAIError, match="other networks"):
        load_networks(path, torch.device("cpu"))
