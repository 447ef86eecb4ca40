"""Particles that are all alike, and particles that are not."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.analysis.control import held_out_of, structure


def posteriors(n: int, d: int, signal: float, seed: int) -> LatentTable:
    """Of particles whose first coordinate varies by `signal`, in noise of 0.7 to 2."""
    random = np.random.default_rng(seed)
    noise = random.uniform(0.7, 2, (n, d))
    y = noise * random.normal(size=(n, d))
    y[:, 0] += np.sqrt(signal) * random.normal(size=n)
    covariance = 1 / (1 + 1 / noise**2)
    names = np.array([str(i) for i in range(n)])
    return LatentTable(
        (covariance * y / noise**2).astype(np.float32),
        (covariance[:, :, None] * np.eye(d)).astype(np.float32),
        np.arange(n),
        names,
    )


def test_p_is_what_it_says_where_all_particles_are_alike():
    p = np.array([structure(posteriors(1000, 3, 0.0, seed)).p for seed in range(60)])
    assert 0.35 < p.mean() < 0.65
    assert (p < 0.05).mean() < 0.15


@pytest.mark.parametrize("seed", range(3))
def test_a_homogeneous_set_is_said_to_be_one(seed):
    found = structure(posteriors(5000, 8, 0.0, seed))
    assert found.found is False
    assert found.text().startswith("No structure beyond noise")


@pytest.mark.parametrize("signal", [0.3, 1.0, 4.0])
def test_structure_is_found_and_its_share_told(signal):
    found = structure(posteriors(5000, 8, signal, 0), independent=True)
    assert found.found is True
    # Each particle counts by its own precision: the mean of signal over noise.
    noise = np.linspace(0.7, 2, 1000)
    ratio = signal * np.mean(1 / noise**2)
    assert found.share == pytest.approx(ratio / (1 + ratio), abs=0.05)
    assert f"{found.share:.0%}" in found.text()


def test_posteriors_as_wide_as_the_prior_tell_nothing():
    n = 200
    collapsed = LatentTable(
        np.zeros((n, 2), np.float32),
        np.tile(np.eye(2, dtype=np.float32), (n, 1, 1)),
        np.arange(n),
        np.array(["a"] * n),
    )
    found = structure(collapsed)
    assert (found.share, found.p, found.found) == (0.0, 1.0, False)


def test_the_particles_that_components_were_found_with_cannot_decide_alone():
    found = structure(posteriors(2000, 3, 2.0, 0))
    assert found.p < 0.01 and found.found is None
    assert "Not decided" in found.text()


@pytest.mark.parametrize(("gain", "is_there"), [(1.0, True), (0.3, False), (-0.2, False)])
def test_the_gain_on_held_out_particles_decides(gain, is_there):
    found = structure(posteriors(2000, 3, 2.0, 0), held_out=(gain, 0.1))
    assert found.found is is_there
    assert ("No structure beyond noise" in found.text()) is not is_there


def test_a_dimension_of_which_no_image_tells_does_not_hide_the_others():
    table = posteriors(2000, 2, 2.0, 0)
    covariance = np.tile(np.eye(3, dtype=np.float32), (2000, 1, 1))
    covariance[:, :2, :2] = table.covariance
    wider = LatentTable(np.pad(table.mean, ((0, 0), (0, 1))), covariance, table.rows, table.names)
    assert structure(wider).share == pytest.approx(structure(table).share, abs=1e-3)


def test_too_few_particles_are_refused():
    with pytest.raises(CryoAIError, match="too few"):
        structure(posteriors(10, 3, 0.0, 0))


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"held_out_gain": 1.5, "held_out_error": 0.1}, (1.5, 0.1)),
        ({"held_out_gain": 1.5}, None),
        ({"held_out_gain": "much", "held_out_error": 0.1}, None),
        ({"held_out_gain": float("nan"), "held_out_error": 0.1}, None),
        ({}, None),
    ],
)
def test_what_a_training_tells_of_held_out_particles_is_read(config, told):
    assert held_out_of(config) == told
