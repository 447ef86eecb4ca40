"""Posteriors under a mixture of Gaussians."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cryoai.heterogeneity.engines import mixture as module
from napari_cryoai.heterogeneity.engines.encoding import Encoded
from napari_cryoai.heterogeneity.engines.mixture import Mixture, under_mixture
from napari_cryoai.heterogeneity.engines.posterior import Evidence, Prior, posterior
from napari_cryoai.jobs.progress import finish

CONTRAST_SD = 0.1
PRIOR = Prior.of(2, CONTRAST_SD, torch.device("cpu"))


def told(places, noise, seed=0) -> Encoded:
    """What images say that show the places `(n, 2)` with noise; posteriors under one Gaussian."""
    generator = torch.Generator().manual_seed(seed)
    true = torch.cat([torch.ones(len(places), 1), torch.as_tensor(places).float()], 1)
    seen = true + noise * torch.randn(true.shape, generator=generator)
    gram = torch.eye(3).expand(len(true), 3, 3) / noise**2
    response = seen / noise**2
    found = posterior(Evidence(gram, response), PRIOR)
    return Encoded(gram, response, found.mean, found.covariance, found.gain)


def halves(n):
    return np.arange(0, n, 2), np.arange(1, n, 2)


def two_clusters(n=600):
    return np.array([[1.5, 0.0], [-1.5, 0.0]])[np.arange(n) % 4 // 2]


def test_clusters_are_not_drawn_together():
    places = two_clusters()
    normal = told(places, 0.8)
    mixed = finish(under_mixture(normal, PRIOR, halves(len(places)), 0))
    assert mixed is not None
    off = [np.linalg.norm(e.mean[:, 1:].numpy() - places, axis=1).mean() for e in (normal, mixed)]
    assert off[1] < 0.65 * off[0]
    side = np.sign(places[:, 0])
    assert (normal.mean[:, 1].numpy() * side).mean() < 1.1
    assert (mixed.mean[:, 1].numpy() * side).mean() > 1.3


def test_posteriors_say_how_far_off_they_are():
    places = two_clusters()
    mixed = finish(under_mixture(told(places, 0.8), PRIOR, halves(len(places)), 0))
    off = mixed.mean[:, 1:].double().numpy() - places
    expected = mixed.covariance[:, 1:, 1:].double().numpy()
    squared = np.einsum("ni,nij,nj->n", off, np.linalg.inv(expected), off)
    # Two degrees of freedom; that between the clusters is wider than either.
    assert 0.4 < squared.mean() < 3.5


def test_where_all_is_one_gaussian_there_is_no_mixture():
    rng = np.random.default_rng(0)
    for places in (np.zeros((500, 2)), rng.normal(size=(500, 2))):
        found = finish(under_mixture(told(places, 0.8), PRIOR, halves(500), 0))
        if found is not None:
            # Places that are all the same are not standard normal: they may be drawn together.
            assert np.ptp(places) == 0


def test_a_mixture_of_one_is_the_one_gaussian():
    found = told(two_clusters(50), 0.5)
    one = module._of(found, np.arange(50))
    mean, covariance = module._posterior(Mixture.of_one(PRIOR), one)
    assert torch.allclose(mean.float(), found.mean, atol=1e-4)
    assert torch.allclose(covariance.float(), found.covariance, atol=1e-4)
    evidence = Mixture.of_one(PRIOR).evidence(one)[:, 0]
    alone = Prior(PRIOR.mean[:1], PRIOR.precision[:1])
    small = posterior(Evidence(found.gram[:, :1, :1], found.response[:, :1]), alone)
    assert torch.allclose(small.gain, torch.zeros(50), atol=1e-4)
    # Both leave out what does not depend on the coefficients.
    gain = evidence - Mixture.of_one(alone).evidence(_first(one))[:, 0]
    assert torch.allclose(gain.float(), found.gain, atol=1e-3)


def _first(found: Encoded) -> Encoded:
    return Encoded(found.gram[:, :1, :1], found.response[:, :1], *(3 * (found.gain,)))


def test_many_images_are_thinned_out_for_the_fit_and_all_get_a_place(monkeypatch):
    monkeypatch.setattr(module, "MOST", 200)
    monkeypatch.setattr(module, "AT_ONCE", 70)
    places = two_clusters()
    whole = finish(under_mixture(told(places, 0.8), PRIOR, halves(len(places)), 0))
    assert whole.mean.shape == (600, 3)
    assert (np.sign(whole.mean[:, 1].numpy()) == np.sign(places[:, 0])).mean() > 0.95


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_seed_gives_the_same(seed):
    found = told(two_clusters(300), 0.8)
    first, second = (finish(under_mixture(found, PRIOR, halves(300), seed)) for _ in range(2))
    assert torch.equal(first.mean, second.mean)
