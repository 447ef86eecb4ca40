"""Images by name, `000012@stack.mrcs`: found, checked by their header, read when asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.mrc import PACKED, MrcHeader, read_header

Ints = NDArray[np.int64]

_NAME = re.compile(r"(?:(\d+)@)?(.+)", re.DOTALL)
_LEVELS = 3
"""RELION's files lie two or three folders below the project: `Refine3D/job004/run_data.star`."""


@dataclass(frozen=True)
class StackFile:
    """An MRC file of images: where it is, how the file that named it spells it, its header."""

    path: Path
    said: str
    header: MrcHeader


@dataclass(frozen=True, eq=False)
class StackedImages:
    """Images in MRC stacks; nothing but what is asked for is ever in memory.

    Attributes
    ----------
    files
        The stacks.
    file, section
        `(n,)`: which of the files an image is in, and its number there, counted from 0.
    sign
        `(n,)` int8: -1 for images whose density is dark, which are inverted as they are read.
    """

    files: tuple[StackFile, ...]
    file: Ints
    section: Ints
    sign: NDArray[np.int8]

    @property
    def box_size_px(self) -> int:
        return self.files[0].header.shape[2] if self.files else 0

    def __len__(self) -> int:
        return len(self.file)

    def take(self, indices: NDArray[Any]) -> StackedImages:
        return replace(
            self,
            file=self.file[indices],
            section=self.section[indices],
            sign=self.sign[indices],
        )

    def read(self, indices: NDArray[Any]) -> NDArray[np.float32]:
        indices = np.atleast_1d(indices)
        file, section = self.file[indices], self.section[indices]
        n = self.box_size_px
        images = np.empty((len(indices), n, n), np.float32)
        order = np.lexsort((section, file))
        for rows in _by_file(order, file):
            source = self.files[file[rows[0]]]
            with np.errstate(invalid="ignore"):
                _read_sections(source, section[rows], rows, images)
        _check_finite(images, lambda i: (self.files[file[i]].path, section[i], indices[i]))
        if (self.sign[indices] < 0).any():
            images *= self.sign[indices, None, None]
        return images

    def names(self) -> list[str]:
        said = [file.said for file in self.files]
        pairs = zip(self.file.tolist(), (self.section + 1).tolist(), strict=True)
        return [f"{number:06d}@{said[file]}" for file, number in pairs]

    def renamed(self, said: Sequence[str]) -> StackedImages:
        """The same images in files that are spelt otherwise."""
        pairs = zip(self.files, said, strict=True)
        return replace(self, files=tuple(replace(file, said=name) for file, name in pairs))


@dataclass(frozen=True, eq=False)
class AbsentImages:
    """Images that are only talked about: for metadata without the stacks."""

    said: NDArray[np.object_]
    box_size_px: int
    path: Path

    def __len__(self) -> int:
        return len(self.said)

    def take(self, indices: NDArray[Any]) -> AbsentImages:
        return replace(self, said=self.said[indices])

    def read(self, indices: NDArray[Any]) -> NDArray[np.float32]:
        raise CryoAIError(
            "was read without its images", path=self.path, remedy="Read it with its images"
        )

    def names(self) -> list[str]:
        names: list[str] = self.said.tolist()
        return names


def open_images(
    names: Sequence[str],
    origin: Path,
    *,
    root: Path | None = None,
    sign: NDArray[np.int8] | None = None,
) -> StackedImages:
    """Find the images of these names, and check that they are there.

    Parameters
    ----------
    names
        `NNN@path`; a path alone means the first image.
    origin
        The file that names them, for relative paths and messages.
    root
        Folder that paths are relative to; see `locate`.
    sign
        See `StackedImages`.

    Raises
    ------
    CryoAIError
        If a file is missing, of another kind or too short, or the images differ in size.
    """
    said: dict[str, int] = {}
    file, section = np.empty((2, len(names)), np.int64)
    for row, name in enumerate(names):
        match = _NAME.fullmatch(name)
        if match is None:
            raise CryoAIError(f"row {row + 1} names no image", path=origin, remedy=_MOVE)
        file[row] = said.setdefault(match[2], len(said))
        section[row] = min(int(match[1] or 1), 1 << 40) - 1
    files = _open_files(list(said), file, origin, root)
    _check_sections(files, file, section, origin)
    if sign is None:
        sign = np.ones(len(names), np.int8)
    return StackedImages(files, file, section, sign)


