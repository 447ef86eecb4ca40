"""Checks that every reader makes before it trusts a file."""

from __future__ import annotations

import os
from pathlib import Path

from napari_cryoai.core.errors import CryoAIError

MAX_IMAGE_PX = 400_000_000
"""Largest image we open: four times the largest camera. More is a broken or hostile header."""


def check_readable(path: str | os.PathLike[str]) -> Path:
    """The path, if there is a file of at least one byte that we may read."""
    path = Path(path)
    try:
        exists, is_folder = path.exists(), path.is_dir()
    except (OSError, ValueError):
        exists, is_folder = False, False
    if not exists:
        raise CryoAIError("there is no such file", path=path, remedy="Check the path's spelling")
    if is_folder:
        raise CryoAIError("is a folder", path=path, remedy="Name a file inside it")
    if not os.access(path, os.R_OK):
        raise CryoAIError(
            "may not be read", path=path, remedy="Ask its owner for the permission to read it"
        )
    if path.stat().st_size == 0:
        raise CryoAIError("is empty", path=path, remedy="Copy or download the file again")
    return path


def read_text(path: str | os.PathLike[str], *, limit_bytes: int = 1 << 31) -> str:
    """A whole text file, without its byte-order mark and with plain line ends."""
    path = check_readable(path)
    size = path.stat().st_size
    if size > limit_bytes:
        raise CryoAIError(
            f"is too big for a text file of this kind ({size / 2**30:.1f} GiB)",
            path=path,
            remedy="Split it into one file per micrograph",
        )
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise CryoAIError(
            "is not a text file (UTF-8)",
            path=path,
            remedy="Check that it is the file you meant, or save it as UTF-8 text",
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_size(shape: tuple[int, int], path: Path) -> None:
    """Refuse an image that no camera takes, before memory is asked for."""
    ny, nx = shape
    if ny < 1 or nx < 1:
        raise CryoAIError(
            f"holds an image of {nx} x {ny} pixels",
            path=path,
            remedy="Copy or export the file again",
        )
    if ny * nx > MAX_IMAGE_PX:
        raise CryoAIError(
            f"claims an image of {nx} x {ny} pixels, more than any camera takes",
            path=path,
            remedy="Check that the file is a micrograph and whole",
        )


def believable_pixel_size(pixel_size_A: float, longest_side_px: int) -> float | None:
    """The pixel size, or None where a program wrote a number because it had to write one.

    That is 0, anything outside 0.1 to 50 Angstrom, and exactly 1 for an image of a whole camera.
    """
    if not 0.1 <= pixel_size_A <= 50:
        return None
    return None if pixel_size_A == 1.0 and longest_side_px >= 2048 else pixel_size_A


def check_writable(folder: str | os.PathLike[str]) -> None:
    """Refuse a folder that no results can be put into, before there are any.

    It need not exist, and is not made.

    Raises
    ------
    CryoAIError
        If it is a file, lies below one, or may not be written to.
    """
    folder = Path(folder)
    above = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        return
    reason = "may not be written to" if above.is_dir() else "is a file"
    raise CryoAIError(
        f"cannot be written to: '{above}' {reason}",
        path=folder,
        remedy="Give another folder with --output",
    )
