"""A training of cryoDRGN, from its folder alone."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.cryodrgn_run import is_cryodrgn_run, read_cryodrgn_run
from napari_cryoai.io.mrc import write_mrc

COUNT, CHOSEN = 6, [5, 1, 2]


def dump(path: Path, *values: Any) -> Path:
    path.write_bytes(b"".join(pickle.dumps(value) for value in values))
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Laid out as `cryodrgn train_vae` 4.3.1 leaves it."""
    write_mrc(tmp_path / "p.mrcs", np.zeros((COUNT, 8, 8), np.float32), 2.0)
    rotations = np.tile(np.eye(3, dtype=np.float32), (COUNT, 1, 1))
    args = {
        "particles": str(tmp_path / "p.mrcs"),
        "poses": str(dump(tmp_path / "poses.pkl", (rotations, np.zeros((COUNT, 2))))),
        "ctf": None,
        "ind": str(dump(tmp_path / "ind.pkl", np.array(CHOSEN))),
        "datadir": None,
        "invert_data": True,
        "norm": [0.0, 31.7],
    }
    folder = tmp_path / "out"
    folder.mkdir()
    config = {"cmd": ["cryodrgn", "train_vae"], "dataset_args": args, "version": "4.3.1"}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    for epoch in (1, 2, 10):
        dump(folder / f"z.{epoch}.pkl", np.full((3, 2), float(epoch)), np.zeros((3, 2)))
    return folder


def change(run: Path, **args: Any) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["dataset_args"] |= args
    (run / "config.yaml").write_text(yaml.safe_dump(config))


def test_the_last_epoch_is_read_with_the_identity_of_its_particles(run: Path):
    assert is_cryodrgn_run(run)
    table, files = read_cryodrgn_run(run)
    assert table.mean.tolist() == [[10.0, 10.0]] * 3
    assert table.rows.tolist() == CHOSEN
    assert table.names.tolist() == [f"{row + 1:06d}@p.mrcs" for row in CHOSEN]
    np.testing.assert_array_equal(table.covariance[0], np.eye(2))
    stack = files.read()
    assert stack.images.names() == table.names.tolist()
    assert stack.rotations is not None
    assert not files.uninvert_data


def test_any_epoch_may_be_asked_for(run: Path):
    assert read_cryodrgn_run(run, 2)[0].mean[0, 0] == 2
    with pytest.raises(CryoAIError, match="no latents of cryoDRGN of epoch 3"):
        read_cryodrgn_run(run, 3)


def test_poses_that_were_refined_with_it_are_taken(run: Path):
    rotations = np.tile(np.eye(3)[[1, 2, 0]], (COUNT, 1, 1))
    dump(run / "pose.10.pkl", (rotations, np.full((COUNT, 2), 0.25)))
    stack = read_cryodrgn_run(run)[1].read()
    np.testing.assert_allclose(stack.rotations[0], rotations[0])
    np.testing.assert_allclose(stack.shifts_yx_A, -0.25 * 16)


def test_ab_initio_poses_have_shifts_in_pixels(run: Path):
    dump(run / "pose.10.pkl", (np.tile(np.eye(3), (COUNT, 1, 1)), np.full((COUNT, 2), 3.0)))
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["cmd"][1] = "abinit"
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    np.testing.assert_allclose(read_cryodrgn_run(run)[1].read().shifts_yx_A, -6.0)


def test_dark_density_is_known(run: Path):
    change(run, invert_data=False)
    assert read_cryodrgn_run(run)[1].uninvert_data


def test_particles_that_moved_are_named_by_the_user(run: Path):
    moved = run.parent / "moved.mrcs"
    (run.parent / "p.mrcs").rename(moved)
    with pytest.raises(CryoAIError, match="no such file") as caught:
        read_cryodrgn_run(run)
    assert caught.value.path == run.parent / "p.mrcs"
    assert read_cryodrgn_run(run, particles=moved)[0].names[0] == "000006@moved.mrcs"


def test_latents_of_another_number_of_particles_are_refused(run: Path):
    change(run, ind=None)
    with pytest.raises(CryoAIError, match="places of 3 particles, and there are 6"):
        read_cryodrgn_run(run)


def test_indices_beyond_the_particles_are_refused(run: Path):
    dump(run.parent / "ind.pkl", np.array([0, 1, 99]))
    with pytest.raises(CryoAIError, match="names particle 99, counted from 0, of 6"):
        read_cryodrgn_run(run)


@pytest.mark.parametrize("text", ["", "a: [", "cmd: 3", "dataset_args: 3", "dataset_args: {}"])
def test_records_that_name_no_particles_are_refused(run: Path, text):
    (run / "config.yaml").write_text(text)
    with pytest.raises(CryoAIError) as caught:
        read_cryodrgn_run(run)
    assert caught.value.path == run / "config.yaml"


def test_objects_in_the_record_are_not_made(run: Path):
    mark = run / "ran"
    (run / "config.yaml").write_text(
        f"dataset_args: !!python/object/apply:os.system ['touch {mark}']\n"
    )
    with pytest.raises(CryoAIError):
        read_cryodrgn_run(run)
    assert not mark.exists()


def test_other_folders_are_none(tmp_path: Path):
    assert not is_cryodrgn_run(tmp_path)
    with pytest.raises(CryoAIError, match="no latents of cryoDRGN"):
        read_cryodrgn_run(tmp_path)
