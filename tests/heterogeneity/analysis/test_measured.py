"""What images tell by themselves, against the textbook's product of Gaussians."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.analysis.axes import coordinate_axes, principal_axes
from napari_cryoai.heterogeneity.analysis.measured import measured


def table(mean: np.ndarray, covariance: np.ndarray) -> LatentTable:
    n = len(mean)
    names = np.array([str(i) for i in range(n)])
    return LatentTable(mean.astype(np.float32), covariance.astype(np.float32), np.arange(n), names)


def posteriors(
    n: int, prior: np.ndarray, seed: int = 0, *, signal: bool = True
) -> tuple[LatentTable, np.ndarray, np.ndarray]:
    """Of measurements `y` with precisions, under a Gaussian prior about 0."""
    random = np.random.default_rng(seed)
    d = len(prior)
    z = random.multivariate_normal(np.zeros(d), prior, n) if signal else np.zeros((n, d))
    half = random.normal(size=(n, d, d))
    precision = half @ half.swapaxes(1, 2) + 0.5 * np.eye(d)
    noise = np.einsum(
        "nij,nj->ni", np.linalg.cholesky(np.linalg.inv(precision)), random.normal(size=(n, d))
    )
    y = z + noise
    covariance = np.linalg.inv(precision + np.linalg.inv(prior))
    mean = np.einsum("nij,njk,nk->ni", covariance, precision, y)
    return table(mean, covariance), y, precision


@pytest.mark.parametrize("prior", [np.eye(2), np.diag([4.0, 0.5])])
def test_dividing_by_the_prior_gives_back_the_measurement(prior):
    posterior, y, precision = posteriors(200, prior)
    found = measured(posterior, coordinate_axes(posterior, (0, 1)), prior)
    assert found.precision == pytest.approx(precision, rel=1e-2, abs=1e-3)
    assert found.pull == pytest.approx(np.einsum("nij,nj->ni", precision, y), rel=1e-2, abs=1e-2)


def test_the_unit_matrix_is_the_prior_if_none_is_named():
    posterior, _, precision = posteriors(50, np.eye(2))
    found = measured(posterior, coordinate_axes(posterior, (0, 1)))
    assert found.precision == pytest.approx(precision, rel=1e-2, abs=1e-3)


def test_places_under_another_prior_do_not_hide_what_the_images_tell():
    posterior, _, precision = posteriors(50, np.eye(2))
    mean, covariance = posterior.mean, posterior.covariance
    learned = replace(
        posterior,
        mean=mean + 1,
        covariance=covariance / 4,
        normal_mean=mean,
        normal_covariance=covariance,
    )
    axes = coordinate_axes(posterior, (0, 1))
    found, plain = measured(learned, axes), measured(posterior, axes)
    assert np.array_equal(found.pull, plain.pull)
    assert found.precision == pytest.approx(precision, rel=1e-2, abs=1e-3)


def test_a_table_of_measurements_is_taken_as_it_is():
    _, y, precision = posteriors(50, np.eye(2))
    plain = table(y, np.linalg.inv(precision))
    found = measured(plain, coordinate_axes(plain, (0, 1)), np.full((2, 2), np.inf))
    assert found.precision == pytest.approx(precision, rel=1e-2)


def test_axes_with_an_origin_of_their_own_shift_the_measurement_along():
    posterior, y, _ = posteriors(400, np.eye(2))
    axes = principal_axes(posterior.mean + np.array([3, 1]))
    found = measured(posterior, axes)
    place = np.linalg.solve(found.precision, found.pull[..., None])[..., 0]
    assert place == pytest.approx(axes.of(y), rel=0.02, abs=0.02)


def test_an_image_that_tells_nothing_pulls_nowhere():
    wide = table(np.full((3, 2), 1e-4), np.tile(np.eye(2), (3, 1, 1)))
    found = measured(wide, coordinate_axes(wide, (0, 1)))
    assert not found.precision.any() and not found.pull.any()
    assert np.isnan(found.whitened()).all()


def test_without_structure_the_whitened_measurements_are_standard_normal():
    posterior, _, _ = posteriors(20_000, np.eye(3), signal=False)
    white = measured(posterior, coordinate_axes(posterior, (0, 1, 2))).whitened()
    assert np.cov(white.T) == pytest.approx(np.eye(3), abs=0.04)
