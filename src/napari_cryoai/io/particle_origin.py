"""From binned or otherwise derived particles back to those that they were made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.particle_tables import ParticleTable

Rows = NDArray[np.int64]

_WORDS = {
    "uid": "cryoSPARC's uid",
    "original": "the original name of their image",
    "place": "micrograph and coordinates",
    "image": "the name of their image",
}


def rows_in_original(table: ParticleTable, rows: Rows, original: ParticleTable) -> Rows:
    """The rows of the original particles.

    They are known by the first of these that tells all of them: cryoSPARC's uid;
    `_rlnImageOriginalName`, which is the image's name there; micrograph and coordinates, rounded
    to a hundredth of a pixel; the name of the image. A stack without any metadata is taken row by
    row, if the original has as many.

    Raises
    ------
    CryoAIError
        If a particle is not in the original, or there twice.
    """
    if not table.columns():
        return _same_rows(table, rows, original)
    here, there = _keys(table), _keys(original)
    there["original"] = there["image"]
    problems = []
    for kind in _WORDS:
        if kind in here and kind in there:
            wanted = [here[kind][row] for row in rows.tolist()]
            try:
                return _matched(wanted, there[kind], kind, original)
            except CryoAIError as error:
                problems.append(error)
    raise problems[0]


def _same_rows(table: ParticleTable, rows: Rows, original: ParticleTable) -> Rows:
    counts = len(table.names()), len(original.names())
    if counts[0] == counts[1]:
        return rows
    raise CryoAIError(
        f"has {counts[1]:,} particles, and '{table.path.name}', which tells nothing of its own, "
        f"has {counts[0]:,}",
        path=original.path,
        remedy="Name the file that these particles were made from, whole and in its order",
    )


def _keys(table: ParticleTable) -> dict[str, Sequence[Any]]:
    keys = {**table.keys(), "image": [_plain(name) for name in table.names()]}
    if "original" in keys:
        keys["original"] = [_plain(name) for name in keys["original"]]
    return keys


def _plain(name: str) -> str:
    """An image's name with its number in the shortest form: `3@a.mrcs`."""
    number, at, path = name.partition("@")
    return f"{int(number)}@{path}" if at and number.isdecimal() else name


def _matched(
    wanted: Sequence[Any], theirs: Sequence[Any], kind: str, original: ParticleTable
) -> Rows:
    place: dict[Any, int] = {}
    twice = set()
    for row, key in enumerate(theirs):
        if place.setdefault(key, row) != row:
            twice.add(key)
    lost = [key for key in wanted if key not in place]
    double = [key for key in wanted if key in twice]
    if lost or double:
        what, few = ("has no particle", lost) if lost else ("has several particles", double)
        raise CryoAIError(
            f"{what} like '{few[0]}', known by {_WORDS[kind]} ({len(few):,} of {len(wanted):,} "
            "are like that)",
            path=original.path,
            remedy="Name the file that these particles were made from",
        )
    return np.array([place[key] for key in wanted], np.int64)
