"""Reading a journal back: the document, its undo and redo steps, and where the user left off."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from napari_cryoai.core import json_values as plain
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.history import Entry, History
from napari_cryoai.core.serial import decode, decode_document, encode, encode_document

FORMAT = 1
_HEAD = b'{"crc":"'


@dataclass
class Recovered:
    """What a journal held.

    Attributes
    ----------
    history
        The document with its undo and redo steps.
    notes
        View state: the last value of each key that was noted.
    lost_lines
        Lines that could not be replayed: one that was being written when the power went, or a
        damaged one and all that follow it.
    damaged
        Whether they are more than a line cut off at the end.
    """

    history: History = field(default_factory=History)
    notes: dict[str, Any] = field(default_factory=dict)
    lost_lines: int = 0
    damaged: bool = False


def recover(path: str | os.PathLike[str]) -> Recovered:
    """Replay a journal as far as it is whole; the file is not touched.

    Raises
    ------
    CryoAIError
        If the file is no journal, or one of a newer version.
    """
    found = Recovered()
    if not Path(path).exists():
        return found
    with Path(path).open("rb") as file:
        first = file.readline()
        if not first.endswith(b"\n") and (first.startswith(_HEAD) or _HEAD.startswith(first)):
            found.lost_lines = int(bool(first))
            return found
        try:
            found = _restore(plain.mapping(unpack(first)))
        except CryoAIError as error:
            _refuse(path, error)
        for line in file:
            if found.lost_lines or not _replayed(line, found):
                found.lost_lines += 1
                found.damaged |= line.endswith(b"\n")
    return found


def pack(record: Mapping[str, Any]) -> bytes:
    """A record as one line of JSON with a checksum."""
    body = json.dumps(record, separators=(",", ":"), allow_nan=False).encode()
    return _HEAD + b'%08x","line":' % zlib.crc32(body) + body + b"}\n"


def unpack(line: bytes) -> Any:
    """The record of a line.

    Raises
    ------
    CryoAIError
        If the line is not whole and as it was written.
    """
    body = line[len(_HEAD) + 17 : -2]
    try:
        plain.check(line == _HEAD + b'%08x","line":' % zlib.crc32(body) + body + b"}\n", "a line")
        return json.loads(body)
    except (ValueError, RecursionError):
        plain.check(False, "JSON")


def snapshot(history: History, notes: Mapping[str, Any]) -> dict[str, Any]:
    """The record that a journal starts with."""
    return {
        "verb": "snapshot",
        "format": FORMAT,
        "document": encode_document(history.document),
        "done": [_encode_entry(entry) for entry in history.done],
        "undone": [_encode_entry(entry) for entry in history.undone],
        "next_id": history.next_id,
        "notes": dict(notes),
    }


def change(verb: str, entry: Entry) -> dict[str, Any]:
    """The record of one change of a history; undo and redo need no more than their name."""
    return {"verb": verb} | (_encode_entry(entry) if verb in ("do", "extend") else {})


def _restore(record: Mapping[str, Any]) -> Recovered:
    version = record.get("format")
    if type(version) is int and version > FORMAT:
        raise CryoAIError(
            "it was written by a newer version of napari-cryoai", remedy="Update napari-cryoai"
        )
    keys = ("verb", "format", "document", "done", "undone", "next_id", "notes")
    d = plain.keyed(record, *keys)
    history = History.restored(
        decode_document(d["document"]),
        [_decode_entry(entry) for entry in plain.sequence(d["done"])],
        [_decode_entry(entry) for entry in plain.sequence(d["undone"])],
        plain.integer(d["next_id"]),
    )
    return Recovered(history, dict(plain.mapping(d["notes"])))


def _replayed(line: bytes, found: Recovered) -> bool:
    try:
        _apply(plain.mapping(unpack(line)), found)
    except (CryoAIError, LookupError, ValueError):
        return False
    return True


def _apply(record: Mapping[str, Any], found: Recovered) -> None:
    verb, history = record.get("verb"), found.history
    if verb == "note":
        d = plain.keyed(record, "verb", "key", "value")
        found.notes[plain.text(d["key"])] = d["value"]
    elif verb in ("undo", "redo"):
        step = history.undo() if verb == "undo" else history.redo()
        plain.check(step is not None, f"a step to {verb}")
    else:
        plain.check(verb in ("do", "extend"), "a known verb")
        entry = _decode_entry({key: value for key, value in record.items() if key != "verb"})
        if verb == "do":
            history.do(entry.edit, entry.label)
        else:
            plain.check(history.extend(entry.label, entry.edit), "a step to extend")


def _encode_entry(entry: Entry) -> dict[str, Any]:
    return {"label": entry.label, "edit": encode(entry.edit)}


def _decode_entry(value: object) -> Entry:
    d = plain.keyed(value, "label", "edit")
    return Entry(decode(d["edit"]), plain.text(d["label"]))


def _refuse(path: str | os.PathLike[str], error: CryoAIError) -> NoReturn:
    newer = "newer" in error.problem
    raise CryoAIError(
        error.problem if newer else "this is not a journal of picks, or its beginning is damaged",
        path=path,
        remedy=error.remedy if newer else "Move it away to start afresh, or restore a copy of it",
    ) from error
