"""Training step by step: what decays, what is averaged, what a resume gives back."""

from __future__ import annotations

import io
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from napari_cryoai.nets.attention import WindowBlock
from napari_cryoai.nets.trainer import Trainer, warmup_cosine

X = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
Y = X[:, :1] - 2 * X[:, 1:2]


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 1))


def _step(trainer: Trainer, i: int, count: int = 20) -> float:
    rows = slice(i % 4 * 8, i % 4 * 8 + 8)
    return trainer.step(lambda: ((trainer.network(X[rows]) - Y[rows]) ** 2).mean(), i / count)


def _same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(p, q) for p, q in pairs)


def test_a_resumed_training_ends_where_an_uninterrupted_one_does():
    whole = Trainer(_network())
    for i in range(20):
        _step(whole, i)
    first = Trainer(_network())
    for i in range(7):
        _step(first, i)
    file = io.BytesIO()
    torch.save(first.state(), file)
    file.seek(0)

    nn.init.zeros_(first.network[0].weight)  # nothing of the first may live on
    second = Trainer(_network())
    second.restore(torch.load(file, weights_only=True))
    assert second.steps == 7
    for i in range(7, 20):
        _step(second, i)
    assert _same(second.network, whole.network)
    assert _same(second.averaged, whole.averaged)


def test_it_learns():
    trainer = Trainer(_network(), peak=0.03)
    losses = [_step(trainer, i, 200) for i in range(200)]
    assert np.mean(losses[-4:]) < 0.1 * np.mean(losses[:4])


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_changes_no_weight(poison):
    trainer = Trainer(_network())
    for i in range(3):
        _step(trainer, i)
    before = deepcopy(trainer.network)
    loss = trainer.step(lambda: (trainer.network(X) * poison).sum(), 0.5)
    assert not np.isfinite(loss)
    assert trainer.steps == 4
    assert _same(trainer.network, before)
    _step(trainer, 4)
    assert all(torch.isfinite(p).all() for p in trainer.network.parameters())
    assert not _same(trainer.network, before)


def test_the_averaged_weights_follow_at_first_fast_and_then_slowly():
    trainer = Trainer(_network(), average=0.8)
    mean = [p.detach().clone() for p in trainer.network.parameters()]
    for i in range(60):
        _step(trainer, i, 60)
        keep = min(0.8, (2 + i) / (11 + i))
        now = trainer.network.parameters()
        mean = [keep * m + (1 - keep) * p.detach() for m, p in zip(mean, now, strict=True)]
    for ours, theirs in zip(mean, trainer.averaged.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)
        assert not theirs.requires_grad
    assert not trainer.averaged.training
    assert trainer.network.training


def test_matrices_decay_and_biases_norms_and_embeddings_do_not():
    torch.manual_seed(0)
    network = nn.ModuleDict(
        {
            "conv": nn.Conv2d(2, 2, 3),
            "norm": nn.LayerNorm(2),
            "block": WindowBlock(4, 1, 2, 1, shifted=False),
        }
    )
    network.register_parameter("shared", nn.Parameter(torch.ones(2, 4)))
    nn.init.ones_(network["block"].position_bias)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    trainer = Trainer(network, peak=0.1, decay=0.5)
    # No gradient at all: what still changes, decays.
    trainer.step(lambda: sum(p.sum() for p in network.parameters()) * 0, 0.04)
    for name, p in network.named_parameters():
        decays = name.endswith("weight") and "norm" not in name
        assert torch.allclose(p, before[name] * (0.95 if decays else 1)), name


def test_a_huge_gradient_is_no_longer_than_the_clip():
    network = _network()
    trainer = Trainer(network, clip=0.5)
    trainer.step(lambda: 1e6 * network(X).sum(), 0.5)
    assert sum(p.grad.square().sum() for p in network.parameters()) ** 0.5 <= 0.5 + 1e-5


def test_the_learning_rate_rises_straight_and_falls_like_a_cosine():
    rate = np.array([warmup_cosine(t) for t in np.linspace(0, 1.2, 1201)])
    assert rate.argmax() == 40
    assert rate[40] == pytest.approx(1)
    assert rate[20] == pytest.approx(0.5)
    assert rate[520] == pytest.approx(0.505)
    assert rate[1000:] == pytest.approx(0.01)
    assert (np.diff(rate[:41]) >= 0).all()
    assert (np.diff(rate[40:]) <= 0).all()
    assert rate.min() > 0
