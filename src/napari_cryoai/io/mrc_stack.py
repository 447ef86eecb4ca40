"""A stack of images that is written piece by piece, by several processes, in constant memory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.mrc import HEADER_BYTES, MODES

_IMAGES_AT_ONCE = 64


@dataclass(frozen=True)
class ImageStatistics:
    """Sums over the pixels of images, which can be added up to those of a stack."""

    lowest: float = np.inf
    highest: float = -np.inf
    pixels: int = 0
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, images: NDArray[np.float32]) -> ImageStatistics:
        """Of images `(m, n, n)`."""
        if not images.size:
            return cls()
        low, high = float(images.min()), float(images.max())
        total = float(images.sum(dtype=np.float64))
        return cls(low, high, images.size, total, float(np.vdot(images, images)))

    def __add__(self, other: ImageStatistics) -> ImageStatistics:
        return ImageStatistics(
            min(self.lowest, other.lowest),
            max(self.highest, other.highest),
            self.pixels + other.pixels,
            self.total + other.total,
            self.squares + other.squares,
        )


@dataclass(frozen=True)
class StackDraft:
    """A stack on its way: a file of the size that it will have, filled in any order.

    Attributes
    ----------
    path
        Of the draft; the finished file is that renamed, so both must be on one disk.
    box_size_px
        Side of the images.
    count
        Number of images.
    dtype
        "float32" or "float16".
    """

    path: Path
    box_size_px: int
    count: int
    dtype: str

    @property
    def image_bytes(self) -> int:
        """Size of one image."""
        return self.box_size_px**2 * np.dtype(self.dtype).itemsize

    @property
    def size_bytes(self) -> int:
        """Size of the file."""
        return HEADER_BYTES + self.count * self.image_bytes

    def exists(self) -> bool:
        """Whether a draft of this size is there already."""
        return self.path.is_file() and self.path.stat().st_size == self.size_bytes

    def create(self) -> None:
        """Make room for all images.

        Raises
        ------
        CryoAIError
            If the disk has too little of it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.path.parent).free
        if free < self.size_bytes:
            raise CryoAIError(
                f"the particles take {self.size_bytes / 2**30:.1f} GiB, and the disk has "
                f"{free / 2**30:.1f} GiB left",
                path=self.path.parent,
                remedy="Make room, choose another folder, or extract smaller boxes (--pixel-size-A "
                "bins the images, --dtype float16 halves their size)",
            )
        with _told(self.path), self.path.open("wb") as file:
            file.truncate(self.size_bytes)

    def write(self, first: int, images: NDArray[np.floating]) -> None:
        """Put images `(m, n, n)` at their place; they are on disk when this returns."""
        data = np.ascontiguousarray(images, np.dtype(self.dtype).newbyteorder("<"))
        with _told(self.path), self.path.open("r+b") as file:
            file.seek(HEADER_BYTES + first * self.image_bytes)
            file.write(data.data)
            file.flush()
            os.fsync(file.fileno())

    def without(self, unwanted: Iterable[int]) -> StackDraft:
        """The same draft with the images of these numbers taken out, and the others moved up."""
        kept = np.delete(np.arange(self.count), list(unwanted))
        moved = np.flatnonzero(kept != np.arange(len(kept)))
        shorter = StackDraft(self.path, self.box_size_px, len(kept), self.dtype)
        with _told(self.path), self.path.open("r+b") as file:
            for start in range(0, len(moved), _IMAGES_AT_ONCE):
                self._move(file, kept, moved[start : start + _IMAGES_AT_ONCE])
            file.truncate(shorter.size_bytes)
        return shorter

    def finish(self, target: Path, pixel_size_A: float, statistics: ImageStatistics) -> None:
        """Write the header and rename the draft to `target`."""
        with _told(self.path), self.path.open("r+b") as file:
            file.write(self._header(pixel_size_A, statistics))
            file.flush()
            os.fsync(file.fileno())
        with _told(target):
            self.path.replace(target)

    def _move(self, file: IO[bytes], kept: NDArray[np.intp], places: NDArray[np.intp]) -> None:
        for place in places.tolist():
            file.seek(HEADER_BYTES + int(kept[place]) * self.image_bytes)
            data = file.read(self.image_bytes)
            file.seek(HEADER_BYTES + place * self.image_bytes)
            file.write(data)

    def _header(self, pixel_size_A: float, statistics: ImageStatistics) -> bytes:
        n = self.box_size_px
        header = np.zeros((), HEADER_DTYPE.newbyteorder("<"))
        header["mode"] = MODES[np.dtype(self.dtype)]
        header["nx"], header["ny"], header["nz"] = n, n, self.count
        header["mx"], header["my"], header["mz"] = n, n, 1
        for axis, cells in zip("xyz", (n, n, 1), strict=True):
            header["cella"][axis] = cells * pixel_size_A
        header["cellb"] = (90, 90, 90)
        header["mapc"], header["mapr"], header["maps"] = 1, 2, 3
        if statistics.pixels:
            mean = statistics.total / statistics.pixels
            variance = max(statistics.squares / statistics.pixels - mean**2, 0.0)
            header["dmin"], header["dmax"] = statistics.lowest, statistics.highest
            header["dmean"], header["rms"] = mean, variance**0.5
        header["nversion"] = 20140
        header["map"], header["machst"] = b"MAP ", (0x44, 0x44, 0, 0)
        return header.tobytes()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Errors of the disk in the user's words."""
    try:
        yield
    except OSError as error:
        raise CryoAIError(
            f"cannot be written ({error.strerror or error})",
            path=path,
            remedy="Make room, or choose another folder",
        ) from None
