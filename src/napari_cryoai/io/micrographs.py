"""Micrographs of any image format, opened by their header and read when asked."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.io import images, mrc

AnyPath = str | PathLike[str]

MRC_SUFFIXES = (".mrc", ".mrcs", ".st")
SUFFIXES = (
    *MRC_SUFFIXES,
    *(f"{suffix}{packed}" for suffix in MRC_SUFFIXES for packed in (".gz", ".bz2")),
    *images.SUFFIXES,
)
"""Endings of the files that hold micrographs, in lower case."""

_SECTION = re.compile(r"(\d+)@(.+)")


def open_micrograph(
    path: AnyPath, *, name: str | None = None, pixel_size_A: float | None = None
) -> Micrograph:
    """Open the file of one micrograph by its header.

    Parameters
    ----------
    path
        The file; `3@stack.mrcs`, with the number before the file's name, is the third image of it.
    name
        What picks call it; the file's name if not given.
    pixel_size_A
        What the user says; the header's if not given, and None if that is not believable.

    Raises
    ------
    CryoAIError
        If the file is missing, broken, of another kind, or a stack of several images.
    """
    path = Path(path)
    section, file = _split(path)
    shape, header_A = _header(file)
    if section is None and shape[0] > 1:
        raise CryoAIError(
            f"holds {shape[0]} images",
            path=path,
            remedy=f"Name one of them, as in 1@{path.name}, or open the file as a set",
        )
    name = name or path.name
    return _micrograph(file, name, section or 0, shape, pixel_size_A or header_A)


def open_micrographs(
    paths: Iterable[AnyPath], *, pixel_size_A: float | None = None
) -> tuple[list[Micrograph], list[CryoAIError]]:
    """Open a set: files, stacks, and folders of them.

    Returns
    -------
    micrographs
        In the order given, folders in alphabetic order; each with a name of its own: the file's
        name, with as much of the path before it as sets it apart. A stack gives one for each
        image, named like `000001@stack.mrcs`.
    errors
        One for each path that could not be opened.
    """
    files, errors = _expand(paths)
    micrographs: list[Micrograph] = []
    for file, name in zip(files, unique_names(files), strict=True):
        try:
            micrographs += _open_all(file, name, pixel_size_A)
        except CryoAIError as error:
            errors.append(error)
    return micrographs, errors


def unique_names(files: Sequence[Path]) -> list[str]:
    """A name for each file: its own if no other has it, else its path below the common folder."""
    if len(files) < 2:
        return [file.name for file in files]
    absolute = [Path(os.path.abspath(file)) for file in files]  # noqa: PTH100 - keeps symlinks
    counts = Counter(file.name for file in files)
    try:
        root = Path(os.path.commonpath(absolute))
    except ValueError:  # Windows: files on two drives have no folder in common
        return [f.name if counts[f.name] == 1 else f.as_posix() for f in absolute]
    return [f.name if counts[f.name] == 1 else f.relative_to(root).as_posix() for f in absolute]


def check_pixel_sizes(micrographs: Sequence[Micrograph]) -> str | None:
    """What to ask the user about the pixel size of a set; None if all is well."""
    sizes = Counter(
        None if m.pixel_size_A is None else round(m.pixel_size_A, 4) for m in micrographs
    )
    missing = sizes.pop(None, 0)
    if len(sizes) > 1:
        found = ", ".join(f"{size:g} A ({n} micrographs)" for size, n in sorted(sizes.items()))
        return f"The files disagree about the pixel size: {found}. Which is right?"
    if not missing:
        return None
    if sizes:
        return (
            f"{missing} of {len(micrographs)} files do not tell their pixel size; "
            f"the others say {next(iter(sizes)):g} A. Is that right for all?"
        )
    return "The files do not tell their pixel size. What is it, in Angstrom?"


def is_micrograph(path: AnyPath) -> bool:
    """Whether the name looks like that of a micrograph."""
    return Path(path).name.lower().endswith(SUFFIXES)


def _expand(paths: Iterable[AnyPath]) -> tuple[list[Path], list[CryoAIError]]:
    """Files, each once, in place of folders; and the folders that hold no micrograph."""
    files: dict[Path, Path] = {}
    errors: list[CryoAIError] = []
    for path in map(Path, paths):
        found = [path]
        if path.is_dir():
            found = sorted(f for f in path.iterdir() if is_micrograph(f) and not f.is_dir())
            found = [f for f in found if not f.name.startswith(".")]
            if not found:
                errors.append(_no_micrographs(path))
        for file in found:
            files.setdefault(Path(os.path.abspath(file)), file)  # noqa: PTH100 - keeps symlinks
    return list(files.values()), errors


def _no_micrographs(folder: Path) -> CryoAIError:
    return CryoAIError(
        "the folder holds no micrographs",
        path=folder,
        remedy=f"Choose a folder with files that end in {', '.join(SUFFIXES)}",
    )


def _open_all(file: Path, name: str, pixel_size_A: float | None) -> list[Micrograph]:
    section, stack = _split(file)
    if section is not None:
        return [open_micrograph(file, name=name, pixel_size_A=pixel_size_A)]
    shape, header_A = _header(stack)
    pixel_size_A = pixel_size_A or header_A
    if shape[0] == 1:
        return [_micrograph(file, name, 0, shape, pixel_size_A)]
    return [
        _micrograph(file, f"{i + 1:06d}@{name}", i, shape, pixel_size_A) for i in range(shape[0])
    ]


def _split(path: Path) -> tuple[int | None, Path]:
    """The image's number (from 0) and the file of `3@stack.mrcs`; no number for a plain file."""
    match = _SECTION.fullmatch(path.name)
    if match is None or path.exists():
        return None, path
    return int(match[1]) - 1, path.with_name(match[2])


