"""MRC files: micrographs, stacks and maps (the MRC2014 format, and IMOD's 4-bit mode 101)."""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import zlib
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.atomic import replacing
from napari_cryoai.io.guards import believable_pixel_size, check_readable, check_size

AnyPath = str | PathLike[str]
ByteOrder = Literal["<", ">"]

HEADER_BYTES = 1024
CELL_ANGLES = ("alpha", "beta", "gamma")
PACKED = 101
DTYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2", PACKED: "u1"}
MODES = {np.dtype(code): mode for mode, code in DTYPES.items() if mode != PACKED}

_COPY_AGAIN = "Copy or download the file again"
_NOT_MRC = "Check that it is an MRC file, and not another kind of file under that name"
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError)


@dataclass(frozen=True)
class MrcHeader:
    """What the first 1024 bytes of an MRC file say.

    Attributes
    ----------
    shape
        `(nz, ny, nx)` as stored: nx runs fastest.
    mode
        Number type, see `DTYPES`.
    pixel_size_A
        Side of a pixel; None when the header holds 0, nonsense, or the 1.0 that programs write
        when they do not know.
    origin
        Origin as written, `(x, y, z)`, in Angstrom.
    nstart
        Index of the first column, row and section.
    mapcrs
        Which axis (1 = x, 2 = y, 3 = z) columns, rows and sections are.
    cell_A
        Extent of the grid along x, y and z.
    cell_deg
        Angles between its axes.
    grid
        Number of intervals that `cell_A` is cut into, along x, y and z.
    space_group
        0 for a stack of images, 1 for a volume.
    byte_order
        "<" or ">".
    offset
        Where the pixels begin in the file.
    """

    shape: tuple[int, int, int]
    mode: int
    pixel_size_A: float | None
    origin: tuple[float, float, float]
    nstart: tuple[int, int, int]
    mapcrs: tuple[int, int, int]
    cell_A: tuple[float, float, float]
    cell_deg: tuple[float, float, float]
    grid: tuple[int, int, int]
    space_group: int
    byte_order: ByteOrder
    offset: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Number type of the stored values."""
        return np.dtype(DTYPES[self.mode]).newbyteorder(self.byte_order)

    @property
    def section_bytes(self) -> int:
        """Size of one stored image."""
        _, ny, nx = self.shape
        return ny * ((nx + 1) // 2) if self.mode == PACKED else ny * nx * self.dtype.itemsize

    @property
    def is_volume(self) -> bool:
        """Whether the sections are slices of one 3D map, and not images of their own."""
        nz, ny, nx = self.shape
        return nz > 1 and (self.space_group != 0 or self.mode == 2) and nz == ny == nx


def read_header(path: AnyPath) -> MrcHeader:
    """Read and check the header alone.

    Raises
    ------
    CryoAIError
        If it is no MRC file, or claims more pixels than the file can hold.
    """
    path = check_readable(path)
    try:
        with _open(path) as file:
            raw = file.read(HEADER_BYTES)
    except _BROKEN as error:
        raise CryoAIError(f"cannot be read ({error})", path=path, remedy=_COPY_AGAIN) from None
    if len(raw) < HEADER_BYTES:
        raise CryoAIError(
            f"is too short for an MRC file ({len(raw)} bytes)", path=path, remedy=_COPY_AGAIN
        )
    header = _parse(raw, path)
    _check_claim(header, raw[208:212] == b"MAP ", path)
    return header


def read_mrc(path: AnyPath, section: int | None = None) -> NDArray[Any]:
    """The values of an MRC file; not a byte is read before it is looked at, if uncompressed.

    Parameters
    ----------
    path
        `.mrc`, `.mrcs`, `.map`, also followed by `.gz` or `.bz2`.
    section
        One image of a stack, counted from 0; None for all.

    Returns
    -------
    array
        `(ny, nx)` if one section was asked for, else `(nz, ny, nx)`; read-only, in the file's own
        number type (4-bit values as uint8).
    """
    path, header = Path(path), read_header(path)
    nz, ny, nx = header.shape
    if section is not None and not 0 <= section < nz:
        raise CryoAIError(
            f"holds {nz} images, there is no number {section + 1}",
            path=path,
            remedy="Check the number before the @ in the image's name",
        )
    first, count = (0, nz) if section is None else (section, 1)
    width = (nx + 1) // 2 if header.mode == PACKED else nx
    shape = (count, ny, width)
    offset = header.offset + first * header.section_bytes
    if _is_compressed(path):
        data = _decompress(path, offset, count * header.section_bytes)
        stored = np.frombuffer(data, header.dtype).reshape(shape)
    else:
        stored = np.memmap(path, header.dtype, "r", offset, shape).view(np.ndarray)
    values = _unpack(stored, nx) if header.mode == PACKED else stored
    return values if section is None else values[0]


def write_mrc(
    path: AnyPath,
    array: NDArray[Any],
    pixel_size_A: float | None,
    *,
    origin_xyz_A: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> None:
    """Write an image `(ny, nx)` or a stack or map `(nz, ny, nx)`; the file appears when complete.

    A name that ends in `.mrcs` makes it a stack of images. Values keep their type where MRC has
    it (int8, int16, uint16, float16, float32); others become float32. `origin_xyz_A` is where the
    first voxel lies.
    """
    path, data = Path(path), np.asarray(array)
    if data.dtype.newbyteorder("=") not in MODES:
        data = data.astype(np.int16 if data.dtype in (np.uint8, np.bool_) else np.float32)
    data = np.ascontiguousarray(data, data.dtype.newbyteorder("<"))
    header = _new_header(data, pixel_size_A, origin_xyz_A, is_stack=path.suffix == ".mrcs")
    with replacing(path) as part, part.open("wb") as file:
        file.write(header)
        file.write(data.data)


def _new_header(
    data: NDArray[Any],
    pixel_size_A: float | None,
    origin_xyz_A: tuple[float, float, float],
    *,
    is_stack: bool,
) -> bytes:
    nx, ny, nz = (*data.shape[::-1], 1)[:3]
    header = np.zeros((), HEADER_DTYPE.newbyteorder("<"))
    header["mode"] = MODES[data.dtype.newbyteorder("=")]
    header["nx"], header["ny"], header["nz"] = nx, ny, nz
    header["mx"], header["my"], header["mz"] = nx, ny, 1 if is_stack else nz
    for axis, cells in zip("xyz", (nx, ny, header["mz"]), strict=True):
        header["cella"][axis] = cells * (pixel_size_A or 0.0)
    header["cellb"] = (90, 90, 90)
    header["origin"] = origin_xyz_A
    header["mapc"], header["mapr"], header["maps"] = 1, 2, 3
    finite = np.asarray(data[np.isfinite(data)], np.float64)
    if finite.size:
        header["dmin"], header["dmax"] = finite.min(), finite.max()
        header["dmean"], header["rms"] = finite.mean(), finite.std()
    header["ispg"] = int(nz > 1 and not is_stack)
    header["nversion"] = 20140
    header["map"], header["machst"] = b"MAP ", (0x44, 0x44, 0, 0)
    return header.tobytes()


def _parse(raw: bytes, path: Path) -> MrcHeader:
    order = _byte_order(raw)
    fields = np.frombuffer(raw, HEADER_DTYPE.newbyteorder(order), 1)[0]
    mode = int(fields["mode"])
    nx, ny, nz = (int(fields[key]) for key in ("nx", "ny", "nz"))
    if mode not in DTYPES or min(nx, ny, nz) < 1 or fields["nsymbt"] < 0:
        raise CryoAIError(
            f"does not begin like an MRC file ({nx} x {ny} x {nz} pixels of mode {mode})",
            path=path,
            remedy=_NOT_MRC,
        )
    return MrcHeader(
        shape=(nz, ny, nx),
        mode=mode,
        pixel_size_A=_pixel_size(fields),
        origin=cast(Any, tuple(float(fields["origin"][axis]) for axis in "xyz")),
        nstart=cast(Any, tuple(int(fields[f"n{axis}start"]) for axis in "xyz")),
        mapcrs=cast(Any, tuple(int(fields[f"map{axis}"]) for axis in "crs")),
        cell_A=cast(Any, tuple(float(fields["cella"][axis]) for axis in "xyz")),
        cell_deg=cast(Any, tuple(float(fields["cellb"][angle]) for angle in CELL_ANGLES)),
        grid=cast(Any, tuple(int(fields[f"m{axis}"]) for axis in "xyz")),
        space_group=int(fields["ispg"]),
        byte_order=order,
        offset=HEADER_BYTES + int(fields["nsymbt"]),
    )


def _byte_order(raw: bytes) -> ByteOrder:
    if raw[212:213] == b"\x11":
        return ">"
    if raw[212:213] == b"\x44":
        return "<"
    # Old files lack the stamp: whatever makes the mode a small number is right.
    return "<" if int.from_bytes(raw[12:16], "little") < 65536 else ">"


def _pixel_size(fields: Any) -> float | None:
    cells, cuts = [float(fields["cella"][a]) for a in "xy"], [int(fields[f"m{a}"]) for a in "xy"]
    if min(cuts) < 1:
        return None
    x, y = (length / cut for length, cut in zip(cells, cuts, strict=True))
    if not (math.isfinite(x) and math.isclose(x, y, rel_tol=0.01)):
        return None
    # float32 noise goes: 1.77, not 1.7699999809
    return believable_pixel_size(float(f"{x:.6g}"), max(int(fields["nx"]), int(fields["ny"])))


def _check_claim(header: MrcHeader, has_magic: bool, path: Path) -> None:
    """Hold the header's claim against the file's size, before anything is allocated."""
    nz, ny, nx = header.shape
    check_size((ny, nx), path)
    if _is_compressed(path):
        if not has_magic:
            raise CryoAIError("is not a compressed MRC file", path=path, remedy=_NOT_MRC)
        return
    claimed = header.offset + nz * header.section_bytes
    size = path.stat().st_size
    # Before 2000 there was no "MAP " in the header: then at least the size must be right.
    if not has_magic and size != claimed:
        raise CryoAIError("lacks the mark of an MRC file ('MAP ')", path=path, remedy=_NOT_MRC)
    if size < claimed:
        raise CryoAIError(
            f"is cut off: its header claims {nx} x {ny} x {nz} pixels, "
            f"{claimed:,} bytes, and the file has {size:,}",
            path=path,
            remedy=_COPY_AGAIN,
        )


def _is_compressed(path: Path) -> bool:
    return path.suffix.lower() in (".gz", ".bz2")


def _open(path: Path) -> IO[bytes]:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return cast(IO[bytes], gzip.open(path))
    return cast(IO[bytes], bz2.open(path)) if suffix == ".bz2" else path.open("rb")


def _decompress(path: Path, offset: int, size: int) -> bytes:
    """`size` bytes from `offset` on; what comes before is dropped, what follows is not read."""
    if size > 1 << 33:
        raise CryoAIError(
            f"unpacks to {size / 2**30:.0f} GiB", path=path, remedy="Decompress the file first"
        )
    data = bytearray()
    try:
        with _open(path) as file:
            file.seek(offset)
            while len(data) < size and (chunk := file.read(min(size - len(data), 1 << 24))):
                data += chunk
    except _BROKEN as error:
        raise CryoAIError(f"cannot be read ({error})", path=path, remedy=_COPY_AGAIN) from None
    if len(data) < size:
        raise CryoAIError(
            f"is cut off: {size:,} bytes were expected, {len(data):,} came",
            path=path,
            remedy=_COPY_AGAIN,
        )
    return bytes(data)


def _unpack(stored: NDArray[np.uint8], nx: int) -> NDArray[np.uint8]:
    """4-bit values, two a byte, the first in the low half; rows begin on a whole byte."""
    values = np.empty((*stored.shape[:2], stored.shape[2] * 2), np.uint8)
    values[..., 0::2] = stored & 15
    values[..., 1::2] = stored >> 4
    return values[..., :nx]