def open_stacks(paths: Sequence[Path], said: Sequence[str], *, sign: int = 1) -> StackedImages:
    """All images of these stacks, one stack after the other.

    Parameters
    ----------
    paths
        MRC files of square images.
    said
        How to name each.
    sign
        -1 if their density is dark.

    Raises
    ------
    CryoAIError
        If a file is of another kind, or the images differ in size.
    """
    files = tuple(
        StackFile(path, name, _stack_header(path)) for path, name in zip(paths, said, strict=True)
    )
    counts = [file.header.shape[0] for file in files]
    file = np.repeat(np.arange(len(files), dtype=np.int64), counts)
    section = np.concatenate([np.arange(count, dtype=np.int64) for count in counts])
    _check_sections(files, file, section, paths[0])
    return StackedImages(files, file, section, np.full(len(file), sign, np.int8))


def locate(name: str, origin: Path, *, root: Path | None = None) -> Path | None:
    """The file that a path in another file means; None if it is not there.

    Such paths come from a file that anybody may have written, so they are followed only inside the
    project: a `root` that the user named, else the folder of the file, one of the three above it,
    or the working folder. Links that lead out of it count as outside unless the user named `root`.

    Raises
    ------
    CryoAIError
        If the path leads outside.
    """
    posix = PurePosixPath(name.replace("\\", "/"))
    absolute = posix.is_absolute() or bool(PureWindowsPath(name).drive)
    if ".." in posix.parts or (absolute and root is None) or "\0" in name:
        raise _outside(name, origin)
    if absolute:
        file = Path(name)
        if root is None or not file.is_relative_to(root.absolute()):
            raise _outside(name, origin)
        return file if file.is_file() else None
    for folder, ending in _candidates(posix, origin, root):
        file = folder / ending
        if file.is_file():
            if root is None and not file.resolve().is_relative_to(folder.resolve()):
                raise _outside(name, origin, " is a link that leads there")
            return file
    return None


