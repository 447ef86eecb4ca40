"""cryoSPARC's `.cs` files: a numpy table whose picks are fractions of the micrograph, y upwards.

Documented in `docs/formats/cryosparc.md`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.atomic import replacing
from napari_cryoai.io.columns import Floats, blank, centres
from napari_cryoai.io.guards import check_readable
from napari_cryoai.io.names import assign

ROW = "cryosparc:row"
"""Foreign column: the bytes of the row as it was read, in hexadecimal digits, after a mark."""

_DTYPE = "cryosparc:dtype"
_PATH, _SHAPE = "location/micrograph_path", "location/micrograph_shape"
_X, _Y = "location/center_x_frac", "location/center_y_frac"
_SCORE, _UID = "pick_stats/ncc_score", "uid"
_PIXEL_SIZE, _MICROGRAPH_UID = "location/micrograph_psize_A", "location/micrograph_uid"
_NEEDED = (_PATH, _SHAPE, _X, _Y)
_BROKEN = (
    *(OSError, EOFError, ValueError, TypeError, SyntaxError),
    *(TokenError, MemoryError, RecursionError),
)
"""What numpy raises on headers that are cut off, damaged or hostile."""
_OWN_DTYPE = np.dtype(
    [
        (_UID, "<u8"),
        (_MICROGRAPH_UID, "<u8"),
        ("location/exp_group_id", "<u4"),
        (_PATH, "S1"),
        (_SHAPE, "<u4", (2,)),
        (_X, "<f4"),
        (_Y, "<f4"),
        (_PIXEL_SIZE, "<f4"),
        (_SCORE, "<f4"),
    ]
)
"""What cryoSPARC's own pickers write, for picks that come from elsewhere."""


def read(path: Path, micrographs: Sequence[Micrograph]) -> PickTable:
    """Read the picks of a `.cs` file; every other field is kept for the way back."""
    table = read_cs(path)
    missing = [field for field in _NEEDED if field not in (table.dtype.names or ())]
    if missing:
        raise CryoAIError(
            f"holds no picks: the field {missing[0]} is missing",
            path=path,
            remedy="Choose the file with the picks' locations; for an extracted or refined set "
            "that is the one with 'passthrough' in its name",
        )
    _check_fields(table, path)
    yx = centres(*from_fractions(table), path)
    mark = _mark(table.dtype)
    has_score = _SCORE in (table.dtype.names or ())
    picks = PickTable.of_points(
        "",
        yx,
        score=_float_scores(table[_SCORE]) if has_score else np.nan,
        extra={ROW: [f"{mark}{row.tobytes().hex()}" for row in table]},
        sidecar={_DTYPE: _describe(table.dtype)},
    )
    return assign(picks, [_text(value) for value in table[_PATH].tolist()], micrographs, path)


def write(picks: PickTable, path: Path, micrographs: Sequence[Micrograph]) -> None:
    """Write all picks of the table as a `.cs` file."""
    known = {m.name: m for m in micrographs}
    described = picks.sidecar.get(_DTYPE)
    read_dtype = _dtype_from(described) if described else None
    ours, rows = _rows_read(picks, read_dtype)
    strangers = set(picks.micrograph.tolist()) - set(picks.micrograph[ours].tolist())
    longest = max((len(picks.names[i].encode()) for i in strangers), default=0)
    table = np.zeros(len(picks), _wide_enough(read_dtype or _OWN_DTYPE, longest))
    table[ours] = rows.astype(table.dtype)
    _complete(table, picks, ours, known, path)
    _update(table, picks)
    with replacing(path) as part, part.open("wb") as file:
        npy.write_array(file, table, allow_pickle=False)


def read_cs(path: Path) -> NDArray[np.void]:
    """The numpy table of a `.cs` file; never unpickles, and never believes the header's size."""
    path = check_readable(path)
    try:
        with path.open("rb") as file:
            shape, dtype = _header(file)
            start = file.tell()
    except _BROKEN as error:
        raise CryoAIError(
            f"is not a cryoSPARC table that can be read ({str(error).splitlines()[0]})",
            path=path,
            remedy="Export it again from cryoSPARC, in the numpy format",
        ) from None
    if dtype.names is None or dtype.hasobject or len(shape) != 1 or dtype.itemsize == 0:
        raise CryoAIError(
            "is not a cryoSPARC table: it holds "
            + ("pickled Python objects" if dtype.hasobject else "no named fields"),
            path=path,
            remedy="Export it again from cryoSPARC; pickled objects are never loaded",
        )
    expected, size = shape[0] * dtype.itemsize, path.stat().st_size - start
    if shape[0] < 0 or size < expected:
        raise CryoAIError(
            f"is cut off: {shape[0]:,} rows take {expected:,} bytes, and it has {size:,}",
            path=path,
            remedy="Copy or export the file again",
        )
    return np.fromfile(path, dtype, shape[0], offset=start)


