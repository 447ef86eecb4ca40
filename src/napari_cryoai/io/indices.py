"""Lists of particles by number, counted from 0: cryoDRGN's `ind.pkl`, numpy's files, text."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.atomic import replacing, write_text
from napari_cryoai.io.guards import check_readable, read_text
from napari_cryoai.io.plain_pickle import read_pickles

AnyPath = str | PathLike[str]
Ints = NDArray[np.int64]

PICKLE, ARRAYS, ARRAY, TEXTS = ".pkl", ".npz", ".npy", (".txt", ".ind")
INDEX_FILES = (PICKLE, ARRAYS, ARRAY, *TEXTS)
_ROWS, _NAMES = "rows", "names"


def read_indices(path: AnyPath, count: int | None = None) -> Ints:
    """`(m,)` numbers of particles, each at most once.

    Parameters
    ----------
    path
        `.pkl` (an array or a list), `.npz` as `write_indices` writes it, `.npy`, or text with one
        number a line. An array of true and false for all particles is as good.
    count
        How many particles there are.

    Raises
    ------
    CryoAIError
        If it holds something else, a number that no particle has, or one twice.
    """
    path = check_readable(path)
    found = np.asarray(_READERS.get(path.suffix.lower(), _read_text)(path))
    if found.dtype == np.bool_ and found.ndim == 1:
        if count is not None and len(found) != count:
            raise _wrong(f"tells of {len(found):,} particles, and there are {count:,}", path)
        return np.flatnonzero(found).astype(np.int64)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        raise _wrong("holds no list of whole numbers", path)
    rows = found.astype(np.int64)
    bad = (rows < 0) | (rows >= (count if count is not None else 1 << 62))
    if bad.any():
        first = int(rows[np.argmax(bad)])
        raise _wrong(f"names particle {first:,}, counted from 0, of {count:,}", path)
    if len(np.unique(rows)) < len(rows):
        raise _wrong("names a particle twice", path)
    return rows


def write_indices(path: AnyPath, rows: NDArray[Any], names: Sequence[str] | None = None) -> None:
    """Write numbers of particles, in the form of the ending; `.npz` has room for names too.

    Raises
    ------
    CryoAIError
        If the ending is none of `INDEX_FILES`.
    """
    path, rows = Path(path), np.asarray(rows, np.int64)
    ending = path.suffix.lower()
    if ending not in INDEX_FILES:
        raise CryoAIError(
            "has no ending of a list of particles",
            path=path,
            remedy=f"Name it {', '.join(INDEX_FILES)}",
        )
    if ending in TEXTS:
        write_text(path, "".join(f"{row}\n" for row in rows.tolist()))
        return
    with replacing(path) as part, part.open("wb") as file:
        if ending == ARRAYS:
            file.write(_archive(rows, names))
        elif ending == ARRAY:
            np.save(file, rows)
        else:
            file.write(pickle.dumps(rows, protocol=4))


def _archive(rows: Ints, names: Sequence[str] | None) -> bytes:
    arrays: dict[str, NDArray[Any]] = {_ROWS: rows}
    if names is not None:
        arrays[_NAMES] = np.asarray(names, np.str_)
    written = io.BytesIO()
    np.savez_compressed(written, allow_pickle=False, **arrays)
    return written.getvalue()


def _read_pickle(path: Path) -> Any:
    values = read_pickles(path)
    plain = [v for v in values if isinstance(v, (np.ndarray, list, tuple))]
    if len(values) != 1 or not plain:
        raise _wrong("holds no list of whole numbers", path)
    return _as_array(plain[0], path)


def _read_numpy(path: Path) -> Any:
    try:
        found = np.load(path, allow_pickle=False)
        return found[_ROWS] if isinstance(found, np.lib.npyio.NpzFile) else found
    except (KeyError, ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile):
        raise _wrong(f"holds no array of numbers ('{_ROWS}' in an .npz)", path) from None


def _read_text(path: Path) -> Any:
    return _as_array(read_text(path).split(), path)


def _as_array(values: Any, path: Path) -> NDArray[Any]:
    if isinstance(values, np.ndarray):
        return values
    try:
        return np.array([int(value) for value in values], np.int64)
    except (ValueError, TypeError, OverflowError):
        raise _wrong("holds something that is no whole number", path) from None


_READERS = {PICKLE: _read_pickle, ARRAYS: _read_numpy, ARRAY: _read_numpy}


def _wrong(problem: str, path: Path) -> CryoAIError:
    return CryoAIError(
        problem,
        path=path,
        remedy="Choose the list of numbers, counted from 0, that was made for these particles",
    )
