"""A micrograph that is read when its pixels are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError


@dataclass(frozen=True)
class Micrograph:
    """One 2D image, known by its header until `read` is called.

    Parameters
    ----------
    name
        What picks call it: unique in its set, as it is written in `_rlnMicrographName`.
    path
        The file it lives in.
    shape
        `(ny, nx)` in pixels; row 0 is the first row of the file.
    pixel_size_A
        Side of a pixel, or None when neither the file nor the user said it believably.
    load
        Reads the pixels, as recorded (density is dark).
    """

    name: str
    path: Path
    shape: tuple[int, int]
    pixel_size_A: float | None
    load: Callable[[], NDArray[Any]] = field(repr=False, compare=False)

    def read(self) -> NDArray[Any]:
        """The pixels, `(ny, nx)`, in the file's own number type.

        Raises
        ------
        CryoAIError
            If the file is broken or holds no finite pixel.
        """
        return self.load()

    def with_pixel_size(self, pixel_size_A: float) -> Micrograph:
        """The same micrograph, with the pixel size that the user gave."""
        return replace(self, pixel_size_A=pixel_size_A)

    def require_pixel_size(self) -> float:
        """The pixel size in Angstrom; asks for it when it is not known."""
        if self.pixel_size_A is None:
            raise CryoAIError(
                "the pixel size is missing or not believable",
                path=self.path,
                remedy="Give it with --pixel-size-A, or in the widget's 'Pixel size' field",
            )
        return self.pixel_size_A
