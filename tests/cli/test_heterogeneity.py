"""`cryoai heterogeneity`: train, decode, state, validate."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from napari_cryoai.cli import main
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.heterogeneity.engines.kernel import kernel_weights
from napari_cryoai.heterogeneity.output import read_config, read_latents
from napari_cryoai.io.maps import read_map, write_map
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.particle_files import PARTICLES, write_particle_set
from napari_cryoai.physics.simulators.particle_images import ParticleSimulator
from napari_cryoai.physics.simulators.particle_model import ParticleModel

N, PIXEL_A, COUNT = 20, 6.0, 400


def run(*arguments: object):
    return CliRunner().invoke(main, ["heterogeneity", *map(str, arguments)])


@pytest.fixture(scope="module")
def particles(tmp_path_factory) -> Path:
    import torch

    axis = torch.arange(N) - N // 2
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).float()

    def ball(*centre: float) -> torch.Tensor:
        return torch.exp(-(grid - torch.tensor(centre)).square().sum(-1) / 5)

    maps = [ball(0, 0, 0) + ball(2, -3, 1) + ball(4, s, 2) for s in (-3.0, 0.0, 3.0)]
    found = Conformers.of_maps(maps, PIXEL_A)
    model = ParticleModel(snr=Distribution("constant", 1.0), neighbours=0.0)
    folder = tmp_path_factory.mktemp("set")
    for _ in write_particle_set(ParticleSimulator(model, found, 0), COUNT, folder):
        pass
    return folder / PARTICLES


@pytest.fixture(scope="module")
def trained(particles, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "vae"
    options = ("--method", "vae", "--z-dim", 2, "--components", 3, "--epochs", 20)
    result = run("train", particles, "--output", folder, *options, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "Heterogeneity found" in result.output
    return folder


def test_a_training_leaves_everything_in_its_folder(trained, particles):
    table = read_latents(trained / "z.npz")
    assert table.mean.shape == (COUNT, 2)
    config = read_config(trained)
    assert config["particles"] == str(particles)
    assert config["method"] == "vae"
    assert config["held_out_gain"] > 0
    assert json.loads((trained / "job.json").read_text())["parameters"]["components"] == 3
    assert (trained / "volumes" / "mean.mrc").exists()
    assert (trained / "training.csv").read_text().startswith("resolution_A,gain")


def test_the_linear_method_takes_only_its_own_options(particles, tmp_path):
    result = run("train", particles, "--output", tmp_path / "c", "--z-dim", 1, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout.strip().splitlines()[-1])["result"]
    assert told["particles"] == COUNT
    assert "components" not in read_config(tmp_path / "c")


def test_places_decode_to_maps(trained, tmp_path):
    result = run("decode", trained, "--z", "0,0", "--output", tmp_path / "one.mrc")
    assert "particles" in result.output
    assert read_map(tmp_path / "one.mrc").shape == (N, N, N)
    (tmp_path / "path.txt").write_text("0 0\n0.5,-0.5\n9 9\n")
    result = run(
        "decode", trained, "--z-file", tmp_path / "path.txt", "--output", tmp_path / "maps"
    )
    assert len(list((tmp_path / "maps").glob("*.mrc"))) == 3
    assert "extrapolated" in result.output


@pytest.mark.parametrize("place", ["0", "a,b", "nan,0", "1,2,3"])
def test_places_that_are_none_are_refused(trained, tmp_path, place):
    result = run("decode", trained, f"--z={place}", "--output", tmp_path / "m.mrc")
    assert result.exit_code == 2
    assert "Give 2 numbers" in result.output


def test_a_state_comes_from_the_raw_particles(trained, tmp_path):
    table = read_latents(trained / "z.npz")
    z = max(table.mean[:80], key=lambda at: kernel_weights(table, at, 0.5).sum())
    place = ",".join(f"{x:.3f}" for x in z)
    result = run("state", trained, f"--z={place}", "--output", tmp_path, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert {p.name for p in tmp_path.glob("*.mrc")} == {"map.mrc", "half1.mrc", "half2.mrc"}


def test_a_selection_is_validated_by_its_particles(trained, tmp_path):
    result = run("validate", trained, "--where", "z1 > -100", "--output", tmp_path)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "validation.json").read_text())
    assert found["particles"] == COUNT
    assert found["leakage"]
    assert (tmp_path / "difference.mrc").exists()


def test_a_selection_must_be_named_once(trained, tmp_path):
    result = run("validate", trained, "--output", tmp_path)
    assert result.exit_code == 2
    assert "--where or --selection" in result.output


def test_a_folder_of_other_things_is_left_alone(particles, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    result = run("train", particles, "--output", tmp_path)
    assert result.exit_code == 2
    assert "other files" in result.output


def test_more_dimensions_than_particles_are_refused(particles, tmp_path):
    result = run("train", particles, "--output", tmp_path / "x", "--z-dim", 64)
    assert result.exit_code == 2
    assert "too few for 64 dimensions" in result.output


def test_a_mask_of_another_box_is_refused(particles, tmp_path):
    write_map(tmp_path / "mask.mrc", DensityMap(np.ones((8, 8, 8), np.float32), 2.0))
    mask = tmp_path / "mask.mrc"
    result = run("train", particles, "--output", tmp_path / "x", "--mask", mask)
    assert result.exit_code == 2
    assert "the mask's box" in result.output
