"""What a run remembers of the particles that it was given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.indices import write_indices
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.particle_files import ParticleFiles


def test_a_record_in_yaml_gives_the_same_files():
    files = ParticleFiles(
        Path("/a/p.mrcs"), Path("/a/poses.pkl"), indices=Path("/a/i.pkl"), pixel_size_A=1.5
    )
    text = yaml.safe_dump({"method": "covariance", **files.as_config()})
    assert ParticleFiles.of_config(yaml.safe_load(text)) == files


def test_a_record_names_only_what_was_given(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ParticleFiles(Path("p.star")).as_config() == {"particles": str(tmp_path / "p.star")}


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"particles": None},
        {"particles": 3},
        {"particles": "a\0b"},
        {"particles": "p.star", "pixel_size_A": "wide"},
        {"particles": "p.star", "pixel_size_A": -1},
        {"particles": "p.star", "poses": ["a"]},
        {"particles": "p.star", "uninvert_data": "yes"},
    ],
)
def test_records_that_name_no_particles_are_refused(config):
    with pytest.raises(CryoAIError, match="which particles") as caught:
        ParticleFiles.of_config(config, Path("config.yaml"))
    assert caught.value.path == Path("config.yaml")


def test_rows_are_those_of_the_file_and_not_of_the_choice(tmp_path: Path):
    write_mrc(tmp_path / "p.mrcs", np.zeros((5, 8, 8), np.float32), 2.0)
    write_indices(tmp_path / "i.txt", np.array([4, 1]))
    files = ParticleFiles(tmp_path / "p.mrcs", indices=tmp_path / "i.txt")
    stack = files.read()
    assert stack.images.names() == ["000005@p.mrcs", "000002@p.mrcs"]
    assert files.rows(len(stack)).tolist() == [4, 1]
    assert ParticleFiles(tmp_path / "p.mrcs").rows(5).tolist() == [0, 1, 2, 3, 4]
