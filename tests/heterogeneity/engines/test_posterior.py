"""What an image says of coefficients."""

from __future__ import annotations

import pytest
import torch

from napari_cryoai.heterogeneity.engines.posterior import Prior, evidence, posterior

CPU = torch.device("cpu")


@pytest.fixture
def drawn():
    """Images of two components with known coefficients and noise of unit variance."""
    generator = torch.Generator().manual_seed(0)
    m, k = 4000, 30
    views = 0.3 * torch.randn(m, k, 2, 3, generator=generator)
    a = torch.randn(m, 3, generator=generator)
    a[:, 0] = 1 + 0.1 * a[:, 0]
    noise = torch.randn(m, k, 2, generator=generator) / 2**0.5
    values = (views @ a[:, None, :, None])[..., 0] + noise
    return views, values, a


def test_errors_are_as_large_as_the_posterior_says(drawn):
    views, values, a = drawn
    found = posterior(evidence(views, values), Prior.of(2, 0.1, CPU))
    error = (found.mean - a) / found.covariance.diagonal(dim1=1, dim2=2).sqrt()
    assert torch.allclose(error.std(0), torch.ones(3), atol=0.05)
    assert error.mean(0).abs().max() < 0.06


def test_images_of_components_are_likelier_with_them(drawn):
    views, values, a = drawn
    prior = Prior.of(2, 0.1, CPU)
    with_components = posterior(evidence(views, values), prior).gain.mean()
    of_mean = views[..., 0] * a[:, None, None, 0]
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(values.shape, generator=generator) / 2**0.5
    without = posterior(evidence(views, of_mean + noise), prior).gain.mean()
    assert with_components > 0 > without


def test_the_gain_is_the_ratio_of_the_marginal_likelihoods():
    generator = torch.Generator().manual_seed(2)
    views = torch.randn(1, 5, 2, 3, generator=generator, dtype=torch.float64)
    values = torch.randn(1, 5, 2, generator=generator, dtype=torch.float64)
    prior = Prior(
        torch.tensor([1.0, 0, 0], dtype=torch.float64),
        torch.tensor([25.0, 1, 1], dtype=torch.float64),
    )
    gain = posterior(evidence(views, values), prior).gain

    def likelihood(columns: int) -> torch.Tensor:
        flat = views[0].reshape(10, 3)[:, :columns]
        covariance = 0.5 * torch.eye(10) + flat / prior.precision[:columns] @ flat.T
        mean = flat @ prior.mean[:columns]
        law = torch.distributions.MultivariateNormal(mean, covariance)
        return law.log_prob(values[0].flatten())

    assert torch.isclose(gain[0], likelihood(3) - likelihood(1))
