"""Picks of any format: which reader, which writer, which files."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, concatenate
from napari_cryoai.io.formats import (
    FORMATS,
    Output,
    PickFormat,
    detect,
    format_named,
    of_ending,
    unknown_format,
)
from napari_cryoai.io.guards import check_readable
from napari_cryoai.io.names import safe_stems

__all__ = ["FORMATS", "PickFormat", "detect", "format_named", "read_picks", "write_picks"]

AnyPath = str | PathLike[str]

_STAR_OF_ONE = ("_manualpick.star", "_autopick.star", "_topazpick.star", "_pick.star")
"""How RELION's files of one micrograph end; the list of them lacks the underscore."""


def read_picks(
    path: AnyPath,
    *,
    micrographs: Sequence[Micrograph] = (),
    format: str | None = None,  # noqa: A002 - the word that users know
) -> PickTable:
    """Read picks of any format.

    Parameters
    ----------
    path
        A file, or a folder of files of one micrograph each.
    micrographs
        Those at hand: the names in the file are matched to theirs. Picks of other micrographs
        keep the name that the file has for them, see `names.unmatched_names`.
    format
        Name of a format; None to tell by the ending and the content.

    Returns
    -------
    picks
        Centres in pixels of the micrograph; all columns of the file are kept for the way back.

    Raises
    ------
    CryoAIError
        If the file cannot be read, or belongs to other micrographs altogether.
    """
    path = Path(path)
    if path.is_dir():
        return concatenate(
            read_picks(file, micrographs=micrographs, format=format)
            for file in _pick_files(path, format)
        )
    check_readable(path)
    chosen = format_named(format) if format else detect(path)
    return chosen.read(path, micrographs)


def write_picks(
    table: PickTable,
    path: AnyPath,
    *,
    micrographs: Sequence[Micrograph] = (),
    format: str | None = None,  # noqa: A002 - the word that users know
    box_size_px: float | None = None,
    full: bool = False,
) -> list[Path]:
    """Write exactly the given rows, in any format.

    Parameters
    ----------
    table
        Select the rows first (`core.filters.shown`): the writer leaves none out.
    path
        The file. In a format of one file for each micrograph, and with picks of several, the
        files go into a folder of that name without its ending.
    micrographs
        For pixel sizes and shapes.
    format
        Name of a format; None to tell by the ending.
    box_size_px
        Side of the boxes, for `.box` and `.cbox`; the picks' own box or diameter if not given.
    full
        Add our own columns (source, state, junk flag, diameter), where the format has room.

    Returns
    -------
    paths
        The files that were written.

    Raises
    ------
    CryoAIError
        If the format cannot be told or needs what is not known.
    """
    path = Path(path)
    chosen = format_named(format) if format else _by_suffix(path)
    try:
        return _write(table, path, chosen, Output(micrographs, box_size_px, full))
    except OSError as error:
        raise CryoAIError(
            f"cannot be written ({error.strerror or error})",
            path=path,
            remedy="Choose another folder, or make room and ask for the right to write there",
        ) from None


def _write(table: PickTable, path: Path, chosen: PickFormat, output: Output) -> list[Path]:
    if not chosen.per_micrograph:
        return chosen.write(table, path, output)
    with_rows = tuple(name for name, count in table.counts().items() if count)
    if path.suffix and len(with_rows) < 2:
        only = with_rows or table.names[:1] or ("",)
        return chosen.write(table.of(only[0]), path, output)
    folder = path.with_suffix("") if path.suffix else path
    written: list[Path] = []
    for name, stem in zip(with_rows, safe_stems(with_rows), strict=True):
        file = folder / f"{stem}{chosen.suffixes[0]}"
        written += chosen.write(table.of(name), file, output)
    return written


def _by_suffix(path: Path) -> PickFormat:
    if known := of_ending(path):
        return known
    raise unknown_format(path)


def _pick_files(folder: Path, name: str | None) -> list[Path]:
    """Files of one micrograph each in a folder; empty ones, of micrographs without picks, not."""
    formats = [format_named(name)] if name else [f for f in FORMATS if f.per_micrograph]
    suffixes = tuple(suffix for known in formats for suffix in known.suffixes)
    suffixes += () if name else (*_STAR_OF_ONE, ".csv")
    files = [f for f in sorted(folder.iterdir()) if f.name.lower().endswith(suffixes)]
    files = [f for f in files if f.is_file() and f.stat().st_size]
    if not files:
        raise CryoAIError(
            "the folder holds no files of picks",
            path=folder,
            remedy=f"Choose one with files that end in {', '.join(suffixes)}, or a single file",
        )
    return files