def _header(path: Path) -> tuple[tuple[int, int, int], float | None]:
    name = path.name.lower()
    if name.endswith(images.SUFFIXES):
        image = images.read_image_header(path)
        return image.shape, image.pixel_size_A
    if not name.endswith(SUFFIXES):
        raise CryoAIError(
            "is not a kind of file that holds micrographs",
            path=path,
            remedy=f"Micrographs end in {', '.join(SUFFIXES)}",
        )
    header = mrc.read_header(path)
    if header.is_volume and ".mrcs" not in name:
        raise CryoAIError(
            f"is a 3D map ({' x '.join(map(str, header.shape))} voxels), not a micrograph",
            path=path,
            remedy="Open it as a map, or give a stack the ending .mrcs",
        )
    return header.shape, header.pixel_size_A


def _micrograph(
    file: Path, name: str, section: int, shape: tuple[int, int, int], pixel_size_A: float | None
) -> Micrograph:
    if not 0 <= section < shape[0]:
        raise CryoAIError(
            f"holds {shape[0]} images, there is no number {section + 1}",
            path=file,
            remedy="Check the number before the @ in the image's name",
        )
    load = partial(_load, file, section)
    return Micrograph(name, file, shape[1:], pixel_size_A, load)


def _load(path: Path, section: int) -> NDArray[Any]:
    if path.name.lower().endswith(images.SUFFIXES):
        return _scrubbed(images.read_image(path, section), path)
    return _scrubbed(mrc.read_mrc(path, section), path)


def _scrubbed(pixels: NDArray[Any], path: Path) -> NDArray[Any]:
    """The pixels with NaN and infinity replaced by the median of the rest, if there are any."""
    if pixels.dtype.kind != "f":
        return pixels
    # One sum finds them: it stays finite only if every pixel is. Float16 would overflow.
    with np.errstate(invalid="ignore"):
        if np.isfinite(pixels.sum(dtype=np.float64)):
            return pixels
    finite = np.isfinite(pixels)
    if finite.all():
        return pixels
    if not finite.any():
        raise CryoAIError(
            "holds no finite pixel (all are NaN or infinite)",
            path=path,
            remedy="Repeat the motion correction of this micrograph, or leave it out",
        )
    return np.where(finite, pixels, np.median(pixels[finite]).astype(pixels.dtype))
