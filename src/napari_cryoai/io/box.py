"""EMAN1 `.box` files (corner, width, height, perhaps a score) and EMAN2's helix coordinates.

Documented in `docs/formats/box.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.geometry import centre_from_corner, corner_from_centre
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.columns import (
    Floats,
    Tokens,
    blank,
    centres,
    is_number,
    kept_tokens,
    numbers,
    parsed,
    score_tokens,
    scores,
    trimmed,
)
from napari_cryoai.io.guards import read_text
from napari_cryoai.io.names import assign, name_of_file

X, Y, WIDTH, HEIGHT, SCORE, HELIX = (
    f"box:{c}" for c in ("x", "y", "width", "height", "score", "helix")
)
_TITLES = (X, Y, WIDTH, HEIGHT, SCORE)
_HELIX = re.compile(r"#helix:\s*\(([^)]*)\),\s*\(([^)]*)\),\s*([\d.eE+-]+)")
_EMAN_FLAGS = ("-1", "-2", "-3")
"""What EMAN1 wrote in the fifth column of helix ends and hand-picked boxes: no scores."""


def read(path: Path, micrographs: Sequence[Micrograph]) -> PickTable:
    """Read a `.box` file; the micrograph is known by the file's name."""
    text = read_text(path)
    if text.lstrip().startswith("#micrograph"):
        return _read_helices(text, path, micrographs)
    return of_rows(_rows(text, path), path, micrographs)


def of_rows(
    rows: Sequence[Sequence[str]], path: Path, micrographs: Sequence[Micrograph]
) -> PickTable:
    """Picks of rows of text: corner x, corner y, width, height, perhaps a score, and more."""
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(4)]
    x, y, width, height = (
        numbers(column, title, path)
        for column, title in zip(columns, ["x", "y", "w", "h"], strict=False)
    )
    check_box_sizes(width, height, path)
    yx = centres(centre_from_corner(x, width), centre_from_corner(y, height), path)
    extra = {_title(i): column for i, column in enumerate(columns)}
    score: Floats | float = np.nan
    if SCORE in extra:
        score = scores(extra[SCORE], "score", path)
        score[_is_flag(extra[SCORE])] = np.nan
    picks = PickTable.of_points("", yx, score=score, extra=extra)
    return replace(picks, names=(name_of_file(path, micrographs),))


def write(picks: PickTable, path: Path, box_size_px: float | None) -> None:
    """Write the picks of one micrograph."""
    columns = to_columns(picks, box_size_px, path)
    scored = SCORE in picks.extra or not np.isnan(picks.score).all()
    titles = [*_TITLES[: 4 + scored], *(k for k in picks.extra if k.startswith("box:column"))]
    columns |= {title: picks.extra[title].tolist() for title in titles if title not in columns}
    rows = zip(*(columns[title] for title in titles), strict=True)
    write_text(path, "".join("\t".join(token or "0" for token in row) + "\n" for row in rows))


def to_columns(picks: PickTable, box_size_px: float | None, path: Path) -> dict[str, list[str]]:
    """Corner, size and score of each pick as text; as read where nothing changed."""
    n = len(picks)
    old = {title: picks.extra.get(title, blank(n)) for title in _TITLES}
    size = box_sizes(picks, [parsed(old[WIDTH]), parsed(old[HEIGHT])], box_size_px, path)
    read_x, read_y = (
        centre_from_corner(parsed(old[c]), parsed(old[s])) for c, s in ((X, WIDTH), (Y, HEIGHT))
    )
    same = (np.stack([read_y, read_x], -1) == picks.yx_px).all(1)
    same &= (size == np.stack([parsed(old[WIDTH]), parsed(old[HEIGHT])], -1)).all(1)
    corner = corner_from_centre(picks.yx_px[:, ::-1], size)
    return {
        X: kept_tokens(same, old[X], trimmed(corner[:, 0])),
        Y: kept_tokens(same, old[Y], trimmed(corner[:, 1])),
        WIDTH: kept_tokens(same, old[WIDTH], trimmed(size[:, 0])),
        HEIGHT: kept_tokens(same, old[HEIGHT], trimmed(size[:, 1])),
        SCORE: _score_tokens(picks, old[SCORE]),
    }


