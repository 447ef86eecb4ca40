"""Tables with titles: CSV of any program, CryoPPP's, and Topaz's tab-separated files.

Documented in `docs/formats/csv.md` and `docs/formats/topaz.md`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.columns import (
    Floats,
    Tokens,
    blank,
    centres,
    kept_tokens,
    numbers,
    parsed,
    score_tokens,
    scores,
    trimmed,
)
from napari_cryoai.io.guards import read_text
from napari_cryoai.io.names import assign, name_of_file, without_additions

_TITLES = {
    "x": ("x_px", "x-coordinate", "x_coord", "x", "xcoord", "rlncoordinatex"),
    "y": ("y_px", "y-coordinate", "y_coord", "y", "ycoord", "rlncoordinatey"),
    "score": ("score", "confidence", "rlnautopickfigureofmerit"),
    "diameter": ("diameter_px", "diameter"),
    "micrograph": (
        *("micrograph", "image_name", "micrograph_name", "filename", "rlnmicrographname"),
        *("image", "file"),
    ),
}
"""Titles that mean these columns, best first, whatever their case."""


@dataclass(frozen=True)
class Layout:
    """How one kind of table looks.

    Attributes
    ----------
    prefix
        Marks its foreign columns in a pick table.
    delimiter
        Between the values that are written.
    titles
        What to call the columns that a new file has, by what they mean.
    bare_names
        Whether micrographs are named without folder and ending.
    """

    prefix: str
    delimiter: str
    titles: Mapping[str, str]
    bare_names: bool = False


CSV = Layout("csv:", ",", {k: v[0] for k, v in _TITLES.items()})
TOPAZ = Layout(
    "topaz:",
    "\t",
    {"micrograph": "image_name", "x": "x_coord", "y": "y_coord", "score": "score"},
    bare_names=True,
)


def read(path: Path, micrographs: Sequence[Micrograph], layout: Layout) -> PickTable:
    """Read a table; columns are known by their titles, in any order."""
    columns = _columns(read_text(path), path)
    own = find_columns(columns)
    if "x" not in own or "y" not in own:
        raise CryoAIError(
            f"has no columns that are titled x_px and y_px, only {', '.join(columns)[:80]}",
            path=path,
            remedy="Name the columns of the centres x_px and y_px in the first line",
        )
    x, y = (numbers(columns[own[k]], own[k], path) for k in "xy")
    picks = PickTable.of_points(
        "",
        centres(x, y, path),
        score=_scores(columns, own, path),
        diameter_px=_diameters(columns, own, path),
        extra={f"{layout.prefix}{title}": tokens for title, tokens in columns.items()},
    )
    if "micrograph" in own:
        return assign(picks, columns[own["micrograph"]], micrographs, path)
    return replace(picks, names=(name_of_file(path, micrographs),))


def write(picks: PickTable, path: Path, layout: Layout) -> None:
    """Write all picks of the table; columns that came from such a table keep place and text."""
    old = {
        key.removeprefix(layout.prefix): tokens
        for key, tokens in picks.extra.items()
        if key.startswith(layout.prefix)
    }
    own = find_columns(old)
    columns = _own_columns(picks, old, own, layout)
    table = {own.get(k, layout.titles.get(k, "")): tokens for k, tokens in columns.items()}
    order = [title for title in old if title in table] + [t for t in table if t not in old]
    table = {title: table[title] for title in order if title}
    table |= {title: tokens.tolist() for title, tokens in old.items() if title not in table}
    text = io.StringIO()
    writer = csv.writer(text, delimiter=layout.delimiter, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    write_text(path, text.getvalue())


def find_columns(titles: Iterable[str]) -> dict[str, str]:
    """The title in use for each meaning."""
    by_name = {title.strip().lstrip("_").lower(): title for title in titles}
    found = {k: next((by_name[t] for t in v if t in by_name), None) for k, v in _TITLES.items()}
    return {meaning: title for meaning, title in found.items() if title is not None}


def looks_like(head: str) -> bool:
    """Whether the beginning of a file is that of a table with titled coordinates."""
    first = head.lstrip("\ufeff").split("\n", 1)[0]
    own = find_columns(first.replace('"', "").replace(";", ",").replace("\t", ",").split(","))
    return "x" in own and "y" in own


def _columns(text: str, path: Path) -> dict[str, list[str]]:
    first = text.split("\n", 1)[0]
    delimiter = max("\t;,", key=first.count)
    try:
        lines = list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise _error(str(error), path) from None
    lines = [line for line in lines if any(value.strip() for value in line)]
    if not lines:
        raise _error("it has no line with titles", path)
    titles, rows = [title.strip() for title in lines[0]], lines[1:]
    if len(set(titles)) < len(titles):
        raise _error("two columns have the same title", path)
    for number, row in enumerate(rows, 2):
        if len(row) != len(titles):
            raise _error(f"row {number} has {len(row)} values for {len(titles)} titles", path)
    return {title: [row[i] for row in rows] for i, title in enumerate(titles)}


def _error(problem: str, path: Path) -> CryoAIError:
    return CryoAIError(
        f"is not a table that can be read: {problem}",
        path=path,
        remedy="Correct it, or export it again as CSV with one line of titles",
    )


def _scores(
    columns: Mapping[str, Sequence[str]], own: Mapping[str, str], path: Path
) -> Floats | float:
    if "score" not in own:
        return np.nan
    title = own["score"]
    return scores([token.strip() or "nan" for token in columns[title]], title, path)


def _diameters(
    columns: Mapping[str, Sequence[str]], own: Mapping[str, str], path: Path
) -> Floats | float:
    if "diameter" not in own:
        return np.nan
    title = own["diameter"]
    values = numbers([token.strip() or "nan" for token in columns[title]], title, path)
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def _own_columns(
    picks: PickTable, old: Mapping[str, Tokens], own: Mapping[str, str], layout: Layout
) -> dict[str, list[str]]:
    n = len(picks)
    read_tokens = {k: old[own[k]] if k in own else blank(n) for k in _TITLES}
    x, y = read_tokens["x"], read_tokens["y"]
    same = (np.stack([parsed(y), parsed(x)], -1) == picks.yx_px).all(1)
    columns = {
        "micrograph": _names(picks, read_tokens["micrograph"], layout),
        "x": kept_tokens(same, x, trimmed(picks.yx_px[:, 1])),
        "y": kept_tokens(same, y, trimmed(picks.yx_px[:, 0])),
    }
    if "score" in own or not np.isnan(picks.score).all():
        columns["score"] = score_tokens(picks.score, _stripped(read_tokens["score"]))
    if "diameter" in own or ("diameter" in layout.titles and not np.isnan(picks.diameter_px).all()):
        diameter = _stripped(read_tokens["diameter"])
        unchanged = parsed(diameter).astype(np.float32) == picks.diameter_px
        new = ["" if t == "nan" else t for t in picks.diameter_px.astype(str).tolist()]
        columns["diameter"] = kept_tokens(unchanged, diameter, new)
    return columns


def _names(picks: PickTable, old: Tokens, layout: Layout) -> list[str]:
    pairs = list(zip(picks.micrograph.tolist(), old.tolist(), strict=True))
    named = {i: token for i, token in pairs if token}
    for i, name in enumerate(picks.names):
        named.setdefault(i, without_additions(name) if layout.bare_names else name)
    return [token or named[i] for i, token in pairs]


def _stripped(tokens: Tokens) -> Tokens:
    return np.array([token.strip() for token in tokens.tolist()], object)
