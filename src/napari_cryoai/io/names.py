"""Whose picks are these? Matching the names in foreign files to the micrographs at hand.

Programs rename micrographs: they put a path or a 21-digit number before the name, drop the ending,
or add `_autopick`. Names are compared strictly first, then ever more loosely, and what fits two
micrographs equally well is refused, never guessed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.micrographs import SUFFIXES

_UID = re.compile(r"^\d{12,21}_")
_SECTION = re.compile(r"^(?:(\d+)@)?(.*)$", re.DOTALL)
_ADDED = re.compile(
    r"(_(manualpick|autopick|topazpick|topaz|pick|picks|particles|coords?|boxes|info|"
    r"patch_aligned(_doseweighted)?|rigid_aligned))+$"
)
_UNSAFE_IN_NAME = re.compile(r"[^\w.@+=-]+")


@dataclass(frozen=True)
class NameMatches:
    """How the names in a file and the micrographs at hand go together.

    Attributes
    ----------
    matched
        Foreign name to the micrograph's name.
    unmatched
        Foreign names that fit no micrograph.
    ambiguous
        Foreign names that fit several micrographs, or share one with another foreign name.
    """

    matched: dict[str, str]
    unmatched: tuple[str, ...]
    ambiguous: tuple[str, ...]


def match_names(foreign: Iterable[str], micrographs: Sequence[Micrograph]) -> NameMatches:
    """Find the micrograph that each foreign name means."""
    indices = [_index(key, micrographs) for key in _KEYS]
    matched: dict[str, str] = {}
    unmatched: list[str] = []
    ambiguous: list[str] = []
    for name in dict.fromkeys(foreign):
        found = _find(name, indices) or _find_by_beginning(name, micrographs)
        if len(found) == 1:
            matched[name] = found[0]
        else:
            (ambiguous if found else unmatched).append(name)
    for shared in _shared(matched):
        del matched[shared]
        ambiguous.append(shared)
    return NameMatches(matched, tuple(unmatched), tuple(ambiguous))


def resolve_names(
    foreign: Sequence[str], micrographs: Sequence[Micrograph], path: Path
) -> dict[str, str]:
    """Name to use for each foreign name; those that fit nothing stay as they are.

    Raises
    ------
    CryoAIError
        If a name fits several micrographs, or not one name fits any.
    """
    if not micrographs or not foreign:
        return {name: name for name in foreign}
    matches = match_names(foreign, micrographs)
    if matches.ambiguous:
        raise CryoAIError(
            f"the micrograph name '{matches.ambiguous[0]}' fits several of the open micrographs "
            "(or several names fit one)",
            path=path,
            remedy="Rename the micrographs so that they differ, or open fewer of them",
        )
    if not matches.matched:
        raise CryoAIError(
            f"its picks belong to other micrographs than those open ('{foreign[0]}', for instance)",
            path=path,
            remedy="Open the micrographs that the picks were made on",
        )
    return {name: matches.matched.get(name, name) for name in foreign}


def assign(
    picks: PickTable, foreign: Sequence[str], micrographs: Sequence[Micrograph], path: Path
) -> PickTable:
    """The picks with a micrograph each, given the name that the file has for it in every row."""
    unique = list(dict.fromkeys(foreign))
    names = resolve_names(unique, micrographs, path)
    known = tuple(dict.fromkeys(names.values()))
    position = {name: known.index(names[name]) for name in unique}
    index = np.array([position[name] for name in foreign], np.int32)
    return replace(picks, names=known, micrograph=index)


def name_of_file(path: Path, micrographs: Sequence[Micrograph]) -> str:
    """The micrograph that a file without names in it belongs to, by the file's own name.

    Of one open micrograph it is that one; with none open the file's name, without endings, serves.
    """
    if len(micrographs) == 1:
        return micrographs[0].name
    own = without_additions(path.name)
    if not micrographs:
        return own
    return resolve_names([own], micrographs, path)[own]


def unmatched_names(picks: PickTable, micrographs: Iterable[Micrograph]) -> list[str]:
    """Micrographs that the table has picks of and that are not among those at hand."""
    known = {m.name for m in micrographs}
    return [name for name, count in picks.counts().items() if count and name not in known]


def without_additions(name: str) -> str:
    """The bare name of a micrograph: no folder, no 21-digit number, no endings."""
    return _bare(name)


def safe_stems(names: Sequence[str]) -> list[str]:
    """A file name without ending for each micrograph: unique, and never out of its folder."""
    bases = Counter(_base(name) for name in names)
    stems: dict[str, None] = {}
    for name in names:
        own = _base(name) if bases[_base(name)] == 1 else _posix(name)
        plain = _plain(own).lstrip(".")[-200:] or "micrograph"
        stem, number = plain, 1
        while stem in stems:
            number += 1
            stem = f"{plain}_{number}"
        stems[stem] = None
    return list(stems)


def _posix(name: str) -> str:
    return name.replace("\\", "/")


def _section(name: str) -> tuple[str, str]:
    """The number before the @, without leading zeros, and the rest."""
    match = _SECTION.match(PurePosixPath(_posix(name)).name)
    number, rest = match.groups() if match else (None, name)
    return (f"{int(number)}@" if number else ""), rest


@cache
def _base(name: str) -> str:
    number, rest = _section(name)
    return number + rest


@cache
def _stem(name: str) -> str:
    number, rest = _section(name)
    return number + _drop_suffix(_UID.sub("", rest))


@cache
def _bare(name: str) -> str:
    number, rest = _section(name)
    rest = _UID.sub("", rest)
    for suffix in (".star", ".box", ".cbox", ".json", ".cs", ".csv", ".tsv", ".txt", ".coord"):
        if rest.lower().endswith(suffix):
            rest = rest[: -len(suffix)]
    return number + _ADDED.sub("", _drop_suffix(rest))


def _drop_suffix(name: str) -> str:
    suffix = max((s for s in SUFFIXES if name.lower().endswith(s)), key=len, default="")
    return name[: len(name) - len(suffix)]


def _plain(name: str) -> str:
    """The path without its ending, as `safe_stems` would write it."""
    return _UNSAFE_IN_NAME.sub("_", _drop_suffix(_posix(name)))


@cache
def _plain_bare(name: str) -> str:
    return _UNSAFE_IN_NAME.sub("_", _bare(name))


_KEYS = (_posix, _base, _stem, _bare, _plain, _plain_bare)
"""From strict to loose: what two names must have in common."""


def _index(
    key: Callable[[str], str], micrographs: Sequence[Micrograph]
) -> tuple[Callable[[str], str], dict[str, list[str]]]:
    index: dict[str, list[str]] = {}
    for micrograph in micrographs:
        index.setdefault(key(micrograph.name), []).append(micrograph.name)
    return key, index


def _find(
    name: str, indices: Sequence[tuple[Callable[[str], str], dict[str, list[str]]]]
) -> list[str]:
    for key, index in indices:
        found = index.get(key(name), [])
        if len(found) == 1:
            return found
        if found:
            return _closest_folder(name, found)
    return []


def _closest_folder(name: str, found: list[str]) -> list[str]:
    """Of micrographs of the same file name, those that share most folders with `name`."""

    def shared_folders(other: str) -> int:
        ours, theirs = PurePosixPath(_posix(name)).parts[:-1], PurePosixPath(other).parts[:-1]
        pairs = zip(reversed(ours), reversed(theirs), strict=False)
        return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(ours), len(theirs)))

    most = max(map(shared_folders, found))
    return [other for other in found if shared_folders(other) == most]


def _find_by_beginning(name: str, micrographs: Sequence[Micrograph]) -> list[str]:
    """Micrographs whose name continues this one, or which this one continues, at a . _ or -."""
    own = _bare(name)
    if len(own) < 4:
        return []
    found = [m.name for m in micrographs if _continues(_stem(m.name), own)]
    if found:
        return found
    shorter = [m.name for m in micrographs if _continues(own, _stem(m.name))]
    longest = max((len(_stem(other)) for other in shorter), default=0)
    return [other for other in shorter if len(_stem(other)) == longest]


def _continues(longer: str, shorter: str) -> bool:
    return len(shorter) >= 4 and longer.startswith(shorter) and longer[len(shorter)] in "._-"


def _shared(matched: dict[str, str]) -> list[str]:
    """Foreign names that mean a micrograph which another foreign name means too.

    Paths to one file from two folders (`./a.mrc`, `a.mrc`) are not two names.
    """
    users: dict[str, set[str]] = {}
    for foreign, name in matched.items():
        users.setdefault(name, set()).add(str(PurePosixPath(_posix(foreign))))
    return [foreign for foreign, name in matched.items() if len(users[name]) > 1]


def match_to_names(foreign: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Foreign name to the one of `names` that it means, or to itself if it fits none clearly."""
    known = [Micrograph(name, Path(name), (0, 0), None, _no_pixels) for name in names]
    matched = match_names(foreign, known).matched
    return {name: matched.get(name, name) for name in foreign}


def _no_pixels() -> NDArray[np.float32]:
    return np.empty((0, 0), np.float32)


def star_name(micrograph: Micrograph) -> str:
    """What `_rlnMicrographName` calls a micrograph."""
    here, path = Path.cwd(), micrograph.path.absolute()
    if ".." in path.parts or not path.is_relative_to(here):
        return micrograph.name
    section, at, _ = PurePosixPath(micrograph.name).name.rpartition("@")
    own_section = "@" in micrograph.path.name
    return ("" if own_section else section + at) + path.relative_to(here).as_posix()