def box_sizes(
    picks: PickTable, read_px: Sequence[Floats], box_size_px: float | None, path: Path
) -> Floats:
    """`(n, 2)` width and height of each pick's box.

    The size asked for; else the one that the pick had in the file it came from, or that other
    picks of that file had; else the pick's diameter.

    Raises
    ------
    CryoAIError
        If none of these is known.
    """
    if box_size_px is not None:
        if not 0 < box_size_px < 1e5:
            raise CryoAIError(
                f"a box of {box_size_px:g} pixels cannot be", path=path, remedy="Give a box size"
            )
        return np.full((len(picks), 2), float(box_size_px))
    size = np.stack(read_px, -1)
    known = size[np.isfinite(size).all(1)]
    if len(known):
        size = np.where(np.isnan(size), np.median(known, axis=0), size)
    size = np.where(np.isnan(size), picks.diameter_px[:, None], size)
    if np.isnan(size).any():
        raise CryoAIError(
            "a box file needs the size of the boxes, and the picks have no diameter",
            path=path,
            remedy="Give the box size in pixels (--box-size-px)",
        )
    return size


def check_box_sizes(width: Floats, height: Floats, path: Path) -> None:
    """Refuse boxes without area."""
    size = np.stack([width, height], -1)
    bad = ~((size > 0) & (size < 1e5)).all(1)
    if bad.any():
        row = int(np.argmax(bad))
        raise CryoAIError(
            f"the box in row {row + 1} is {width[row]:g} x {height[row]:g} pixels",
            path=path,
            remedy="Check that the columns are x, y, width and height, in that order",
        )


def _rows(text: str, path: Path) -> list[list[str]]:
    rows = [line.split() for line in text.split("\n")]
    rows = [row for row in rows if row and not row[0].startswith("#")]
    if rows and not all(map(is_number, rows[0])):
        titles = " ".join(rows[0])
        raise CryoAIError(
            f"is no EMAN box file but a table with titles ('{titles[:60]}'), as Topaz and "
            "CryoTransformer write it",
            path=path,
            remedy="Rename it to end in .tsv, so that its columns are read by their titles",
        )
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]) or len(row) < 4:
            raise CryoAIError(
                f"row {number} has {len(row)} values; x, y, width and height are needed, and the "
                "same number in every row",
                path=path,
                remedy="Correct that row, or write the file again with the program that made it",
            )
    return rows


def _is_flag(tokens: Iterable[str]) -> NDArray[np.bool_]:
    return np.array([token in _EMAN_FLAGS for token in tokens], np.bool_)


def _score_tokens(picks: PickTable, old: Tokens) -> list[str]:
    still = _is_flag(old) & np.isnan(picks.score)
    return kept_tokens(still, old, score_tokens(picks.score, np.where(_is_flag(old), "", old)))


def _title(column: int) -> str:
    return _TITLES[column] if column < len(_TITLES) else f"box:column{column + 1}"


def _read_helices(text: str, path: Path, micrographs: Sequence[Micrograph]) -> PickTable:
    """EMAN2's helix files: a line for each helix, then the centres of its segments."""
    name, helix, width = "", 0, np.nan
    points: list[tuple[str, str]] = []
    helices: list[str] = []
    diameters: list[float] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("#micrograph:"):
            name = line.partition(":")[2].strip()
        elif match := _HELIX.match(line):
            helix, width = helix + 1, float(numbers([match[3]], "width", path)[0])
        elif line.strip() and not line.startswith("#"):
            values = line.split()
            if len(values) != 2:
                raise CryoAIError(
                    f"line {number} has {len(values)} values instead of x and y",
                    path=path,
                    remedy="Write the file again with the program that made it",
                )
            points.append((values[0], values[1]))
            helices.append(str(helix))
            diameters.append(width)
    x, y = (numbers([p[i] for p in points], "xy"[i], path) for i in (0, 1))
    yx = centres(x, y, path)
    picks = PickTable.of_points("", yx, diameter_px=diameters, extra={HELIX: helices})
    if name:
        return assign(picks, [name] * len(picks), micrographs, path)
    return replace(picks, names=(name_of_file(path, micrographs),))


def looks_like(head: str) -> bool:
    """Whether the beginning of a file is that of a box file."""
    first: Sequence[str] = head.strip().split("\n", 1)[0].split()
    return head.startswith("#micrograph") or (len(first) >= 4 and all(map(is_number, first)))
