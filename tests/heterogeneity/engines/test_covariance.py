"""Principal components of particle images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.heterogeneity.analysis.leakage import leakage, properties_of
from napari_cryoai.heterogeneity.engines import search
from napari_cryoai.heterogeneity.engines.covariance import CovarianceParams, covariance
from napari_cryoai.heterogeneity.engines.fit import begun
from napari_cryoai.jobs.progress import finish

PARAMS = CovarianceParams(z_dim=2, box_size_px=24, device="cpu")


@pytest.fixture(scope="module")
def trained(moving):
    return finish(covariance(PARAMS, moving.stack))


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    a, b = a.flatten() - a.mean(), b.flatten() - b.mean()
    return float((a * b).sum() / a.norm() / b.norm())


def test_the_first_component_is_the_motion(trained, moving):
    z, state = trained.model.table.mean[:, 0], moving.truth.state
    assert abs(np.corrcoef(z, state)[0, 1]) > 0.85


def test_the_mean_is_the_mean_of_the_states(trained, moving):
    assert correlation(trained.model.mean, moving.maps.mean(0)) > 0.95


def test_decoded_maps_differ_as_the_states_do(trained, moving):
    model, mean = trained.model, moving.maps.mean(0)
    found = []
    for state in (0, len(moving.maps) - 1):
        rows = moving.truth.conformer == state
        decoded = torch.from_numpy(model.decode(model.table.mean[rows].mean(0)).data)
        found.append(correlation(decoded - model.mean, moving.maps[state] - mean))
    assert min(found) > 0.7


def test_heterogeneity_is_found_where_there_is_some(trained):
    assert trained.held_out.found
    assert "Heterogeneity found" in trained.held_out.text()


def test_no_heterogeneity_is_found_where_there_is_none(rigid):
    found = finish(covariance(PARAMS, rigid.stack))
    assert not found.held_out.found
    assert "No structure in z beyond noise" in found.held_out.text()


def test_the_same_seed_gives_the_same_places(trained, moving):
    again = finish(covariance(PARAMS, moving.stack))
    assert np.array_equal(again.model.table.mean, trained.model.table.mean)


def test_particles_keep_their_names_and_rows(trained, moving):
    table = trained.model.table
    assert table.names.tolist() == list(moving.stack.images.names())
    assert table.rows.tolist() == list(range(len(moving.stack)))


def test_components_are_found_in_the_first_half_of_the_file(moving, monkeypatch):
    half = np.random.default_rng(1).integers(1, 3, len(moving.stack)).astype(np.int8)
    seen: list[np.ndarray] = []

    def spy(images, rows, *rest):
        seen.append(rows)
        return begun(images, rows, *rest)

    monkeypatch.setattr(search, "begun", spy)
    job = covariance(PARAMS, replace(moving.stack, half=half))
    while not seen:
        next(job)
    assert np.array_equal(seen[0], np.flatnonzero(half == 1))


def test_it_is_told_where_the_halves_come_from(trained):
    assert "at random (seed 0)" in trained.halves


def test_a_motion_described_in_part_is_no_leak(moving):
    """What one component leaves of the motion looks different from different sides, but averages
    out over the states."""
    found = finish(covariance(PARAMS.model_copy(update={"z_dim": 1}), moving.stack))
    leaks = leakage(found.model.table.mean, properties_of(moving.stack))
    assert "direction of view" in {leak.name for leak in leaks}
    assert not [leak.name for leak in leaks if leak.known]


def test_rounds_tell_resolution_and_gain(trained):
    assert {"resolution_A", "gain"} <= trained.rounds[0].keys()
    assert trained.rounds[-1]["gain"] > trained.rounds[0]["gain"]


def test_progress_never_falls(moving):
    done = [step.done for step in covariance(PARAMS, moving.stack)]
    assert done == sorted(done)


def test_more_dimensions_than_the_images_can_tell_are_refused(moving):
    few = moving.stack.select(np.arange(15))
    with pytest.raises(CryoAIError, match="too few for 2 dimensions"):
        finish(covariance(PARAMS, few))


def test_an_image_that_is_not_a_number_is_named(with_nan):
    with pytest.raises(CryoAIError, match=r"000008@memory\.mrcs.*not numbers"):
        finish(covariance(PARAMS, with_nan))


def test_particles_without_poses_are_refused(moving):
    with pytest.raises(CryoAIError, match="no poses"):
        finish(covariance(PARAMS, replace(moving.stack, rotations=None)))


def test_a_mask_of_another_box_is_refused(moving):
    mask = DensityMap(np.ones((24, 24, 24), np.float32), 2.0)
    with pytest.raises(CryoAIError, match="48 A wide"):
        finish(covariance(PARAMS, moving.stack, mask=mask))


def test_a_mask_keeps_the_components_inside(moving):
    inside = np.zeros((24, 24, 24), np.float32)
    inside[12:] = 1
    found = finish(covariance(PARAMS, moving.stack, mask=DensityMap(inside, 5.0)))
    assert found.model.components[:, :10].abs().max() == 0
