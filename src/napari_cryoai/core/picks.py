"""The table of picks: one row per particle centre, over all micrographs of a set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

StarTable = Mapping[str, tuple[str, ...]]
"""A table of a STAR file as text: column name to values, every value as it was written."""


class Source(IntEnum):
    """Who made a pick."""

    AUTO = 0
    MANUAL = 1
    IMPORTED = 2


class State(IntEnum):
    """What the user says of a pick. Rejected picks stay rows; they are only not exported."""

    KEPT = 0
    REJECTED = 1


@dataclass(frozen=True, eq=False)
class PickTable:
    """Particle centres and what is known about each; a value that is never changed in place.

    Attributes
    ----------
    names
        The micrographs, as picks call them.
    id
        `(n,)` int64, unique and ascending: how edits refer to rows.
    micrograph
        `(n,)` int32, index into `names`.
    yx_px
        `(n, 2)` float64, centres in pixels of the named micrograph.
    score
        `(n,)` float32; NaN where nobody gave one (manual picks).
    diameter_px
        `(n,)` float32; NaN where it is not known.
    source, state
        `(n,)` uint8, a `Source` and a `State` each.
    in_junk
        `(n,)` bool: on carbon, ice or an aggregate, says the junk mask.
    extra
        Columns of the file it came from that are not ours: `(n,)` object arrays of str, exactly as
        written; "" in rows that were added later.
    sidecar
        Other tables of that file (optics groups, ...), untouched.
    """

    names: tuple[str, ...]
    id: NDArray[np.int64]
    micrograph: NDArray[np.int32]
    yx_px: NDArray[np.float64]
    score: NDArray[np.float32]
    diameter_px: NDArray[np.float32]
    source: NDArray[np.uint8]
    state: NDArray[np.uint8]
    in_junk: NDArray[np.bool_]
    extra: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)
    sidecar: Mapping[str, StarTable] = field(default_factory=dict)

    @classmethod
    def empty(cls, names: Iterable[str] = ()) -> PickTable:
        """A table without rows."""
        return replace(cls.of_points("", np.empty((0, 2))), names=tuple(names))

    @classmethod
    def of_points(
        cls,
        name: str,
        yx_px: ArrayLike,
        *,
        score: ArrayLike = np.nan,
        diameter_px: ArrayLike = np.nan,
        source: ArrayLike = Source.IMPORTED,
        state: ArrayLike = State.KEPT,
        in_junk: ArrayLike = False,
        extra: Mapping[str, Iterable[str]] | None = None,
        sidecar: Mapping[str, StarTable] | None = None,
        first_id: int = 0,
    ) -> PickTable:
        """Picks of one micrograph: `(n, 2)` centres, and one value or `(n,)` values of the rest."""
        yx = np.array(yx_px, np.float64).reshape(-1, 2)
        n = len(yx)

        def column(value: ArrayLike, dtype: Any) -> NDArray[Any]:
            return np.broadcast_to(np.asarray(value, dtype), (n,)).copy()

        return cls(
            names=(name,),
            id=np.arange(first_id, first_id + n, dtype=np.int64),
            micrograph=np.zeros(n, np.int32),
            yx_px=yx,
            score=column(score, np.float32),
            diameter_px=column(diameter_px, np.float32),
            source=column(source, np.uint8),
            state=column(state, np.uint8),
            in_junk=column(in_junk, np.bool_),
            extra={key: np.array(list(v), object) for key, v in (extra or {}).items()},
            sidecar=dict(sidecar or {}),
        )

    def __len__(self) -> int:
        return len(self.id)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PickTable):
            return NotImplemented
        return (
            self.names == other.names
            and self.sidecar == other.sidecar
            and self.extra.keys() == other.extra.keys()
            and all(np.array_equal(self.extra[k], other.extra[k]) for k in self.extra)
            and all(_same(getattr(self, c), getattr(other, c)) for c in COLUMNS)
        )

    __hash__ = None  # type: ignore[assignment]

    def select(self, rows: NDArray[Any]) -> PickTable:
        """The rows of a mask or an index array, in table order; names, ids and sidecar stay."""
        columns = {c: getattr(self, c)[rows] for c in COLUMNS}
        return replace(self, **columns, extra={k: v[rows] for k, v in self.extra.items()})

    def rows_of(self, name: str) -> NDArray[np.intp]:
        """Indices of the rows of one micrograph; none if the name is not known."""
        if name not in self.names:
            return np.empty(0, np.intp)
        return np.flatnonzero(self.micrograph == self.names.index(name))

    def rows_with(self, ids: NDArray[np.int64]) -> NDArray[np.intp]:
        """Indices of the rows that have these ids.

        Raises
        ------
        LookupError
            If no row has one of them.
        """
        rows = np.searchsorted(self.id, ids)
        if len(ids) and not np.array_equal(self.id.take(rows, mode="clip"), ids):
            raise LookupError("a pick is not in the table")
        return rows

    def of(self, name: str) -> PickTable:
        """The picks of one micrograph, as a table of that micrograph alone."""
        rows = self.select(self.rows_of(name))
        return replace(rows, names=(name,), micrograph=np.zeros(len(rows), np.int32))

    def counts(self, mask: NDArray[np.bool_] | None = None) -> dict[str, int]:
        """Number of rows per micrograph, of all rows or of those in `mask`."""
        which = self.micrograph if mask is None else self.micrograph[mask]
        return dict(
            zip(self.names, np.bincount(which, minlength=len(self.names)).tolist(), strict=True)
        )

    def micrograph_names(self) -> NDArray[np.object_]:
        """`(n,)` micrograph name of each row."""
        return np.array(self.names, object)[self.micrograph] if len(self) else np.empty(0, object)

    def renumbered(self, first_id: int = 0) -> PickTable:
        """The same rows with ids counted from `first_id` in table order."""
        return replace(self, id=np.arange(first_id, first_id + len(self), dtype=np.int64))

    def with_names(self, names: Iterable[str]) -> PickTable:
        """The same rows in a table that also knows `names`."""
        known = tuple(dict.fromkeys((*self.names, *names)))
        return self if known == self.names else replace(self, names=known)


COLUMNS = tuple(f.name for f in fields(PickTable) if f.name not in ("names", "extra", "sidecar"))
"""The columns that every table has."""


def merge(tables: Iterable[PickTable]) -> PickTable:
    """All rows of several tables in one, ordered by id.

    Foreign columns that one table lacks are "" in its rows; of a sidecar table that two have, the
    first is kept.

    Raises
    ------
    ValueError
        If two rows share an id: `renumbered` tables first when they come from different files.
    """
    parts = list(tables)
    if not parts:
        return PickTable.empty()
    names = tuple(dict.fromkeys(name for part in parts for name in part.names))
    index = {name: i for i, name in enumerate(names)}
    columns = {c: np.concatenate([getattr(p, c) for p in parts]) for c in COLUMNS}
    columns["micrograph"] = np.concatenate(
        [np.array([index[n] for n in p.names], np.int32)[p.micrograph] for p in parts]
    ).astype(np.int32)
    keys = dict.fromkeys(key for part in parts for key in part.extra)
    extra = {
        key: np.concatenate([p.extra.get(key, np.full(len(p), "", object)) for p in parts])
        for key in keys
    }
    sidecar: dict[str, StarTable] = {}
    for part in parts:
        sidecar = {**part.sidecar, **sidecar}
    table = PickTable(names=names, extra=extra, sidecar=sidecar, **columns)
    if np.all(np.diff(table.id) > 0):
        return table
    table = table.select(np.argsort(table.id, kind="stable"))
    if np.any(np.diff(table.id) == 0):
        raise ValueError("two picks share an id")
    return table


def concatenate(tables: Iterable[PickTable]) -> PickTable:
    """All rows of tables from different files, one after the other, with new ids from 0."""
    first, parts = 0, []
    for table in tables:
        parts.append(table.renumbered(first))
        first += len(table)
    return merge(parts)


def _same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
