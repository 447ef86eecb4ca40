"""EMAN2's `info/NAME_info.json`: centres under "boxes", beside much else that is kept.

Documented in `docs/formats/eman2.md`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, Source
from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.columns import blank, centres
from napari_cryoai.io.guards import read_text
from napari_cryoai.io.names import name_of_file

ENTRY = "eman2:box"
"""Foreign column: the list that a box was in the file, as JSON."""

_WORDS = {Source.AUTO: "auto", Source.MANUAL: "manual", Source.IMPORTED: "imported"}


def read(path: Path, micrographs: Sequence[Micrograph]) -> PickTable:
    """Read the boxes of one micrograph's info file."""
    document = _load(path)
    if "boxes" not in document:
        raise _error("holds no 'boxes'", path, "Choose the info file of a micrograph with boxes")
    entries = document["boxes"]
    if not isinstance(entries, list) or not all(map(_is_box, entries)):
        raise _error(
            "its 'boxes' are not a list of [x, y, kind]", path, "Save the boxes again in EMAN2"
        )
    x, y = ([entry[i] for entry in entries] for i in (0, 1))
    try:
        yx = centres(x, y, path)
    except OverflowError:
        raise _error("holds a coordinate without end", path, "Remove that box") from None
    picks = PickTable.of_points(
        "",
        yx,
        score=[_score(entry) for entry in entries],
        source=[_source(entry) for entry in entries],
        extra={ENTRY: [json.dumps(entry) for entry in entries]},
    )
    name = name_of_file(path, micrographs)
    rest = {key: value for key, value in document.items() if key != "boxes"}
    sidecar = {f"eman2:{name}": {"json": (json.dumps(rest),)}} if rest else {}
    return replace(picks, names=(name,), sidecar=sidecar)


def write(picks: PickTable, path: Path) -> None:
    """Write the boxes of one micrograph; what else the file held stays.

    What else it held is known from when it was read, or, if the picks come from elsewhere and
    there is such a file already, from that file.
    """
    kept = picks.sidecar.get(f"eman2:{picks.names[0]}")
    document = json.loads(kept["json"][0]) if kept else _existing(path)
    document["boxes"] = _entries(picks)
    write_text(path, json.dumps(document, indent=1) + "\n")


def _entries(picks: PickTable) -> list[list[Any]]:
    entries = []
    old = picks.extra.get(ENTRY, blank(len(picks))).tolist()
    rows = zip(picks.yx_px.tolist(), picks.score.tolist(), picks.source.tolist(), old, strict=True)
    for (y, x), score, source, text in rows:
        entry: list[Any] = json.loads(text) if text else [x, y, _WORDS[Source(source)]]
        entry[:2] = [x, y] if (float(entry[0]), float(entry[1])) != (x, y) else entry[:2]
        if not np.isnan(score) and not _same_score(entry, score):
            entry[3:4] = [score]
        entries.append(entry)
    return entries


def _existing(path: Path) -> dict[str, Any]:
    return _load(path) if path.exists() else {}


def _load(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(read_text(path, limit_bytes=1 << 28))
    except (ValueError, RecursionError) as error:
        raise _error(f"is not JSON ({error})", path, "Save the boxes again in EMAN2") from None
    if not isinstance(document, dict):
        raise _error("is not an info file of EMAN2", path, "Choose a file like info/NAME_info.json")
    return document


def _is_box(entry: Any) -> bool:
    return isinstance(entry, list) and len(entry) >= 2 and all(map(_is_real, entry[:2]))


def _is_real(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _score(entry: list[Any]) -> float:
    return float(entry[3]) if len(entry) > 3 and _is_real(entry[3]) else np.nan


def _same_score(entry: list[Any], score: float) -> bool:
    return bool(np.float32(_score(entry)) == np.float32(score))


def _source(entry: list[Any]) -> Source:
    kind = str(entry[2]) if len(entry) > 2 else ""
    if kind.startswith("manual"):
        return Source.MANUAL
    return Source.AUTO if kind.startswith("auto") else Source.IMPORTED


def _error(problem: str, path: Path, remedy: str) -> CryoAIError:
    return CryoAIError(problem, path=path, remedy=remedy)
