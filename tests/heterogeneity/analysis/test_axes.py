"""Principal axes, whitening, and UMAP where it is installed or stood in for."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.analysis import axes as module
from napari_cryoai.heterogeneity.analysis.axes import (
    coordinate_axes,
    principal_axes,
    umap,
    whitened_axes,
)


def table(z: np.ndarray) -> LatentTable:
    n, d = z.shape
    return LatentTable(
        z.astype(np.float32),
        np.tile(np.eye(d, dtype=np.float32), (n, 1, 1)),
        np.arange(n),
        np.array([str(i) for i in range(n)]),
    )


def elongated(n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    return random.normal(size=(n, 3)) * [3.0, 1.0, 0.2] @ turn.T + [5, -2, 1], turn


def test_the_first_axis_is_the_direction_of_most_variance():
    z, turn = elongated()
    found = principal_axes(z)
    assert abs(found.matrix[0] @ turn[:, 0]) > 0.999
    assert found.share == pytest.approx(np.array([9, 1, 0.04]) / 10.04, abs=0.02)


def test_principal_coordinates_are_uncorrelated_and_centred():
    z, _ = elongated()
    along = principal_axes(z).of(z)
    assert along.mean(0) == pytest.approx(np.zeros(3), abs=1e-10)
    assert np.cov(along.T) == pytest.approx(np.diag(along.var(0, ddof=1)), abs=1e-9)


def test_the_sign_of_an_axis_does_not_depend_on_the_particles_order():
    z, _ = elongated()
    assert np.allclose(principal_axes(z).matrix, principal_axes(z[::-1]).matrix)


def test_places_go_there_and_back():
    z, _ = elongated(50)
    for axes in (principal_axes(z), whitened_axes(z)):
        assert axes.places(axes.of(z)) == pytest.approx(z)


def test_the_place_of_two_coordinates_lies_in_their_plane_through_the_middle():
    z, _ = elongated()
    axes = principal_axes(z).first(2)
    back = axes.places([[1.0, -2.0]])
    assert principal_axes(z).of(back)[0] == pytest.approx([1, -2, 0], abs=1e-9)


def test_whitened_places_have_variance_one_and_lose_directions_without_any():
    z, _ = elongated()
    flat = np.column_stack([z, np.full(len(z), 7.0)])
    white = whitened_axes(flat).of(flat)
    assert white.shape[1] == 3
    assert np.cov(white.T, bias=True) == pytest.approx(np.eye(3), abs=1e-9)


def test_covariances_turn_with_the_axes():
    z, _ = elongated(100)
    axes = principal_axes(z)
    blur = np.diag([1.0, 2.0, 3.0])
    turned = axes.covariance(blur[None])[0]
    assert turned == pytest.approx(axes.matrix @ blur @ axes.matrix.T)
    assert np.trace(turned) == pytest.approx(6)


def test_one_dimension_has_one_axis():
    z = np.random.default_rng(0).normal(size=(50, 1))
    assert principal_axes(z).share == pytest.approx([1.0])


def test_axes_of_the_space_itself():
    z, _ = elongated(20)
    axes = coordinate_axes(table(z), (2, 0))
    assert axes.of(z) == pytest.approx(z[:, [2, 0]])
    with pytest.raises(CryoAIError, match="3 dimensions"):
        coordinate_axes(table(z), (3,))


def test_one_particle_has_no_axes():
    with pytest.raises(CryoAIError, match="too few"):
        principal_axes(np.zeros((1, 3)))


class StandIn:
    """What is used of the package's class, with the first two columns for a result."""

    asked: dict[str, Any]

    def __init__(self, **asked: Any):
        StandIn.asked = asked

    def fit_transform(self, z: np.ndarray) -> np.ndarray:
        assert z.dtype == np.float32
        return z[:, :2]

    def transform(self, z: np.ndarray) -> np.ndarray:
        return z[:, :2]


def test_umap_is_asked_for_with_its_own_names(monkeypatch):
    library = ModuleType("umap")
    library.UMAP = StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "umap", library)
    monkeypatch.setattr(module, "UMAP_FITTED", 30)
    z = elongated(100)[0]
    found = umap(z, neighbours=7, min_distance=0.3, seed=3)
    assert found == pytest.approx(z[:, :2], abs=1e-5)
    assert StandIn.asked == {
        "n_neighbors": 7,
        "min_dist": 0.3,
        "n_components": 2,
        "random_state": 3,
        "n_jobs": 1,
    }


def test_without_the_package_the_user_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(CryoAIError, match=r"pip install .*umap"):
        umap(np.zeros((100, 3)))
