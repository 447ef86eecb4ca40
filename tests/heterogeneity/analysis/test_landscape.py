"""Densities that are known, blurred by noise that is known, must come back."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.analysis import landscape as module
from napari_cryoai.heterogeneity.analysis.axes import Axes, coordinate_axes, principal_axes
from napari_cryoai.heterogeneity.analysis.landscape import Landscape, landscape

MEASURED = np.full((2, 2), np.inf)


def two_states(
    n: int = 3000, seed: int = 0, *, posterior: bool = True, apart: float = 0.9
) -> LatentTable:
    """Seven in ten particles at -0.9, the others at 0.9, of z1; noise of 0.5 to 1.2."""
    random = np.random.default_rng(seed)
    z = random.normal(0, [0.15, 0.3], (n, 2))
    z[:, 0] += np.where(random.random(n) < 0.7, -apart, apart)
    noise = random.uniform(0.5, 1.2, n)[:, None]
    y = z + noise * random.normal(size=(n, 2))
    gain = 1 / (1 + noise**2) if posterior else 1.0
    covariance = (gain * noise**2)[:, :, None] * np.eye(2)
    names = np.array([str(i) for i in range(n)])
    return LatentTable(
        (gain * y).astype(np.float32), covariance.astype(np.float32), np.arange(n), names
    )


def blurred(table: LatentTable, found: Landscape) -> np.ndarray:
    """Histogram of the means in the same cells, along the first axis."""
    ticks = found.ticks[0]
    edges = np.concatenate([ticks - (ticks[1] - ticks[0]) / 2, [ticks[-1] + 1]])
    return np.histogram(table.mean[:, 0], edges)[0]


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Coarse enough for a test; the method is the same."""
    monkeypatch.setattr(module, "CELLS", {1: 96, 2: 28, 3: 12})


@pytest.mark.parametrize("seed", range(3))
def test_two_states_that_noise_has_made_one_come_back(seed):
    table = two_states(seed=seed)
    found = landscape(table, coordinate_axes(table, (0,)))
    first, second = found.states
    assert (first.coordinates[0], second.coordinates[0]) == pytest.approx((-0.9, 0.9), abs=0.15)
    assert (first.share, second.share) == pytest.approx((0.7, 0.3), abs=0.05)
    middle = np.abs(found.ticks[0]) < 0.2
    assert found.density[middle].sum() < 0.03
    means = blurred(table, found)
    assert means[middle].sum() > 0.15 * means.sum()  # where the plain histogram is well filled


def test_the_same_comes_of_measurements_without_a_prior():
    table = two_states(posterior=False)
    found = landscape(table, coordinate_axes(table, (0,)), prior=MEASURED)
    assert [s.coordinates[0] for s in found.states] == pytest.approx([-0.9, 0.9], abs=0.15)
    assert found.states[0].share == pytest.approx(0.7, abs=0.05)


def test_two_axes_show_the_same_states():
    table = two_states()
    found = landscape(table, coordinate_axes(table, (0, 1)))
    assert [s.coordinates[0] for s in found.states] == pytest.approx([-0.9, 0.9], abs=0.25)
    assert [s.coordinates[1] for s in found.states] == pytest.approx([0, 0], abs=0.3)


def test_the_free_energy_of_a_state_is_told_by_its_summit():
    found = landscape(two_states(), coordinate_axes(two_states(), (0,)))
    assert found.energy_kT.min() == 0
    assert found.states[0].energy_kT == pytest.approx(0)
    assert found.states[1].energy_kT == pytest.approx(np.log(7 / 3), abs=0.5)
    assert np.isinf(found.energy_kT[0])


def test_one_state_is_one_state():
    table = two_states(apart=0.0)
    assert len(landscape(table, coordinate_axes(table, (0,))).states) == 1


def test_particles_taken_together_give_the_same_states(monkeypatch):
    monkeypatch.setattr(module, "MOST", 1500)
    table = two_states(20_000)
    found = landscape(table, coordinate_axes(table, (0,)))
    assert [s.coordinates[0] for s in found.states] == pytest.approx([-0.9, 0.9], abs=0.1)
    assert found.states[0].share == pytest.approx(0.7, abs=0.03)
    assert found.particles == 20_000


def test_a_state_names_its_place_in_the_whole_latent_space():
    table = two_states()
    axes = principal_axes(table.mean).first(1)
    found = landscape(table, axes)
    for state in found.states:
        assert len(state.z) == 2
        assert axes.of(state.z)[0] == pytest.approx(state.coordinates[0])


def test_three_axes_make_a_volume():
    random = np.random.default_rng(0)
    n = 500
    table = LatentTable(
        random.normal(size=(n, 3)).astype(np.float32),
        np.tile(0.2 * np.eye(3, dtype=np.float32), (n, 1, 1)),
        np.arange(n),
        np.array(["a"] * n),
    )
    found = landscape(table, coordinate_axes(table, (0, 1, 2)))
    assert found.density.shape == (12, 12, 12)
    assert found.density.sum() == pytest.approx(1)


def test_a_density_is_the_same_for_the_same_seed():
    table = two_states(600)
    one, other = (landscape(table, coordinate_axes(table, (0,)), seed=1) for _ in range(2))
    assert np.array_equal(one.density, other.density)


def test_particles_whose_images_tell_nothing_do_no_harm():
    table = two_states(2000)
    mean, covariance = table.mean.copy(), table.covariance.copy()
    mean[::4], covariance[::4] = 0, np.eye(2)
    dull = LatentTable(mean, covariance, table.rows, table.names)
    found = landscape(dull, coordinate_axes(dull, (0,)))
    assert [s.coordinates[0] for s in found.states] == pytest.approx([-0.9, 0.9], abs=0.2)


def test_more_axes_than_one_can_look_at_are_refused():
    table = two_states(50)
    with pytest.raises(CryoAIError, match="4 axes"):
        landscape(table, Axes(np.zeros(2), np.zeros((4, 2)), np.zeros(4)))


def test_a_handful_of_particles_has_no_density():
    table = two_states(10)
    with pytest.raises(CryoAIError, match="too few"):
        landscape(table, coordinate_axes(table, (0,)))
