"""Latent spaces of ours and of cryoDRGN are opened alike."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import yaml

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.output import write_latents
from napari_cryoai.heterogeneity.runs import read_run
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.particle_files import ParticleFiles

COUNT = 4
NAMES = [f"{i + 1:06d}@p.mrcs" for i in range(COUNT)]


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    write_mrc(tmp_path / "p.mrcs", np.zeros((COUNT, 8, 8), np.float32), 2.0)
    return tmp_path / "p.mrcs"


@pytest.fixture
def ours(stack: Path) -> Path:
    folder = stack.parent / "ours"
    files = ParticleFiles(stack, pixel_size_A=2.0)
    z = np.ones((COUNT, 2), np.float32)
    table = LatentTable(z, np.zeros((COUNT, 2, 2)), np.arange(COUNT), np.array(NAMES))
    write_latents(table, folder / "z.npz")
    (folder / "config.yaml").write_text(
        yaml.safe_dump({"method": "covariance", **files.as_config()})
    )
    return folder


@pytest.fixture
def theirs(stack: Path) -> Path:
    folder = stack.parent / "theirs"
    folder.mkdir()
    (folder / "z.1.pkl").write_bytes(pickle.dumps(np.ones((COUNT, 2))))
    config = {"dataset_args": {"particles": str(stack)}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.mark.parametrize("whose", ["ours", "theirs"])
def test_places_and_the_files_they_are_of(whose, request):
    table, files = read_run(request.getfixturevalue(whose))
    assert table.names.tolist() == NAMES
    assert np.array_equal(table.mean, np.ones((COUNT, 2)))
    assert files.read().images.names() == NAMES


@pytest.mark.parametrize("whose", ["ours", "theirs"])
def test_particles_that_moved(whose, request, stack: Path):
    moved = stack.parent / "new"
    moved.mkdir()
    stack.rename(moved / "p.mrcs")
    table, files = read_run(request.getfixturevalue(whose), particles=moved / "p.mrcs")
    assert files.particles == moved / "p.mrcs"
    assert table.names.tolist() == NAMES


def test_a_folder_of_neither_is_refused(tmp_path: Path):
    with pytest.raises(CryoAIError, match="no such file"):
        read_run(tmp_path)
    (tmp_path / "z.npz").write_bytes(b"PK")
    with pytest.raises(CryoAIError, match=r"z\.npz"):
        read_run(tmp_path)
