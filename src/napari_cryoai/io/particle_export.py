"""Chosen particles as a file that refers to the originals: their rows, nothing changed in them.

Documented in `docs/formats/particles.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.image_stacks import same_image
from napari_cryoai.io.indices import INDEX_FILES, read_indices, write_indices
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.io.particle_origin import rows_in_original
from napari_cryoai.io.particle_stacks import write_particles
from napari_cryoai.io.particle_tables import CS, STAR, ParticleTable, open_table

AnyPath = str | PathLike[str]
Rows = NDArray[np.int64]

OUTPUTS = (STAR, CS, *INDEX_FILES)
"""Endings of what can be written."""


def export_particles(
    source: AnyPath | ParticleFiles,
    rows: NDArray[Any],
    names: Sequence[str] | NDArray[np.str_],
    output: AnyPath,
    *,
    root: AnyPath | None = None,
    original: AnyPath | None = None,
) -> int:
    """Write chosen particles, sure to be those that were chosen.

    Parameters
    ----------
    source
        The file that the particles were read from.
    rows
        `(n,)`, their rows in it, counted from 0.
    names
        `(n,)`, `NNN@path` of their images as they were read: what the rows must still say.
    output
        `.star` or `.cs`: the rows of the source with all their columns, token for token.
        `.pkl`, `.npz`, `.npy`, `.txt`, `.ind`: their numbers; see `io.indices`.
    root
        Folder that the paths in the source are relative to.
    original
        The file of the particles that those of the source were made from, by binning say: its
        rows are written instead. See `io.particle_origin`.

    Returns
    -------
    count
        Of the particles in the file, which has been read again.

    Raises
    ------
    CryoAIError
        If no particle is chosen; if the source has others in these rows than it had; if it cannot
        be written in the form of the ending.
    """
    output = Path(output)
    folder = None if root is None else Path(root)
    files = (
        source if isinstance(source, ParticleFiles) else ParticleFiles(Path(source), root=folder)
    )
    _check_output(output, files, original)
    rows, chosen = np.asarray(rows, np.int64), [str(name) for name in names]
    if not len(rows):
        raise CryoAIError("no particle is chosen", remedy="Choose at least one")
    table = open_table(files)
    check_identity(table, rows, chosen)
    if original is not None:
        files = ParticleFiles(Path(original), root=folder)
        first = open_table(files)
        rows = rows_in_original(table, rows, first)
        every = first.names()
        table, chosen = first, [every[row] for row in rows.tolist()]
    _write(table, files, rows, chosen, output)
    return _count_again(output, rows, chosen)


def check_identity(table: ParticleTable, rows: Rows, names: Sequence[str]) -> None:
    """Refuse a file whose rows have other images than they had when they were read.

    Raises
    ------
    CryoAIError
        Naming the first row that differs, what it was, what it is, and where that went.
    """
    now = table.names()
    if len(rows) != len(names):
        raise ValueError(f"{len(rows)} rows and {len(names)} names")
    beyond = rows >= len(now)
    if beyond.any():
        raise CryoAIError(
            f"has {len(now):,} particles, and row {int(rows.max()) + 1:,} was chosen "
            f"({int(beyond.sum()):,} of {len(rows):,} are beyond its end)",
            path=table.path,
            remedy=_SAME_FILE,
        )
    found = [now[row] for row in rows.tolist()]
    wrong = [i for i, pair in enumerate(zip(found, names, strict=True)) if _differ(*pair)]
    if not wrong:
        return
    first = wrong[0]
    elsewhere = next((i for i, name in enumerate(now) if not _differ(name, names[first])), None)
    went = "is not in it" if elsewhere is None else f"is in row {elsewhere + 1:,} now"
    raise CryoAIError(
        f"has other particles than when it was read: row {int(rows[first]) + 1:,} is "
        f"'{found[first][:100]}', and it was '{names[first][:100]}', which {went} "
        f"({len(wrong):,} of {len(rows):,} chosen rows differ)",
        path=table.path,
        remedy=_SAME_FILE,
    )


_SAME_FILE = "Name the very file that was read (--particles), in its order and whole"


def _differ(a: str, b: str) -> bool:
    return a != b and not same_image(a, b)


def _last_parts(names: Sequence[str]) -> list[str]:
    """`NNN@stack.mrcs`, without folders."""
    split = (name.rpartition("@") for name in names)
    return [f"{number}{at}{path.rpartition('/')[2]}" for number, at, path in split]


def _check_output(output: Path, files: ParticleFiles, original: AnyPath | None) -> None:
    if output.suffix.lower() not in OUTPUTS:
        raise CryoAIError(
            "has no ending of a file of particles",
            path=output,
            remedy=f"Name it {', '.join(OUTPUTS)}",
        )
    inputs = [files.particles, files.indices, original]
    taken = {Path(path).resolve() for path in inputs if path is not None}
    if output.resolve() in taken:
        raise CryoAIError(
            "is the file that the particles are from", path=output, remedy="Give another --output"
        )


def _write(
    table: ParticleTable, files: ParticleFiles, rows: Rows, names: Sequence[str], output: Path
) -> None:
    ending = output.suffix.lower()
    if ending in INDEX_FILES:
        write_indices(output, rows, names)
    elif ending == table.ending:
        table.write(rows, output)
    elif ending == STAR:
        stack = files.read()
        order = np.argsort(own := files.rows(len(stack)))
        write_particles(stack.select(order[np.searchsorted(own, rows, sorter=order)]), output)
    else:
        raise CryoAIError(
            f"cannot be made of '{table.path.name}', which is no .cs file",
            path=output,
            remedy="Write a .star file, which cryoSPARC imports, or name the .cs file that the "
            "particles came from (--original)",
        )


def _count_again(output: Path, rows: Rows, names: Sequence[str]) -> int:
    """How many particles the file has, which must be those."""
    if output.suffix.lower() in INDEX_FILES:
        numbers = read_indices(output)
        count, same = len(numbers), np.array_equal(numbers, rows)
    else:
        # A STAR file made of another kind of file says where images lie from where it is itself.
        found, chosen = map(_last_parts, (open_table(ParticleFiles(output)).names(), names))
        count, same = len(found), not any(map(_differ, found, chosen))
    if count != len(names) or not same:
        raise CryoAIError(
            f"holds {count:,} particles after it was written, which are not the "
            f"{len(names):,} that were chosen",
            path=output,
            remedy="Write to another disk, and report this if it stays so",
        )
    return count
