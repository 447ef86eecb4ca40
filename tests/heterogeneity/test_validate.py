"""A decoded map against what its particles show."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.heterogeneity.engines.covariance import CovarianceParams, covariance
from napari_cryoai.heterogeneity.model import LatentModel
from napari_cryoai.heterogeneity.validate import mean_map, validate
from napari_cryoai.jobs.progress import finish
from napari_cryoai.reconstruction.reconstruct import ReconstructParams, reconstruct


@pytest.fixture(scope="module")
def model(moving) -> LatentModel:
    params = CovarianceParams(z_dim=1, box_size_px=24, device="cpu")
    return finish(covariance(params, moving.stack)).model


def reconstructed(stack):
    return reconstruct(ReconstructParams(device="cpu"), stack)


def test_a_true_map_agrees_with_its_particles(moving, model):
    rows = np.flatnonzero(model.table.mean[:, 0] > 0)
    found = finish(validate(model, moving.stack, rows, reconstructed))
    assert found.particles == len(rows)
    assert found.agreement.values[1:6].min() > 0.8
    assert found.local_resolution_A.shape == (24, 24, 24)


def test_an_invented_map_does_not(moving, model):
    rows = np.flatnonzero(model.table.mean[:, 0] > 0)
    noise = torch.randn(model.mean.shape, generator=torch.Generator().manual_seed(0))
    wrong = LatentModel(
        "covariance", noise, model.components, None, model.table, model.pixel_size_A
    )
    found = finish(validate(wrong, moving.stack, rows, reconstructed))
    assert found.agreement.values[1:6].max() < 0.6


def test_too_few_particles_are_refused(moving, model):
    with pytest.raises(CryoAIError, match="too few"):
        finish(validate(model, moving.stack, np.arange(20), reconstructed))


def test_the_mean_map_is_the_mean_of_the_maps(model):
    rows = np.arange(5)
    each = np.stack([model.decode(model.table.mean[i]).data for i in rows])
    assert np.allclose(mean_map(model, rows).numpy(), each.mean(0), atol=1e-5)
