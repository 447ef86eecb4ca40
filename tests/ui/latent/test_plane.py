"""Columns of particles, and the places that points in their plane mean."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.ui.latent.columns import Columns, are_labels
from napari_cryoai.ui.latent.plane import Plane

N, D = 2000, 4


@pytest.fixture(scope="module")
def table() -> LatentTable:
    """Particles on a sheet that is bent: z3 is the square of z1."""
    rng = np.random.default_rng(1)
    z = rng.normal(0, (2.0, 1.0, 0.0, 0.3), (N, D)).astype(np.float32)
    z[:, 2] = z[:, 0] ** 2
    return LatentTable(
        z,
        np.repeat(np.eye(D, dtype=np.float32)[None] * 0.04, N, 0),
        np.arange(N, dtype=np.int64),
        np.array([f"{i}@stack" for i in range(N)]),
        {"defocus_A": rng.uniform(1e4, 2e4, N).astype(np.float32)},
    )


def plane_of(table: LatentTable, x: str, y: str) -> Plane:
    columns = Columns(table)
    return Plane(columns[x], columns[y], table)


def test_principal_components_are_uncorrelated_and_come_by_size(table: LatentTable) -> None:
    columns = Columns(table)
    values = np.stack([columns[f"PC{i + 1}"].values for i in range(D)])
    covariance = np.cov(values)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-3 * covariance[0, 0]
    assert (np.diff(np.diag(covariance)) < 0).all()


def test_uncertainty_is_the_width_of_the_posterior(table: LatentTable) -> None:
    np.testing.assert_allclose(Columns(table)["uncertainty"].values, 0.2, rtol=1e-5)


@pytest.mark.parametrize("axes", [("z1", "z2"), ("PC1", "PC3"), ("z1", "PC2")])
@pytest.mark.parametrize("rest", ["nearby", "hold"])
def test_the_place_that_a_point_means_lies_at_that_point(
    table: LatentTable, axes: tuple[str, str], rest: str
) -> None:
    plane = plane_of(table, *axes)
    z = plane.z_at(np.array([0.7, -0.4]), table.mean[5], rest)
    np.testing.assert_allclose(plane.point_of(z), [0.7, -0.4], atol=1e-3)


def test_particles_lie_where_their_places_are(table: LatentTable) -> None:
    plane = plane_of(table, "PC1", "PC2")
    np.testing.assert_allclose(plane.point_of(table.mean[17]), plane.xy[17], atol=1e-3)


def test_what_the_plane_does_not_show_follows_the_particles_or_stays(table: LatentTable) -> None:
    """On a bent sheet, a coordinate that stays leads away from all particles."""
    plane, start = plane_of(table, "z1", "z2"), np.zeros(D, np.float32)
    followed = plane.z_at(np.array([3.0, 0.0]), start, "nearby")
    held = plane.z_at(np.array([3.0, 0.0]), start, "hold")
    assert followed[2] == pytest.approx(9.0, abs=1.5)
    assert held[2] == 0


def test_where_an_axis_is_no_direction_the_cursor_goes_from_particle_to_particle(
    table: LatentTable,
) -> None:
    plane = plane_of(table, "z1", "defocus_A")
    assert plane.directions is None
    z = plane.z_at(plane.xy[42], table.mean[0], "nearby")
    np.testing.assert_array_equal(z, table.mean[42])
    np.testing.assert_allclose(plane.point_of(z), plane.xy[42])


def test_the_same_axis_twice_is_no_plane_but_has_particles(table: LatentTable) -> None:
    plane = plane_of(table, "z1", "z1")
    assert plane.directions is None
    assert len(plane.nearest(np.zeros(2))) == 1


def test_particles_without_a_value_are_nowhere_in_the_plane(table: LatentTable) -> None:
    columns = Columns(table)
    values = columns["z1"].values.copy()
    values[:1500] = np.nan
    columns.add("known of some", values)
    plane = Plane(columns["known of some"], columns["z2"], table)
    near = plane.nearest(np.zeros(2), 300)
    assert near.min() >= 1500


def test_of_very_many_particles_none_is_near_until_that_was_looked_up() -> None:
    n = 60_000
    z = np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32)
    covariance = np.broadcast_to(np.eye(2, dtype=np.float32), (n, 2, 2))
    table = LatentTable(z, covariance, np.arange(n), np.full(n, "1@stack"))
    plane = plane_of(table, "z1", "z2")
    assert not plane.ready
    assert not len(plane.nearest(z[7]))
    held = plane.z_at(np.array([0.5, 0.5]), z[0], "nearby")
    np.testing.assert_allclose(held, [0.5, 0.5], atol=1e-6)
    assert plane.tree
    assert plane.nearest(z[7])[0] == 7


def test_a_few_whole_numbers_are_labels() -> None:
    assert are_labels(np.array([0, 1, 2, 1, np.nan], np.float32))
    assert not are_labels(np.array([0, 0.5], np.float32))
    assert not are_labels(np.arange(5000, dtype=np.float32))
    assert not are_labels(np.array([-1, 2], np.float32))