def locate_image(name: str, origin: Path) -> Path | None:
    """The file of an image that may be one of a stack, named as `open_micrograph` wants it."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    file = locate(match[2], origin)
    if file is None or match[1] is None:
        return file
    return file.with_name(f"{match[1]}@{file.name}")


def spelling(file: Path, origin: Path) -> str:
    """How `origin` can name `file` so that `locate` finds it.

    Relative to the working folder where that is above it, as in a RELION project.
    """
    target = file.absolute()
    for folder in (Path.cwd(), origin.absolute().parent):
        if target.is_relative_to(folder):
            return target.relative_to(folder).as_posix()
    return target.as_posix()


_MOVE = "Copy the whole job folder with its stacks, or name the project's folder (--root)"


def _candidates(
    name: PurePosixPath, origin: Path, root: Path | None
) -> Iterator[tuple[Path, PurePosixPath]]:
    """Folders, and what to look for in them."""
    beside = origin.absolute().parent
    folders = (beside, *beside.parents[:_LEVELS], Path.cwd()) if root is None else (root,)
    yield from ((folder, name) for folder in folders)
    for start in range(1, len(name.parts)):
        yield beside, PurePosixPath(*name.parts[start:])


def _outside(name: str, origin: Path, how: str = "") -> CryoAIError:
    return CryoAIError(
        f"names a file outside its project: '{name[:100]}'{how}",
        path=origin,
        remedy="Name the folder that holds both (--root), or write paths relative to the project",
    )


def _open_files(
    said: Sequence[str], file: Ints, origin: Path, root: Path | None
) -> tuple[StackFile, ...]:
    found = [locate(name, origin, root=root) for name in said]
    missing = [i for i, path in enumerate(found) if path is None]
    if missing:
        rows = np.flatnonzero(np.isin(file, missing))
        raise CryoAIError(
            f"the images of {len(rows):,} of {len(file):,} particles are missing: there is no "
            f"'{said[missing[0]][:100]}' (row {rows[0] + 1})",
            path=origin,
            remedy=_MOVE,
        )
    if len(set(found)) < len({PurePosixPath(name) for name in said}):
        raise CryoAIError(
            "names several stacks that are one file where it lies now",
            path=origin,
            remedy=_MOVE,
        )
    return tuple(
        StackFile(path, name, _stack_header(path))
        for path, name in zip(found, said, strict=True)
        if path is not None
    )


def _stack_header(path: Path) -> MrcHeader:
    header = read_header(path)
    _, ny, nx = header.shape
    if ny != nx or header.mode == PACKED or path.suffix.lower() in (".gz", ".bz2"):
        problem = f"holds images of {nx} x {ny} pixels, and particle images are square"
        if ny == nx:
            problem = "is compressed: particles are read here and there from a stack"
        raise CryoAIError(
            problem, path=path, remedy="Choose an uncompressed MRC stack of particle images"
        )
    return header


def _check_sections(files: Sequence[StackFile], file: Ints, section: Ints, origin: Path) -> None:
    held = np.array([f.header.shape[0] for f in files], np.int64)[file]
    bad = (section >= held) | (section < 0)
    if bad.any():
        row = int(np.argmax(bad))
        raise CryoAIError(
            f"row {row + 1} names image {section[row] + 1} of '{files[file[row]].path.name}', "
            f"which holds {held[row]} ({bad.sum():,} rows have no image)",
            path=origin,
            remedy="Copy the stack again if it is shorter than it was; images are counted from 1",
        )
    sizes = sorted({f.header.shape[2] for f in files})
    if len(sizes) > 1:
        raise CryoAIError(
            f"names images of several box sizes ({', '.join(map(str, sizes[:4]))} pixels)",
            path=origin,
            remedy="Use one box size at a time, or extract the particles again",
        )


def _by_file(order: Ints, file: Ints) -> list[Ints]:
    cuts = np.flatnonzero(np.diff(file[order])) + 1
    return np.split(order, cuts) if len(order) else []


def _read_sections(
    source: StackFile, sections: Ints, rows: Ints, images: NDArray[np.float32]
) -> None:
    """Put images of one file, which are sorted, into their rows; neighbours are read together.

    Plain reads rather than a memory map: what was read once does not stay in the process, and a
    file that was cut off meanwhile ends in an error and not in a crash.
    """
    header, shape = source.header, images.shape[1:]
    cuts = np.flatnonzero(np.diff(sections) != 1) + 1
    try:
        with source.path.open("rb", buffering=0) as file:
            for run in np.split(np.arange(len(sections)), cuts):
                file.seek(header.offset + int(sections[run[0]]) * header.section_bytes)
                raw = np.fromfile(file, header.dtype, len(run) * shape[0] * shape[1])
                images[rows[run]] = raw.reshape(len(run), *shape)
    except (OSError, ValueError) as error:
        raise CryoAIError(
            f"cannot be read any more ({error})",
            path=source.path,
            remedy="Check that the file is still there and whole",
        ) from None


def _check_finite(images: NDArray[np.float32], place: Any) -> None:
    # One sum an image finds them: it stays finite only if every pixel is.
    with np.errstate(invalid="ignore", over="ignore"):
        bad = ~np.isfinite(images.sum((1, 2), dtype=np.float64))
    if bad.any():
        path, section, row = place(int(np.argmax(bad)))
        raise CryoAIError(
            f"image {section + 1} holds values that are not finite (NaN or infinite); it is that "
            f"of particle {row + 1}",
            path=path,
            remedy="Leave that particle out, or extract it again",
        )


def header_pixel_sizes(images: object) -> NDArray[np.float64]:
    """`(n,)` what the headers of the stacks say; NaN where nothing, or 1.0, was put."""
    if not isinstance(images, StackedImages):
        return np.array([np.nan])
    sizes = [f.header.pixel_size_A for f in images.files]
    return np.array([np.nan if s is None or s == 1.0 else s for s in sizes])[images.file]


def same_image(a: str, b: str) -> bool:
    """Whether two names are of the same image: `3@a.mrcs` and `000003@a.mrcs` are."""
    first, second = _NAME.fullmatch(a), _NAME.fullmatch(b)
    if first is None or second is None:
        return False
    return first[2] == second[2] and int(first[1] or 1) == int(second[1] or 1)
