"""RELION 4's `data_coordinate_files`: a list of micrographs, each with the file of its picks.

The paths in it come from a file that anybody may have written: they are followed only inside the
project, which is the folder of the list or one above it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, StarTable, concatenate
from napari_cryoai.io import relion
from napari_cryoai.io.names import resolve_names, safe_stems
from napari_cryoai.io.star import quoted, unquoted, write_star

BLOCK = "coordinate_files"
_FILE = "rlnMicrographCoordinates"
_LEVELS = 3
"""RELION's lists lie two folders below the project: `ManualPick/job004/manualpick.star`."""


def read(
    table: StarTable,
    path: Path,
    micrographs: Sequence[Micrograph],
    read_one: Callable[[Path, Sequence[Micrograph]], PickTable],
) -> PickTable:
    """Read all files that the list names, by `read_one`."""
    if relion.NAME not in table or _FILE not in table:
        raise CryoAIError(
            f"the list of coordinate files lacks _{relion.NAME} or _{_FILE}",
            path=path,
            remedy="Choose the manualpick.star or autopick.star that RELION wrote",
        )
    foreign = [unquoted(token) for token in table[relion.NAME]]
    names = resolve_names(list(dict.fromkeys(foreign)), micrographs, path)
    tables = []
    for name, token, file in zip(foreign, table[relion.NAME], table[_FILE], strict=True):
        own = [m for m in micrographs if m.name == names[name]]
        picks = replace(read_one(_inside(unquoted(file), path), own), names=(names[name],))
        column = np.full(len(picks), token, object)
        tables.append(replace(picks, extra={**picks.extra, relion.NAME: column}))
    return concatenate(tables)


def write(picks: PickTable, path: Path, *, stems: Sequence[str] | None = None) -> list[Path]:
    """Write the list to `path`, and beside it one file of picks for each micrograph."""
    written: list[Path] = []
    entries: list[tuple[str, str]] = []
    root = _project_root(path)
    for name, stem in zip(picks.names, stems or safe_stems(picks.names), strict=True):
        own = picks.of(name)
        file = path.with_name(f"{stem}_pick.star")
        write_star(file, relion.coordinate_blocks(own))
        token = own.extra.get(relion.NAME, np.array([""], object))[:1]
        entries.append((token[0] if len(token) and token[0] else quoted(name), _below(file, root)))
        written.append(file)
    columns = tuple(zip(*entries, strict=True)) or ((), ())
    write_star(path, {BLOCK: {relion.NAME: columns[0], _FILE: columns[1]}})
    return [path, *written]


def _inside(name: str, index: Path) -> Path:
    """The file of that name in the project that the list belongs to; never one outside."""
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive or ".." in _parts(name):
        raise CryoAIError(
            f"names a file outside its project: '{name[:100]}'",
            path=index,
            remedy="Write the path relative to the project's folder, without '..'",
        )
    folder = index.resolve().parent
    for root in (folder, *folder.parents[:_LEVELS]):
        file = root / name
        if file.is_file() and file.resolve().is_relative_to(root):
            return file
    raise CryoAIError(
        f"names a file of coordinates that is not in the project: '{name[:100]}'",
        path=index,
        remedy="Copy the whole job folder, with the coordinate files beside the list",
    )


def _parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(name.replace("\\", "/")).parts


def _project_root(path: Path) -> Path:
    """The RELION project that a file lies in, or else its folder."""
    folder = path.resolve().parent
    for root in (folder, *folder.parents[:_LEVELS]):
        if (root / "default_pipeline.star").is_file():
            return root
    return folder


def _below(file: Path, root: Path) -> str:
    return quoted(file.resolve().relative_to(root).as_posix())
