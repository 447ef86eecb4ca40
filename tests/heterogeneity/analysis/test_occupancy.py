"""Density in a region, against decoding the map of every particle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.analysis.occupancy import difference, occupancy
from napari_cryoai.heterogeneity.engines.head import Head
from napari_cryoai.heterogeneity.model import LatentModel

BOX, PIXEL_A = 12, 2.0


def model(n: int = 60, *, curved: bool = False, seed: int = 0) -> LatentModel:
    random = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    d, r = 2, 5 if curved else 2
    half = random.normal(size=(n, d, d)) * 0.2
    table = LatentTable(
        random.normal(size=(n, d)).astype(np.float32),
        (half @ half.swapaxes(1, 2) + 0.01 * np.eye(d)).astype(np.float32),
        np.arange(n),
        np.array([str(i) for i in range(n)]),
    )
    head = None
    if curved:
        torch.manual_seed(seed)
        head = Head(d, r, 16)
        last = head.bent[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight)
        head = head.eval().requires_grad_(False)
    return LatentModel(
        "vae" if curved else "covariance",
        torch.randn(BOX, BOX, BOX, generator=generator),
        torch.randn(r, BOX, BOX, BOX, generator=generator),
        head,
        table,
        PIXEL_A,
    )


def block() -> np.ndarray:
    mask = np.zeros((BOX,) * 3, bool)
    mask[2:5, 3:6, 7:9] = True
    return mask


@pytest.mark.parametrize("curved", [False, True])
def test_it_is_the_mean_of_every_decoded_map_in_the_mask(curved):
    fitted, mask = model(curved=curved), block()
    wanted = [fitted.decode(z).data[mask].mean() for z in fitted.table.mean]
    assert occupancy(fitted, mask).density == pytest.approx(np.array(wanted), abs=1e-5)


def test_soft_edges_count_by_their_weight():
    fitted = model()
    weights = np.random.default_rng(1).random((BOX,) * 3).astype(np.float32)
    region = DensityMap(weights, PIXEL_A)
    wanted = [np.average(fitted.decode(z).data, weights=weights) for z in fitted.table.mean]
    assert occupancy(fitted, region).density == pytest.approx(np.array(wanted), abs=1e-5)


@pytest.mark.parametrize("curved", [False, True])
def test_its_uncertainty_is_the_scatter_over_the_posterior(curved):
    fitted, mask = model(5, curved=curved), block()
    table = fitted.table.select(np.array([3]))
    # A tight posterior: a curved model is straight over so little.
    narrow = LatentTable(table.mean, 0.01 * table.covariance, table.rows, table.names)
    one = LatentModel(fitted.method, fitted.mean, fitted.components, fitted.head, narrow, PIXEL_A)
    draws = np.random.default_rng(0).multivariate_normal(
        narrow.mean[0].astype(float), narrow.covariance[0].astype(float), 2000
    )
    many = one.coefficients(draws) @ (one.components * torch.from_numpy(block())).sum((1, 2, 3))
    assert occupancy(one, mask).sd[0] == pytest.approx(float(many.std()) / mask.sum(), rel=0.08)


def test_the_share_falls_when_particles_are_hardly_known():
    fitted = model()
    unsure = LatentTable(
        fitted.table.mean, 100 * fitted.table.covariance, fitted.table.rows, fitted.table.names
    )
    vague = LatentModel("covariance", fitted.mean, fitted.components, None, unsure, PIXEL_A)
    assert occupancy(fitted, block()).share > 0.7 > 0.5 > occupancy(vague, block()).share


def test_the_selection_at_a_threshold_is_what_is_at_least_that_dense():
    found = occupancy(model(), block())
    threshold = float(np.sort(found.density)[20])
    assert found.above(threshold).sum() == 40


@pytest.mark.parametrize("curved", [False, True])
def test_a_difference_is_that_of_the_mean_maps(curved):
    fitted = model(curved=curved)
    selected = fitted.table.mean[:, 0] > 0
    maps = np.array([fitted.decode(z).data for z in fitted.table.mean])
    found = difference(fitted, selected)
    wanted = maps[selected].mean(0) - maps[~selected].mean(0)
    assert found.map.data == pytest.approx(wanted, abs=1e-4)
    assert found.map.pixel_size_A == PIXEL_A
    assert (found.selected, found.others) == (selected.sum(), (~selected).sum())


@pytest.mark.parametrize("curved", [False, True])
def test_the_standard_error_is_the_scatter_of_differences_over_the_posteriors(curved):
    fitted = model(40, curved=curved)
    table, selected = fitted.table, np.arange(40) < 15
    narrow = LatentTable(table.mean, 0.05 * table.covariance, table.rows, table.names)
    fitted = LatentModel(
        fitted.method, fitted.mean, fitted.components, fitted.head, narrow, PIXEL_A
    )
    random = np.random.default_rng(0)
    root = np.linalg.cholesky(narrow.covariance)
    drawn = []
    for _ in range(400):
        z = narrow.mean + np.einsum("nij,nj->ni", root, random.normal(size=narrow.mean.shape))
        weights = fitted.coefficients(z)
        step = weights[selected].mean(0) - weights[~selected].mean(0)
        drawn.append(torch.tensordot(step, fitted.components, 1).numpy())
    scatter = np.std(drawn, axis=0)
    error = difference(fitted, selected).standard_error.data
    assert np.median(error / scatter) == pytest.approx(1, abs=0.07)


def test_significance_is_the_difference_in_standard_errors():
    found = difference(model(), np.arange(60) < 20)
    assert found.significance.data == pytest.approx(
        found.map.data / found.standard_error.data, rel=1e-3
    )


@pytest.mark.parametrize("count", [0, 60])
def test_a_selection_of_none_or_all_has_no_difference(count):
    with pytest.raises(CryoAIError, match="nothing to compare"):
        difference(model(), np.arange(60) < count)


def test_a_region_on_another_grid_is_refused():
    with pytest.raises(CryoAIError, match="voxel"):
        occupancy(model(), DensityMap(np.ones((BOX,) * 3, np.float32), 1.0))
    with pytest.raises(CryoAIError, match="voxels"):
        occupancy(model(), np.ones((5, 5, 5), bool))


def test_an_empty_region_is_refused():
    with pytest.raises(CryoAIError, match="empty"):
        occupancy(model(), np.zeros((BOX,) * 3, bool))
