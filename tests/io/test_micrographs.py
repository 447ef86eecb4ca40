"""Opening micrographs by their header, alone and in sets."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.micrographs import check_pixel_sizes, open_micrograph, open_micrographs
from napari_cryoai.io.mrc import write_mrc


def write(path, shape=(4, 5), pixel_size_A=1.5):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_mrc(path, np.zeros(shape, np.float32), pixel_size_A)
    return path


def test_the_users_pixel_size_wins_over_the_headers(tmp_path):
    path = write(tmp_path / "a.mrc")
    assert open_micrograph(path).pixel_size_A == 1.5
    assert open_micrograph(path, pixel_size_A=1.06).pixel_size_A == 1.06


def test_nan_and_infinite_pixels_become_the_median_of_the_rest(tmp_path):
    array = np.arange(20, dtype=np.float32).reshape(4, 5)
    array[0, 0], array[3, 4] = np.nan, np.inf
    write_mrc(tmp_path / "a.mrc", array, 1.5)
    pixels = open_micrograph(tmp_path / "a.mrc").read()
    assert pixels.dtype == np.float32
    assert pixels[0, 0] == pixels[3, 4] == np.median(np.arange(1, 19))
    np.testing.assert_array_equal(pixels.ravel()[1:-1], array.ravel()[1:-1])


def test_float16_pixels_whose_sum_overflows_are_not_mistaken_for_infinite(tmp_path):
    write_mrc(tmp_path / "a.mrc", np.full((64, 64), 6e4, np.float16), 1.5)
    assert (open_micrograph(tmp_path / "a.mrc").read() == np.float16(6e4)).all()


def test_a_stack_gives_one_micrograph_for_each_image_named_as_relion_names_them(tmp_path):
    stack = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
    write_mrc(tmp_path / "s.mrcs", stack, 1.5)
    micrographs, errors = open_micrographs([tmp_path])
    assert not errors
    assert [m.name for m in micrographs] == [f"{i:06d}@s.mrcs" for i in (1, 2, 3)]
    np.testing.assert_array_equal(micrographs[2].read(), stack[2])
    np.testing.assert_array_equal(open_micrograph(tmp_path / "2@s.mrcs").read(), stack[1])


def test_one_image_of_a_stack_must_be_named(tmp_path):
    write(tmp_path / "s.mrcs", (3, 4, 5))
    with pytest.raises(CryoAIError, match=r"1@s\.mrcs"):
        open_micrograph(tmp_path / "s.mrcs")


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path):
    for name in ("x/a.mrc", "y/a.mrc", "y/b.mrc"):
        write(tmp_path / name)
    micrographs, _ = open_micrographs([tmp_path / "x", tmp_path / "y"])
    assert [m.name for m in micrographs] == ["x/a.mrc", "y/a.mrc", "b.mrc"]


def test_a_file_given_twice_opens_once(tmp_path):
    path = write(tmp_path / "a.mrc")
    assert len(open_micrographs([path, tmp_path, path])[0]) == 1


def test_one_bad_file_does_not_stop_the_others(tmp_path):
    write(tmp_path / "a.mrc")
    (tmp_path / "b.mrc").write_text("this is text")
    Image.new("L", (5, 4)).save(tmp_path / "c.png")
    (tmp_path / "notes.txt").write_text("not a micrograph")
    micrographs, errors = open_micrographs([tmp_path])
    assert [m.name for m in micrographs] == ["a.mrc", "c.png"]
    assert [error.path.name for error in errors] == ["b.mrc"]


def test_a_folder_without_micrographs_is_an_error_of_its_own(tmp_path):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "a.mrc")
    micrographs, errors = open_micrographs([tmp_path / "empty", tmp_path / "a.mrc"])
    assert len(micrographs) == 1
    assert "no micrographs" in str(errors[0])


def test_a_map_is_not_taken_for_a_set_of_micrographs(tmp_path):
    write(tmp_path / "map.mrc", (8, 8, 8))
    with pytest.raises(CryoAIError, match="3D map"):
        open_micrograph(tmp_path / "map.mrc")


def test_the_pixel_size_is_asked_for_when_missing_or_inconsistent(micrograph):
    a, b = micrograph("a", pixel_size_A=1.5), micrograph("b", pixel_size_A=1.06)
    unknown = micrograph("c", pixel_size_A=None)
    assert check_pixel_sizes([a, a]) is None
    assert check_pixel_sizes([]) is None
    assert "1.06 A (1 " in check_pixel_sizes([a, b])
    assert "do not tell" in check_pixel_sizes([unknown])
    assert "1 of 2" in check_pixel_sizes([a, unknown])


def test_the_real_micrographs_open_without_a_pixel_size(data):
    micrographs, errors = open_micrographs([data / "micrographs"])
    assert not errors
    assert {m.shape for m in micrographs} == {(1200, 1240), (4096, 4096)}
    assert check_pixel_sizes(micrographs) is not None
