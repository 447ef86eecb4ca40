"""The autoencoder in the space of components."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.heterogeneity.engines.vae import Likelihood, VaeParams, trained, vae
from napari_cryoai.jobs.progress import finish

PARAMS = VaeParams(z_dim=1, components=4, box_size_px=24, epochs=120, device="cpu")


@pytest.fixture(scope="module")
def found(moving):
    return finish(vae(PARAMS, moving.stack))


def test_one_dimension_holds_the_motion(found, moving):
    order = np.argsort(np.argsort(found.model.table.mean[:, 0]))
    truth = np.argsort(np.argsort(moving.truth.state))
    assert abs(np.corrcoef(order, truth)[0, 1]) > 0.85


def test_decoded_maps_bend_with_the_place(found):
    low, middle, high = np.quantile(found.model.table.mean[:, 0], (0.05, 0.5, 0.95))
    weights = found.model.coefficients([[low], [middle], [high]])
    straight = (weights[0] + weights[2]) / 2
    assert (weights[1] - straight).norm() > 0.1 * (weights[2] - weights[0]).norm()


def test_the_bound_rises_on_images_that_it_does_not_learn_from(found):
    judged = [r["held_out_bound"] for r in found.rounds if "held_out_bound" in r]
    assert max(judged) > judged[0]


def test_the_likelihood_is_that_of_the_images():
    generator = torch.Generator().manual_seed(0)
    views = torch.randn(6, 20, 3, generator=generator)
    values = torch.randn(6, 20, generator=generator)
    gram, response = 2 * views.mT @ views, 2 * (views.mT @ values[..., None])[..., 0]
    a = torch.randn(6, 3, generator=generator)
    found = Likelihood(gram, response, torch.zeros(6, 6)).of_coefficients(a)
    left = values - (views @ a[..., None])[..., 0]
    assert torch.allclose(found, values.square().sum(1) - left.square().sum(1), atol=1e-3)


def test_a_training_that_diverges_says_so():
    broken = Likelihood(torch.full((40, 2, 2), torch.nan), torch.zeros(40, 2), torch.zeros(40, 4))
    with pytest.raises(CryoAIError, match="diverged"):
        finish(trained(VaeParams(z_dim=1, components=2), broken))
