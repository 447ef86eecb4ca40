"""The folder of a latent space."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.engines.head import Head
from napari_cryoai.heterogeneity.model import LatentModel
from napari_cryoai.heterogeneity.output import (
    CONFIG,
    LATENTS,
    MODEL,
    TRAINING,
    read_config,
    read_model,
    write_model,
)
from napari_cryoai.io.maps import read_map


def a_model(head: bool) -> LatentModel:
    rng = np.random.default_rng(0)
    mean = rng.normal(size=(20, 2)).astype(np.float32)
    table = LatentTable(
        mean,
        np.tile(np.eye(2, dtype=np.float32) * 0.1, (20, 1, 1)),
        np.arange(20)[::-1].copy(),
        np.array([f"{i:06d}@stack.mrcs" for i in range(20)]),
        {"contrast": rng.normal(1, 0.1, 20).astype(np.float32)},
    )
    generator = torch.Generator().manual_seed(0)
    volume = 1e4 * torch.randn(8, 8, 8, generator=generator)
    components = 1e-3 * torch.randn(3 if head else 2, 8, 8, 8, generator=generator)
    torch.manual_seed(0)
    bent = Head(2, 3, 16).eval().requires_grad_(False) if head else None
    return LatentModel("vae" if head else "covariance", volume, components, bent, table, 2.5)


@pytest.mark.parametrize("head", [False, True])
def test_a_model_comes_back(tmp_path, head):
    model = a_model(head)
    write_model(model, tmp_path, {"seed": 3}, [{"gain": 1.0}, {"gain": 2.0, "epoch": 1}])
    again = read_model(tmp_path)
    place = [0.3, -1.2]
    assert np.allclose(again.decode(place).data, model.decode(place).data, rtol=2e-3, atol=20)
    assert np.array_equal(again.table.mean, model.table.mean)
    assert again.table.names.tolist() == model.table.names.tolist()
    assert np.array_equal(again.table.columns["contrast"], model.table.columns["contrast"])
    assert read_config(tmp_path)["seed"] == 3


def test_posteriors_under_a_normal_prior_come_back_beside_those_under_another(tmp_path):
    model = a_model(False)
    assert model.table.under_normal == (model.table.mean, model.table.covariance)
    wider = replace(
        model.table, normal_mean=model.table.mean / 2, normal_covariance=model.table.covariance * 3
    )
    write_model(replace(model, table=wider), tmp_path, {})
    again = read_model(tmp_path).table
    assert np.array_equal(again.mean, wider.mean)
    for found, given in zip(again.under_normal, wider.under_normal, strict=True):
        assert np.array_equal(found, given)
    some = again.select(np.array([3, 1]))
    assert np.array_equal(some.under_normal[0], wider.mean[[3, 1]] / 2)
    with pytest.raises(ValueError, match="normal_covariance"):
        replace(wider, normal_covariance=None)


def test_small_components_survive_beside_a_large_mean(tmp_path):
    model = a_model(False)
    write_model(model, tmp_path, {})
    assert torch.allclose(read_model(tmp_path).components, model.components, rtol=2e-3, atol=1e-6)


def test_the_curve_of_the_training_is_a_table(tmp_path):
    write_model(a_model(False), tmp_path, {}, [{"gain": 1.0}, {"gain": 2.0, "epoch": 1}])
    rows = list(csv.DictReader((tmp_path / TRAINING).open()))
    assert rows == [{"gain": "1.0", "epoch": ""}, {"gain": "2.0", "epoch": "1"}]


def test_volumes_are_maps_that_others_open(tmp_path):
    model = a_model(False)
    write_model(model, tmp_path, {})
    found = read_map(tmp_path / "volumes" / "component_002.mrc")
    assert found.pixel_size_A == pytest.approx(2.5)
    assert np.allclose(found.data, model.components[1].numpy())


@pytest.mark.parametrize("name", [LATENTS, CONFIG, MODEL])
def test_damaged_files_end_in_a_clear_error(tmp_path, name):
    write_model(a_model(True), tmp_path, {})
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:40])
    if name == CONFIG:
        path.write_bytes(b"\xff\xfe: [")
    with pytest.raises(CryoAIError, match=name.split(".")[0]):
        read_config(tmp_path) if name == CONFIG else read_model(tmp_path)


def test_latents_of_another_model_are_refused(tmp_path):
    write_model(a_model(True), tmp_path / "a", {})
    write_model(a_model(False), tmp_path / "b", {})
    latents = np.load(tmp_path / "a" / LATENTS)
    cut = {name: latents[name] for name in latents.files}
    cut["mean"], cut["covariance"] = cut["mean"][:, :1], cut["covariance"][:, :1, :1]
    with (tmp_path / "b" / LATENTS).open("wb") as file:
        np.savez(file, **cut)
    with pytest.raises(CryoAIError, match="does not belong"):
        read_model(tmp_path / "b")


def test_a_place_of_other_dimensions_is_refused():
    with pytest.raises(CryoAIError, match="2 coordinates"):
        a_model(False).decode([1.0, 2.0, 3.0])


def test_a_place_beyond_all_particles_is_called_extrapolated():
    model = a_model(False)
    assert not model.support(model.table.mean[0]).outside
    assert "extrapolated" in model.support([40.0, 40.0]).text()
