"""TIFF, PNG and JPEG images, at their full bit depth."""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.guards import believable_pixel_size, check_readable, check_size

AnyPath = str | PathLike[str]

TIFF_SUFFIXES = (".tif", ".tiff")
SUFFIXES = (*TIFF_SUFFIXES, ".png", ".jpg", ".jpeg")

_BROKEN = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    OverflowError,
    MemoryError,
    AttributeError,
    ZeroDivisionError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What tifffile and Pillow raise on files that are cut off, damaged or of another kind."""

_ANGSTROMS = {
    "nm": 10.0,
    "um": 1e4,
    "µm": 1e4,
    "\\u00b5m": 1e4,
    "micron": 1e4,
    "microns": 1e4,
    "a": 1.0,
    "å": 1.0,
    "angstrom": 1.0,
    "angstroms": 1.0,
    "mm": 1e7,
    "cm": 1e8,
    "inch": 2.54e8,
}
_MAX_PAGES = 100_000
_MAX_RATIO = 2000
"""No image codec packs a real micrograph, noise as it is, a tenth as tightly."""


@dataclass(frozen=True)
class ImageHeader:
    """Size of an image file, without its pixels.

    Attributes
    ----------
    shape
        `(sections, ny, nx)`.
    pixel_size_A
        None unless the file says it believably.
    """

    shape: tuple[int, int, int]
    pixel_size_A: float | None


def read_image_header(path: AnyPath) -> ImageHeader:
    """Read what an image file says of itself.

    Raises
    ------
    CryoAIError
        If it is broken, of another kind, or claims more pixels than it can hold.
    """
    path = check_readable(path)
    try:
        header = _tiff_header(path) if _is_tiff(path) else _plain_header(path)
    except _BROKEN as error:
        raise _broken(path, error) from None
    check_size(header.shape[1:], path)
    return header


def read_image(path: AnyPath, section: int = 0) -> NDArray[Any]:
    """One image `(ny, nx)` of the file, in its own number type; colour becomes grey."""
    header = read_image_header(path)
    path = Path(path)
    if not 0 <= section < header.shape[0]:
        raise CryoAIError(
            f"holds {header.shape[0]} images, there is no number {section + 1}",
            path=path,
            remedy="Check the number before the @ in the image's name",
        )
    try:
        pixels = _read_any_tiff(path, section) if _is_tiff(path) else _read_plain(path, 0)
    except _BROKEN as error:
        raise _broken(path, error) from None
    if pixels.shape != header.shape[1:]:
        raise _broken(path, f"{pixels.shape} pixels instead of {header.shape[1:]}")
    return pixels


def _is_tiff(path: Path) -> bool:
    return path.suffix.lower() in TIFF_SUFFIXES


def _broken(path: Path, reason: object) -> CryoAIError:
    kind = "TIFF" if _is_tiff(path) else path.suffix.lstrip(".").upper()
    lines = str(reason).splitlines()
    return CryoAIError(
        f"cannot be read as {kind} ({lines[0] if lines else type(reason).__name__})",
        path=path,
        remedy="Check that the file is whole and of the kind that its name says",
    )


def _plain_header(path: Path) -> ImageHeader:
    with Image.open(path, formats=("PNG", "JPEG")) as image:
        nx, ny = image.size
        return ImageHeader((1, ny, nx), None)


def _read_plain(path: Path, page: int, formats: tuple[str, ...] = ("PNG", "JPEG")) -> NDArray[Any]:
    with Image.open(path, formats=formats) as image:
        image.seek(page)
        keeps = image.mode == "L" or image.mode.startswith(("I", "F"))
        pixels = np.asarray(image if keeps else image.convert("L"))
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def _check_pages(path: Path) -> None:
    """Follow the chain of a TIFF file's pages: in a damaged file it can go round in a circle."""
    with path.open("rb") as file:
        order, version = {b"II": "<", b"MM": ">"}.get(file.read(2), "<"), file.read(2)
        is_big = 43 in version
        count, width, pointer = ("Q", 20, "Q") if is_big else ("H", 12, "I")

        def number(code: str) -> int:
            return int(struct.unpack(order + code, file.read(struct.calcsize(order + code)))[0])

        file.seek(8 if is_big else 4)
        seen: set[int] = set()
        while (offset := number(pointer)) and len(seen) < _MAX_PAGES:
            if offset in seen:
                raise ValueError("its pages go round in a circle")
            seen.add(offset)
            file.seek(offset)
            entries = number(count)
            file.seek(entries * width, os.SEEK_CUR)


def _tiff_header(path: Path) -> ImageHeader:
    import tifffile

    _check_pages(path)
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        page = series.keyframe
        ny, nx = page.imagelength, page.imagewidth
        sections = max(1, series.size // max(1, ny * nx * page.samplesperpixel))
        stored = sum(page.databytecounts)
        claimed = page.nbytes if page.compression == 1 else page.nbytes / _MAX_RATIO
        if stored < claimed or stored + page.dataoffsets[0] > path.stat().st_size:
            raise ValueError(f"{nx} x {ny} pixels are claimed, and the file is too small for them")
        return ImageHeader((sections, ny, nx), _tiff_pixel_size(file, page, max(ny, nx)))


def _read_any_tiff(path: Path, section: int) -> NDArray[Any]:
    try:
        return _read_tiff(path, section)
    except ValueError as error:
        # For LZW and its like tifffile needs another package; Pillow does not.
        if "imagecodecs" not in str(error):
            raise
        return _read_plain(path, section, ("TIFF",))


def _read_tiff(path: Path, section: int) -> NDArray[Any]:
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        page = series.keyframe
        if len(series.pages) > section:
            stored = series.pages[section].asarray()
        else:
            # ImageJ writes one page and lets the rest of a stack follow it without pages.
            stored = series.asarray().reshape(-1, page.imagelength, page.imagewidth)[section]
        pixels: NDArray[Any] = np.squeeze(stored)
        if page.samplesperpixel > 1:
            axis = 0 if page.planarconfig == 2 else -1
            pixels = pixels.mean(axis, dtype=np.float32)
        return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def _tiff_pixel_size(file: Any, page: Any, side_px: int) -> float | None:
    x, y = page.tags.get("XResolution"), page.tags.get("YResolution")
    if x is None or y is None or 0 in (*x.value, *y.value) or x.value != y.value:
        return None
    unit = {2: "inch", 3: "cm"}.get(int(page.resolutionunit), "")
    if file.is_imagej:
        unit = str((file.imagej_metadata or {}).get("unit", unit))
    if unit.lower() not in _ANGSTROMS:
        return None
    pixel_size_A = _ANGSTROMS[unit.lower()] / float(Fraction(*x.value))
    return believable_pixel_size(pixel_size_A, side_px)
