"""Selections among the particles of a latent space, as a file of our own (`selections.npz`).

It holds one bit for each particle and selection, and a digest of the particles themselves: a
selection is never laid over others.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError, naming
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.core.selection_set import SelectionSet
from napari_cryoai.io.atomic import replacing
from napari_cryoai.io.guards import check_readable

MOST = 1000
"""Named selections that a file may hold: more is a broken or hostile one."""


def write_selections(
    path: str | PathLike[str], selections: SelectionSet, table: LatentTable
) -> None:
    """Write the selections among the particles of a table."""
    if selections.n != len(table):
        raise ValueError(f"selections among {selections.n} particles, not {len(table)}")
    rows = [selections.bits, *selections.named.values()]
    with replacing(path) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            particles=np.int64(selections.n),
            digest=np.array(_digest(table)),
            names=np.array(list(selections.named), np.str_),
            bits=np.stack([np.frombuffer(row, np.uint8) for row in rows]),
        )


def read_selections(path: str | PathLike[str], table: LatentTable) -> SelectionSet:
    """Read the selections among the particles of a table.

    Raises
    ------
    CryoAIError
        If the file is none of ours, damaged, or about other particles.
    """
    path = check_readable(path)
    try:
        _check_sizes(path, len(table))
        with np.load(path, allow_pickle=False) as file:
            count, digest = int(file["particles"]), str(file["digest"])
            names, bits = file["names"], file["bits"]
    except (KeyError, ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error):
        raise _foreign(path) from None
    if count != len(table) or digest != _digest(table):
        raise CryoAIError(
            "holds selections among other particles",
            path=path,
            remedy="Open the latent space that it was made with",
        )
    return _checked(path, count, names, bits)


def _checked(path: Path, n: int, names: NDArray[np.str_], bits: NDArray[np.uint8]) -> SelectionSet:
    """Names are checked as if the user gave them."""
    right = names.ndim == 1 and names.dtype.kind == "U" and bits.dtype == np.uint8
    if not right or bits.shape != (len(names) + 1, -(-n // 8)):
        raise _foreign(path)
    found = SelectionSet.empty(n)
    with naming(path):
        for name, row in zip(names.tolist(), bits[1:], strict=True):
            found = SelectionSet(n, _ended(row, n), found.named).keep(name)
    return SelectionSet(n, _ended(bits[0], n), found.named)


def _ended(row: NDArray[np.uint8], n: int) -> bytes:
    """With the bits beyond the last particle 0."""
    return np.packbits(np.unpackbits(row, count=n)).tobytes()


def _check_sizes(path: Path, n: int) -> None:
    """Before memory is asked for: a small file may claim to unpack to a huge one."""
    most = 65_536 + (MOST + 1) * -(-n // 8) + MOST * 400 * 4
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > most:
            raise ValueError("larger than any of ours")


def _digest(table: LatentTable) -> str:
    """Of which particles there are, and in which order."""
    digest = hashlib.sha256(np.ascontiguousarray(table.rows, "<i8").tobytes())
    digest.update("\n".join(table.names.tolist()).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _foreign(path: Path) -> CryoAIError:
    return CryoAIError(
        "is not a file of selections, or is damaged",
        path=path,
        remedy="Choose the selections.npz beside the latent space",
    )
