"""TIFF, PNG and JPEG micrographs."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_cryoai.io.images import read_image, read_image_header

RNG = np.random.default_rng(0)


def test_16_bit_png_keeps_every_bit(tmp_path):
    array = RNG.integers(0, 65536, (20, 30), np.uint16)
    Image.fromarray(array).save(tmp_path / "a.png")
    got = read_image(tmp_path / "a.png")
    assert got.dtype == np.uint16
    np.testing.assert_array_equal(got, array)


def test_the_real_16_bit_pngs_use_more_than_8_bits(data):
    pixels = read_image(next((data / "micrographs").glob("May08*.png")))
    assert pixels.shape == (1200, 1240)
    assert len(np.unique(pixels)) > 256


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1"])
def test_colour_becomes_grey_of_the_same_size(tmp_path, mode):
    image = Image.fromarray(RNG.integers(0, 256, (20, 30), np.uint8)).convert(mode)
    image.save(tmp_path / "a.png")
    got = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(got, np.asarray(image.convert("L")))


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_tiff_keeps_its_number_type(tmp_path, dtype, byteorder):
    array = RNG.integers(0, 127, (20, 30)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", array, byteorder=byteorder)
    got = read_image(tmp_path / "a.tif")
    assert got.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(got, array)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiff_stacks_read_by_page(tmp_path, compression):
    stack = RNG.integers(0, 255, (3, 20, 30), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", compression=compression)
    assert read_image_header(tmp_path / "a.tif").shape == (3, 20, 30)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", 2), stack[2])


def test_lzw_which_cameras_write_reads_without_further_packages(tmp_path):
    array = RNG.integers(0, 255, (20, 30), np.uint8)
    Image.fromarray(array).save(tmp_path / "a.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), array)


def test_imagej_stacks_read_and_tell_their_pixel_size(tmp_path):
    stack = RNG.integers(0, 255, (3, 20, 30), np.uint8)
    per_nm = 1 / 0.15
    tifffile.imwrite(
        tmp_path / "a.tif",
        stack,
        imagej=True,
        resolution=(per_nm, per_nm),
        metadata={"unit": "nm", "axes": "ZYX"},
    )
    header = read_image_header(tmp_path / "a.tif")
    assert header.shape == (3, 20, 30)
    assert header.pixel_size_A == pytest.approx(1.5, rel=1e-4)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", 1), stack[1])


def test_a_printers_resolution_is_no_pixel_size(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", np.zeros((20, 30), np.uint8), resolution=(72, 72), resolutionunit="INCH"
    )
    assert read_image_header(tmp_path / "a.tif").pixel_size_A is None


def test_a_microscopes_resolution_per_centimetre_is_a_pixel_size(tmp_path):
    per_cm = 1e8 / 1.77
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.zeros((20, 30), np.uint8),
        resolution=(per_cm, per_cm),
        resolutionunit="CENTIMETER",
    )
    assert read_image_header(tmp_path / "a.tif").pixel_size_A == pytest.approx(1.77, rel=1e-4)
