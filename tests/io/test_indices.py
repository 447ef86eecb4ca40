"""Lists of particles by number, as cryoDRGN and others pass them on."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.indices import INDEX_FILES, read_indices, write_indices

ROWS = np.array([7, 0, 3])


@pytest.mark.parametrize("ending", INDEX_FILES)
def test_numbers_come_back_in_their_order(tmp_path: Path, ending):
    path = tmp_path / f"chosen{ending}"
    write_indices(path, ROWS, ["a", "b", "c"])
    again = read_indices(path, 8)
    assert again.dtype == np.int64
    assert again.tolist() == [7, 0, 3]


@pytest.mark.parametrize("ending", INDEX_FILES)
def test_a_selection_of_nothing_comes_back(tmp_path: Path, ending):
    path = tmp_path / f"none{ending}"
    write_indices(path, ROWS[:0], [])
    if ending in (".txt", ".ind"):  # an empty file is more often a broken copy than a selection
        with pytest.raises(CryoAIError, match="is empty"):
            read_indices(path)
    else:
        assert len(read_indices(path)) == 0


def test_the_pickle_is_an_array_for_everybody(tmp_path: Path):
    write_indices(tmp_path / "ind.pkl", ROWS)
    loaded = pickle.loads((tmp_path / "ind.pkl").read_bytes())
    assert loaded.dtype.kind == "i"
    assert loaded.tolist() == [7, 0, 3]


def test_the_text_is_one_number_a_line_counted_from_0(tmp_path: Path):
    write_indices(tmp_path / "chosen.txt", ROWS)
    assert (tmp_path / "chosen.txt").read_text() == "7\n0\n3\n"


def test_names_are_kept_where_there_is_room(tmp_path: Path):
    write_indices(tmp_path / "chosen.npz", ROWS, ["8@a.mrcs", "1@a.mrcs", "4@a.mrcs"])
    with np.load(tmp_path / "chosen.npz", allow_pickle=False) as file:
        assert file["names"].tolist() == ["8@a.mrcs", "1@a.mrcs", "4@a.mrcs"]


@pytest.mark.parametrize(
    "values",
    [[7, 0, 3], (7, 0, 3), np.array([7, 0, 3], np.uint16), [np.int64(7), np.int64(0), 3]],
    ids=["list", "tuple", "array", "scalars"],
)
def test_pickles_that_scripts_write_are_read(tmp_path: Path, values):
    (tmp_path / "ind.pkl").write_bytes(pickle.dumps(values))
    assert read_indices(tmp_path / "ind.pkl").tolist() == [7, 0, 3]


def test_a_mask_of_all_particles_is_as_good(tmp_path: Path):
    mask = np.array([True, False, True, False])
    np.save(tmp_path / "mask.npy", mask)
    assert read_indices(tmp_path / "mask.npy", 4).tolist() == [0, 2]
    with pytest.raises(CryoAIError, match="tells of 4 particles, and there are 5"):
        read_indices(tmp_path / "mask.npy", 5)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([0, 8], "names particle 8, counted from 0, of 8"),
        ([-1], "names particle -1"),
        ([1, 2, 1], "names a particle twice"),
        (np.array([0.5]), "no list of whole numbers"),
        (np.eye(2, dtype=int), "no list of whole numbers"),
        (["a"], "no whole number"),
        ([1 << 80], "no whole number"),
        ({"a": 1}, "no list of whole numbers"),
        (3, "no list of whole numbers"),
    ],
)
def test_what_is_no_list_of_particles_is_refused(tmp_path: Path, values, problem):
    path = tmp_path / "ind.pkl"
    path.write_bytes(pickle.dumps(values))
    with pytest.raises(CryoAIError, match=problem) as caught:
        read_indices(path, 8)
    assert caught.value.path == path


@pytest.mark.parametrize("ending", INDEX_FILES)
def test_files_of_something_else_are_refused(tmp_path: Path, ending):
    path = tmp_path / f"other{ending}"
    path.write_bytes(b"data_particles\nloop_\n")
    with pytest.raises(CryoAIError):
        read_indices(path)


def test_arrays_of_objects_are_never_loaded(tmp_path: Path):
    np.save(tmp_path / "ind.npy", np.array([{}], object), allow_pickle=True)
    np.savez(tmp_path / "ind.npz", rows=np.array([{}], object))
    for name in ("ind.npy", "ind.npz"):
        with pytest.raises(CryoAIError, match="no array of numbers"):
            read_indices(tmp_path / name)


def test_an_ending_that_says_nothing_is_refused(tmp_path: Path):
    with pytest.raises(CryoAIError, match="no ending of a list"):
        write_indices(tmp_path / "chosen.dat", ROWS)