def _header(file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    beginning = file.read(1)
    file.seek(0)
    if beginning == b"\x94":
        raise ValueError("it is in cryoSPARC's compressed format")
    version = npy.read_magic(file)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(file, max_header_size=1 << 20)
    return shape, dtype


def _check_fields(table: NDArray[np.void], path: Path) -> None:
    right = (
        table[_PATH].dtype.kind in "SU"
        and table[_SHAPE].shape == (len(table), 2)
        and table[_SHAPE].dtype.kind in "iuf"
        and all(table[field].dtype.kind == "f" and table[field].ndim == 1 for field in (_X, _Y))
        and (table[_SHAPE] > 0).all()
    )
    if not right:
        raise CryoAIError(
            "its fields location/... are not what cryoSPARC writes, or a micrograph has no size",
            path=path,
            remedy="Export it again from cryoSPARC",
        )


def from_fractions(table: NDArray[np.void]) -> tuple[Floats, Floats]:
    """Centres x, y in pixels: fractions run from the left and from the last row upwards."""
    ny, nx = table[_SHAPE].astype(np.float64).T
    return table[_X].astype(np.float64) * nx, (1 - table[_Y].astype(np.float64)) * ny


def _update(table: NDArray[np.void], picks: PickTable) -> None:
    """Put the picks' centres and scores into the table, bit for bit as before if unchanged."""
    ny, nx = table[_SHAPE].astype(np.float64).T
    x, y = from_fractions(table)
    moved = (x != picks.yx_px[:, 1]) | (y != picks.yx_px[:, 0])
    table[_X][moved] = (picks.yx_px[:, 1] / nx)[moved]
    table[_Y][moved] = (1 - picks.yx_px[:, 0] / ny)[moved]
    if _SCORE in (table.dtype.names or ()):
        new = ~np.isclose(_float_scores(table[_SCORE]), picks.score, 0, 0, equal_nan=True)
        table[_SCORE][new] = picks.score[new]


def _complete(
    table: NDArray[np.void],
    picks: PickTable,
    ours: NDArray[np.bool_],
    known: dict[str, Micrograph],
    path: Path,
) -> None:
    """Fill the rows of new picks: from a pick of the same micrograph, else from the micrograph."""
    template = {int(m): table[i].copy() for i, m in enumerate(picks.micrograph) if ours[i]}
    for i in np.flatnonzero(~ours).tolist():
        name = picks.names[picks.micrograph[i]]
        if (index := int(picks.micrograph[i])) not in template:
            template[index] = _row_of(name, table.dtype, known, path)
        table[i] = template[index]
        if _UID in (table.dtype.names or ()):
            table[_UID][i] = _uid(f"{name} {picks.id[i]} {picks.yx_px[i].tolist()}")


def _row_of(name: str, dtype: np.dtype[Any], known: dict[str, Micrograph], path: Path) -> Any:
    if name not in known:
        raise CryoAIError(
            f"a .cs file needs the size of the micrograph '{name}', and it is not open",
            path=path,
            remedy="Open the micrographs that the picks belong to (--micrograph)",
        )
    row = np.zeros((), dtype)
    row[_PATH], row[_SHAPE] = name.encode(), known[name].shape
    if _MICROGRAPH_UID in (dtype.names or ()):
        row[_MICROGRAPH_UID] = _uid(name)
    if _PIXEL_SIZE in (dtype.names or ()):
        row[_PIXEL_SIZE] = known[name].pixel_size_A or 0
    return row


def _rows_read(
    picks: PickTable, dtype: np.dtype[Any] | None
) -> tuple[NDArray[np.bool_], NDArray[np.void]]:
    """Which picks came from a `.cs` file of these fields, and their rows as they were."""
    if dtype is None:
        return np.zeros(len(picks), np.bool_), np.zeros(0, _OWN_DTYPE)
    mark = _mark(dtype)
    tokens = picks.extra.get(ROW, blank(len(picks))).tolist()
    ours = np.array([token.startswith(mark) for token in tokens], np.bool_)
    raw = "".join(token.removeprefix(mark) for token in tokens if token.startswith(mark))
    return ours, np.frombuffer(bytes.fromhex(raw), dtype)


def _mark(dtype: np.dtype[Any]) -> str:
    """Put before a row: rows of another file may have other fields."""
    return f"{_uid(repr(dtype.descr)):016x}:"


def _wide_enough(dtype: np.dtype[Any], longest: int) -> np.dtype[Any]:
    """The same fields with room for the longest name among the new micrographs."""
    kind = dtype[_PATH].kind
    width = dtype[_PATH].itemsize // (4 if kind == "U" else 1)
    fields = [
        (n, f"{kind}{max(1, longest, width)}" if n == _PATH else dtype[n].base, dtype[n].shape)
        for n in dtype.names or ()
    ]
    return dtype if width >= longest else np.dtype(fields)


def _describe(dtype: np.dtype[Any]) -> dict[str, tuple[str, ...]]:
    """A row of fields as text: name, number type, shape."""
    fields = [(name, dtype[name]) for name in dtype.names or ()]
    return {
        "name": tuple(name for name, _ in fields),
        "type": tuple(field.base.str for _, field in fields),
        "shape": tuple("x".join(map(str, field.shape)) for _, field in fields),
    }


def _dtype_from(described: Any) -> np.dtype[Any]:
    rows = zip(described["name"], described["type"], described["shape"], strict=True)
    return np.dtype([(n, t, tuple(int(k) for k in s.split("x") if k)) for n, t, s in rows])


def _float_scores(values: NDArray[Any]) -> NDArray[np.float32]:
    score = values.astype(np.float32)
    return np.where(np.isfinite(score), score, np.float32(np.nan))


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _uid(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
