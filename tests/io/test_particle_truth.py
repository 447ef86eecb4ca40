"""What is known about simulated particles, as a file."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.maps import write_map
from napari_cryoai.io.particle_truth import ParticleSetTruth, read_truth, write_truth


@pytest.fixture
def truth(tmp_path: Path) -> ParticleSetTruth:
    """Six particles in two states."""
    return ParticleSetTruth(
        conformer=np.array([0, 1, 1, 0, 1, 0]),
        state=np.array([0.0, 45.0]),
        coordinates=np.array([[0.0], [1.0]]),
        rotations=np.broadcast_to(np.eye(3), (6, 3, 3)),
        shifts_yx_A=np.zeros((6, 2)),
        contrast=np.ones(6),
        names=np.array([f"{i + 1:06d}@Particles/a.mrcs" for i in range(6)]),
        maps=np.array(["truth_001.mrc", "truth_002.mrc"]),
        pixel_size_A=3.0,
        folder=tmp_path,
    )


def test_it_comes_back_as_it_was_written(truth, tmp_path):
    write_truth(truth, tmp_path / "truth.npz")
    for place in (tmp_path, tmp_path / "truth.npz"):
        again = read_truth(place)
        for name in vars(truth):
            assert np.array_equal(getattr(again, name), getattr(truth, name)), name


def test_maps_are_those_of_the_states(truth, tmp_path):
    for i in (1, 2):
        write_map(tmp_path / f"truth_00{i}.mrc", DensityMap(np.full((8, 8, 8), i, np.float32), 3.0))
    assert truth.map_of(1).mean == 2.0


@pytest.mark.parametrize("name", ["../other.mrc", "/etc/map.mrc"])
def test_maps_elsewhere_are_not_read(truth, name):
    with pytest.raises(CryoAIError, match="outside its folder"):
        replace(truth, maps=np.array([name, name])).map_of(0)


def test_images_are_found_by_number_and_file_wherever_they_are_named_from(truth):
    rows = np.array([4, 2])
    assert truth.rows_of(truth.names[rows]).tolist() == [4, 2]
    assert truth.rows_of(np.array(["3@../sim/Particles/a.mrcs"])).tolist() == [2]


def test_other_particles_are_refused(truth):
    for name in ("000001@b.mrcs", "000007@Particles/a.mrcs"):
        with pytest.raises(CryoAIError, match=f"knows nothing of the image '{re.escape(name)}'"):
            truth.rows_of(np.array([name]))


def test_files_that_are_none_are_refused(truth, tmp_path):
    text, cut, other = (tmp_path / name for name in ("a.npz", "b.npz", "c.npz"))
    text.write_text("no zip")
    write_truth(truth, cut)
    cut.write_bytes(cut.read_bytes()[:400])
    np.savez(other, mean=np.zeros(3))
    for path in (text, cut, other):
        with pytest.raises(CryoAIError, match="is no truth of simulated particles"):
            read_truth(path)
    wrong = tmp_path / "d.npz"
    np.savez(wrong, **{k: v for k, v in vars(truth).items() if k != "folder"} | {"state": [1.0]})
    with pytest.raises(CryoAIError, match="is no truth"):
        read_truth(wrong)
