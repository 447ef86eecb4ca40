"""MRC files in every mode, byte order and packing that micrographs come in."""

from __future__ import annotations

import bz2
import gzip
import time
import tracemalloc
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_cryoai.io.mrc import read_header, read_mrc, write_mrc

RNG = np.random.default_rng(0)


def big_endian(path: Path, array: np.ndarray) -> None:
    """Write the file as an SGI or Motorola machine did."""
    with mrcfile.new(path) as file:
        file.set_data(array.astype(array.dtype.newbyteorder(">")))
        file.voxel_size = 1.25


@pytest.mark.parametrize("dtype", ["i1", "i2", "u2", "f2", "f4"])
def test_each_number_type_reads_back_as_an_independent_library_wrote_it(tmp_path, dtype):
    array = (RNG.normal(size=(7, 9)) * 50).clip(0, 120).astype(dtype)
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(array)
        file.voxel_size = 1.77
    got = read_mrc(tmp_path / "a.mrc", 0)
    assert got.dtype == array.dtype
    np.testing.assert_array_equal(got, array)
    assert read_header(tmp_path / "a.mrc").pixel_size_A == 1.77


@pytest.mark.parametrize("dtype", ["i1", "i2", "u2", "f2", "f4"])
@pytest.mark.parametrize("shape", [(5, 8), (3, 5, 8)])
def test_what_we_write_is_valid_and_the_same_to_an_independent_library(tmp_path, dtype, shape):
    array = (RNG.normal(size=shape) * 50).clip(0, 120).astype(dtype)
    path = tmp_path / ("a.mrcs" if len(shape) == 3 else "a.mrc")
    write_mrc(path, array, 1.5)
    assert mrcfile.validate(path)
    with mrcfile.open(path) as file:
        np.testing.assert_array_equal(file.data, array)
        assert file.voxel_size.x == pytest.approx(1.5)
        assert file.is_image_stack() == (len(shape) == 3)


def test_types_that_mrc_lacks_become_wider_ones(tmp_path):
    write_mrc(tmp_path / "a.mrc", np.array([[0, 255]], np.uint8), None)
    np.testing.assert_array_equal(read_mrc(tmp_path / "a.mrc", 0), [[0, 255]])
    write_mrc(tmp_path / "b.mrc", np.array([[0.5, 1e6]]), None)
    assert read_mrc(tmp_path / "b.mrc").dtype == np.float32


def test_a_map_says_that_it_is_a_volume(tmp_path):
    write_mrc(tmp_path / "a.mrc", np.zeros((4, 4, 4), np.float32), 1.5)
    with mrcfile.open(tmp_path / "a.mrc") as file:
        assert file.is_volume()
    assert read_header(tmp_path / "a.mrc").is_volume


def test_big_endian_files_read_the_same(tmp_path):
    array = RNG.normal(size=(6, 5)).astype(np.float32)
    big_endian(tmp_path / "a.mrc", array)
    header = read_header(tmp_path / "a.mrc")
    assert (header.byte_order, header.shape, header.pixel_size_A) == (">", (1, 6, 5), 1.25)
    np.testing.assert_array_equal(read_mrc(tmp_path / "a.mrc", 0), array)


@pytest.mark.parametrize("nx", [6, 7])
def test_packed_4_bit_values_unpack_low_half_first_and_rows_start_on_whole_bytes(tmp_path, nx):
    values = RNG.integers(0, 16, (2, 3, nx), np.uint8)
    padded = np.pad(values, [(0, 0), (0, 0), (0, nx % 2)])
    packed = padded[..., 0::2] | padded[..., 1::2] << 4
    write_mrc(tmp_path / "a.mrcs", packed.view(np.int8), 1.0)
    raw = bytearray((tmp_path / "a.mrcs").read_bytes())
    raw[0:4], raw[12:16] = nx.to_bytes(4, "little"), (101).to_bytes(4, "little")
    (tmp_path / "a.mrcs").write_bytes(raw)
    np.testing.assert_array_equal(read_mrc(tmp_path / "a.mrcs"), values)
    np.testing.assert_array_equal(read_mrc(tmp_path / "a.mrcs", 1), values[1])


@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_compressed_stacks_read_whole_and_by_section(tmp_path, suffix, compress):
    stack = RNG.normal(size=(3, 6, 5)).astype(np.float32)
    write_mrc(tmp_path / "a.mrcs", stack, 2.0)
    packed = tmp_path / f"a.mrcs{suffix}"
    packed.write_bytes(compress((tmp_path / "a.mrcs").read_bytes()))
    np.testing.assert_array_equal(read_mrc(packed), stack)
    np.testing.assert_array_equal(read_mrc(packed, 2), stack[2])


def test_an_extended_header_is_skipped(tmp_path):
    array = RNG.normal(size=(4, 5)).astype(np.float32)
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(array)
        file.set_extended_header(np.zeros(768, "V1"))
    np.testing.assert_array_equal(read_mrc(tmp_path / "a.mrc", 0), array)


def test_old_files_without_magic_read_when_their_size_is_right(tmp_path):
    array = RNG.normal(size=(4, 5)).astype(np.float32)
    write_mrc(tmp_path / "a.mrc", array, 1.2)
    raw = bytearray((tmp_path / "a.mrc").read_bytes())
    raw[208:216] = bytes(8)
    (tmp_path / "a.mrc").write_bytes(raw)
    np.testing.assert_array_equal(read_mrc(tmp_path / "a.mrc", 0), array)


@pytest.mark.parametrize(
    ("pixel_size_A", "side", "believed"),
    [(0.0, 64, None), (1.0, 64, 1.0), (1.0, 2048, None), (1.06, 2048, 1.06), (500.0, 64, None)],
)
def test_a_pixel_size_is_believed_only_if_it_can_be_true(tmp_path, pixel_size_A, side, believed):
    write_mrc(tmp_path / "a.mrc", np.zeros((4, side), np.int8), pixel_size_A)
    assert read_header(tmp_path / "a.mrc").pixel_size_A == believed


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), -1.5])
def test_a_nonsense_pixel_size_is_none(tmp_path, nonsense):
    write_mrc(tmp_path / "a.mrc", np.zeros((4, 5), np.float32), nonsense)
    assert read_header(tmp_path / "a.mrc").pixel_size_A is None


def test_a_plain_micrograph_is_mapped_and_not_copied(tmp_path):
    write_mrc(tmp_path / "a.mrc", np.zeros((4096, 4096), np.float32), 1.5)
    tracemalloc.start()
    start = time.perf_counter()
    pixels = read_mrc(tmp_path / "a.mrc", 0)
    seconds = time.perf_counter() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert pixels.shape == (4096, 4096)
    assert seconds < 0.05
    assert peak < 1e6


def test_real_maps_read_as_an_independent_library_reads_them(data):
    for path in sorted((data / "maps").glob("*.gz"))[:3]:
        if ".mrc" not in path.name and ".map" not in path.name:
            continue
        with mrcfile.open(path, permissive=True) as file:
            np.testing.assert_array_equal(read_mrc(path), file.data)
            assert read_header(path).mapcrs == tuple(int(file.header[f"map{a}"]) for a in "crs")
