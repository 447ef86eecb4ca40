"""Documents and edits as plain JSON values, and back: what a journal is written in.

Every number survives exactly. What is read is not trusted: whatever does not describe an edit
ends in a `CryoAIError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from enum import IntEnum
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_cryoai.core import json_values as plain
from napari_cryoai.core.document import PickDocument, PickFilters, Stroke
from napari_cryoai.core.edits import (
    AddPicks,
    Edit,
    EditableColumn,
    Flag,
    Group,
    RemovePicks,
    ReplacePicks,
    SetColumn,
    SetFilters,
    SetFlag,
    SetStrokes,
)
from napari_cryoai.core.picks import PickTable, Source, StarTable, State

Json = dict[str, Any]

_DTYPES: dict[str, DTypeLike] = {
    "id": np.int64,
    "micrograph": np.int32,
    "yx_px": np.float64,
    "score": np.float32,
    "diameter_px": np.float32,
    "source": np.uint8,
    "state": np.uint8,
    "in_junk": np.bool_,
}
_KINDS: dict[str, type[IntEnum]] = {"source": Source, "state": State}
_DEEPEST = 50


def encode(edit: Edit) -> Json:
    """An edit as a JSON object; its key `edit` says which kind it is.

    Raises
    ------
    TypeError
        If it is not one of the edits of `core.edits`.
    """
    match edit:
        case AddPicks():
            return {"edit": "add_picks", "rows": encode_table(edit.rows)}
        case RemovePicks():
            return {"edit": "remove_picks", "rows": encode_table(edit.rows)}
        case ReplacePicks():
            return {"edit": "replace_picks"} | _before_after(edit, encode_table)
        case SetColumn():
            ids = {"column": edit.column, "ids": plain.numbers(edit.ids)}
            return {"edit": "set_column"} | ids | _before_after(edit, plain.numbers)
        case SetFilters():
            return {"edit": "set_filters"} | _before_after(edit, _encode_filters)
        case SetStrokes():
            where = {"micrograph": edit.micrograph}
            return {"edit": "set_strokes"} | where | _before_after(edit, _encode_strokes)
        case SetFlag():
            return {"edit": "set_flag"} | asdict(edit)
        case Group():
            return {"edit": "group", "edits": [encode(part) for part in edit.edits]}
    raise TypeError(f"not an edit that can be written: {type(edit).__name__}")


def decode(value: object) -> Edit:
    """The edit that `encode` wrote.

    Raises
    ------
    CryoAIError
        If the value does not describe an edit, whole and consistent.
    """
    return _decode(value, 0)


def encode_document(document: PickDocument) -> Json:
    """A document as a JSON object."""
    return {
        "picks": encode_table(document.picks),
        "filters": _encode_filters(document.filters),
        "strokes": {name: _encode_strokes(s) for name, s in document.strokes.items()},
        "reviewed": sorted(document.reviewed),
        "junk": sorted(document.junk),
    }


def decode_document(value: object) -> PickDocument:
    """The document that `encode_document` wrote.

    Raises
    ------
    CryoAIError
        If the value does not describe a document, whole and consistent.
    """
    d = plain.keyed(value, "picks", "filters", "strokes", "reviewed", "junk")
    return PickDocument(
        picks=decode_table(d["picks"]),
        filters=_decode_filters(d["filters"]),
        strokes={name: _decode_strokes(s) for name, s in plain.mapping(d["strokes"]).items()},
        reviewed=frozenset(plain.texts(d["reviewed"])),
        junk=frozenset(plain.texts(d["junk"])),
    )


def encode_table(picks: PickTable) -> Json:
    """A pick table as a JSON object of columns; `yx_px` is flat, NaN is null."""
    return {
        "names": list(picks.names),
        **{column: plain.numbers(getattr(picks, column)) for column in _DTYPES},
        "extra": {key: values.tolist() for key, values in picks.extra.items()},
        "sidecar": {
            name: {key: list(values) for key, values in table.items()}
            for name, table in picks.sidecar.items()
        },
    }


def decode_table(value: object) -> PickTable:
    """The table that `encode_table` wrote.

    Raises
    ------
    CryoAIError
        If columns are missing, differ in length, or hold what a table cannot.
    """
    d = plain.keyed(value, "names", *_DTYPES, "extra", "sidecar")
    columns = {name: _column(d[name], name) for name in _DTYPES}
    names, ids, n = tuple(plain.texts(d["names"])), columns["id"], len(columns["id"])
    extra = {key: np.array(plain.texts(v), object) for key, v in plain.mapping(d["extra"]).items()}
    plain.check(
        all(len(c) == n for c in (*columns.values(), *extra.values())), "columns of one length"
    )
    plain.check(len(set(names)) == len(names), "distinct micrograph names")
    plain.check(n == 0 or bool(ids[0] >= 0 and np.all(np.diff(ids) > 0)), "ascending ids")
    plain.check(_within(columns["micrograph"], len(names)), "picks of the micrographs named")
    for column, kinds in _KINDS.items():
        plain.check(_within(columns[column], len(kinds)), f"a known {column}")
    sidecar = {name: _star_table(table) for name, table in plain.mapping(d["sidecar"]).items()}
    return PickTable(names=names, extra=extra, sidecar=sidecar, **columns)


def _decode(value: object, depth: int) -> Edit:
    plain.check(depth <= _DEEPEST, "less deeply nested groups")
    kind = plain.mapping(value).get("edit")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is not None:
        return read(value)
    plain.check(kind == "group", "an edit of a known kind")
    parts = plain.sequence(plain.keyed(value, "edit", "edits")["edits"])
    return Group(tuple(_decode(part, depth + 1) for part in parts))


def _add_picks(value: object) -> Edit:
    return AddPicks(decode_table(plain.keyed(value, "edit", "rows")["rows"]))


def _remove_picks(value: object) -> Edit:
    return RemovePicks(decode_table(plain.keyed(value, "edit", "rows")["rows"]))


def _replace_picks(value: object) -> Edit:
    d = plain.keyed(value, "edit", "before", "after")
    return ReplacePicks(decode_table(d["before"]), decode_table(d["after"]))


def _set_column(value: object) -> Edit:
    d = plain.keyed(value, "edit", "column", "ids", "before", "after")
    plain.check(d["column"] in get_args(EditableColumn), "a column that can be edited")
    column = cast(EditableColumn, d["column"])
    ids = plain.array(d["ids"], np.int64)
    before, after = (_column(d[key], column) for key in ("before", "after"))
    plain.check(len(ids) == len(before) == len(after), "one value for each id")
    if column in _KINDS:
        plain.check(_within(np.append(before, after), len(_KINDS[column])), f"a known {column}")
    return SetColumn(column, ids, before, after)


def _set_filters(value: object) -> Edit:
    d = plain.keyed(value, "edit", "before", "after")
    return SetFilters(_decode_filters(d["before"]), _decode_filters(d["after"]))


def _set_strokes(value: object) -> Edit:
    d = plain.keyed(value, "edit", "micrograph", "before", "after")
    return SetStrokes(
        plain.text(d["micrograph"]), _decode_strokes(d["before"]), _decode_strokes(d["after"])
    )


def _set_flag(value: object) -> Edit:
    d = plain.keyed(value, "edit", "flag", "micrograph", "on")
    plain.check(d["flag"] in get_args(Flag), "a known flag")
    return SetFlag(d["flag"], plain.text(d["micrograph"]), plain.boolean(d["on"]))


_READERS: dict[str, Callable[[object], Edit]] = {
    "add_picks": _add_picks,
    "remove_picks": _remove_picks,
    "replace_picks": _replace_picks,
    "set_column": _set_column,
    "set_filters": _set_filters,
    "set_strokes": _set_strokes,
    "set_flag": _set_flag,
}


def _before_after(edit: Any, encode_one: Callable[[Any], Any]) -> Json:
    return {"before": encode_one(edit.before), "after": encode_one(edit.after)}


def _encode_filters(filters: PickFilters) -> Json:
    threshold = filters.threshold
    return {
        "threshold": None if threshold is None else _number(threshold),
        "min_distance_A": _number(filters.min_distance_A),
        "edge_margin_A": _number(filters.edge_margin_A),
        "hide_junk": bool(filters.hide_junk),
    }


def _decode_filters(value: object) -> PickFilters:
    d = plain.keyed(value, "threshold", "min_distance_A", "edge_margin_A", "hide_junk")
    return PickFilters(
        threshold=None if d["threshold"] is None else plain.number(d["threshold"]),
        min_distance_A=plain.number(d["min_distance_A"]),
        edge_margin_A=plain.number(d["edge_margin_A"]),
        hide_junk=plain.boolean(d["hide_junk"]),
    )


def _encode_strokes(strokes: Iterable[Stroke]) -> list[Json]:
    return [
        {
            "yx_px": [_number(v) for point in stroke.yx_px for v in point],
            "radius_px": _number(stroke.radius_px),
            "erase": bool(stroke.erase),
        }
        for stroke in strokes
    ]


def _decode_strokes(value: object) -> tuple[Stroke, ...]:
    return tuple(_decode_stroke(stroke) for stroke in plain.sequence(value))


def _decode_stroke(value: object) -> Stroke:
    d = plain.keyed(value, "yx_px", "radius_px", "erase")
    flat = [plain.number(v) for v in plain.sequence(d["yx_px"])]
    plain.check(len(flat) > 0 and len(flat) % 2 == 0, "a stroke of points")
    path = tuple(zip(flat[::2], flat[1::2], strict=True))
    return Stroke(path, plain.number(d["radius_px"]), plain.boolean(d["erase"]))


def _number(value: float) -> Any:
    return plain.numbers(np.array([value], np.float64))[0]


def _column(value: object, column: str) -> NDArray[Any]:
    values = plain.array(value, _DTYPES[column])
    if column != "yx_px":
        return values
    plain.check(len(values) % 2 == 0, "a y for every x")
    return values.reshape(-1, 2)


def _star_table(value: object) -> StarTable:
    return {key: tuple(plain.texts(values)) for key, values in plain.mapping(value).items()}


def _within(values: NDArray[Any], limit: int) -> bool:
    return bool(np.all((values >= 0) & (values < limit)))
