"""STAR files as RELION and its neighbours write them: tables of text, token for token.

RELION's STAR is a dialect of its own, read line by line: one row a line, values apart by blanks.
It is not the CIF that crystallographers mean by STAR: paths with leading underscores, `#`, `[` or
letters outside ASCII are plain values to RELION and syntax errors, or silently skipped rows, to a
CIF parser. So this reader follows RELION's rules.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import StarTable
from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.guards import read_text

AnyPath = str | PathLike[str]

_QUOTED = r"'(?:[^']|'(?=\S))*'(?=\s|$)|\"(?:[^\"]|\"(?=\S))*\"(?=\s|$)"
_VALUES = re.compile(rf"{_QUOTED}|\S+")
_ONE_QUOTED = re.compile(_QUOTED)
_LABEL = re.compile(r"_\S+(\s+#.*)?")
_UNSAFE = re.compile(r"^$|\s|^[_#$'\"\[\];]|^(data_|loop_|save_|stop_|global_)", re.IGNORECASE)
_TRIPS_RELION = re.compile(r"^$|\s|^[#'\"]")


class Pairs(dict[str, tuple[str, ...]]):
    """A table of one row that was, and will be, written as a list of `_label value` lines."""


def read_star(path: AnyPath) -> dict[str, dict[str, tuple[str, ...]]]:
    """Read all tables of a STAR file.

    Returns
    -------
    blocks
        By the name after `data_` (often ""), each a table: column name without its underscore to
        values, each exactly as written, quotes included (`unquoted` takes them off).

    Raises
    ------
    CryoAIError
        If it is no STAR file, or a row has too few or too many values; the line is named.
    """
    text = read_text(path)
    return _Parser(Path(path), text.split("\n")).blocks()


def write_star(
    path: AnyPath, blocks: Mapping[str, StarTable], *, comment: str = "version 30001"
) -> None:
    """Write tables in RELION's layout; the file appears when it is complete.

    Values are written as they are, and quoted only where a reader would trip over them.
    """
    lines = [line for name, table in blocks.items() for line in _block_lines(name, table, comment)]
    write_text(path, "\n".join((*lines, "")))


def quoted(value: str) -> str:
    """A text as a STAR token that every reader takes, in quotes only if it needs them."""
    if not _UNSAFE.search(value):
        return value
    for token in (f'"{value}"', f"'{value}'"):
        if "\n" not in token and _ONE_QUOTED.fullmatch(token):
            return token
    raise CryoAIError(
        f"the name {value!r} cannot be written in a STAR file",
        remedy="Rename it without line breaks and quotation marks",
    )


def unquoted(token: str) -> str:
    """The text that a STAR token stands for."""
    is_quoted = len(token) > 1 and token[0] in "'\"" and token[-1] == token[0]
    return token[1:-1] if is_quoted else token


def table_length(table: StarTable) -> int:
    """Number of rows."""
    return len(next(iter(table.values()), ()))


class _Parser:
    def __init__(self, path: Path, lines: Sequence[str]):
        self.path = path
        self.lines = lines
        self.at = 0

    def blocks(self) -> dict[str, dict[str, tuple[str, ...]]]:
        blocks: dict[str, dict[str, tuple[str, ...]]] = {}
        self._skip_blank()
        while self.at < len(self.lines):
            line = self.lines[self.at].split()
            if len(line) != 1 or not line[0].startswith("data_"):
                raise self._error("a line that begins with 'data_' is missing before this one")
            name = line[0][len("data_") :]
            if name in blocks:
                raise self._error(f"there are two tables of the name '{name}'")
            self.at += 1
            blocks[name] = self._table()
        if not blocks:
            raise self._error("there is no table in it")
        return blocks

    def _table(self) -> dict[str, tuple[str, ...]]:
        self._skip_blank()
        if not self._is("loop_"):
            return self._pairs()
        self.at += 1
        labels = self._labels()
        columns = self._plain_columns(len(labels)) or self._columns(len(labels))
        if self._is("loop_"):
            raise self._error("a second 'loop_' in one table")
        return dict(zip(labels, columns, strict=True))

    def _labels(self) -> list[str]:
        labels: list[str] = []
        self._skip_blank()
        while self.at < len(self.lines) and _LABEL.fullmatch(line := self.lines[self.at].strip()):
            label = line.split(maxsplit=1)[0][1:]
            if label in labels:
                raise self._error(f"the column '{label}' is there twice")
            labels.append(label)
            self.at += 1
        if not labels:
            raise self._error("no column names (like _rlnCoordinateX) follow 'loop_'")
        return labels

    def _plain_columns(self, width: int) -> list[tuple[str, ...]]:
        """The columns of a loop without quotes and comments; none if anything is unusual.

        Three times as fast as row by row, for it keeps no list for each row.
        """
        last = len(self.lines)
        end = next((i for i in range(self.at, last) if _ends_table(self.lines[i])), last)
        body = self.lines[self.at : end]
        text = "\n".join(body)
        if any(mark in text for mark in "'\"#") or set(map(len, map(str.split, body))) - {0, width}:
            return []
        self.at = end
        values = text.split()
        return [tuple(values[column::width]) for column in range(width)]

    def _columns(self, width: int) -> list[tuple[str, ...]]:
        rows = list(self._rows(width))
        return list(zip(*rows, strict=True)) or [()] * width

    def _rows(self, width: int) -> Iterator[Sequence[str]]:
        """The rows of a loop; blank lines between them are skipped, as RELION 5 does."""
        while self.at < len(self.lines):
            line = self.lines[self.at]
            row: Sequence[str] = line.split()
            if not row or row[0].startswith("#"):
                self.at += 1
                continue
            if _ends_table(line):
                return
            if "'" in line or '"' in line or " #" in line or "\t#" in line:
                row = _VALUES.findall(_without_comment(line))
            if len(row) != width:
                raise self._error(f"{len(row)} values in a row of {width} columns")
            yield row
            self.at += 1

    def _pairs(self) -> Pairs:
        pairs = Pairs()
        while not (self.at >= len(self.lines) or self._is("data_")):
            line = self.lines[self.at]
            values = _VALUES.findall(_without_comment(line))
            if self._is("loop_") or len(values) != 2 or not values[0].startswith("_"):
                raise self._error("a line like '_label value' was expected")
            if values[0][1:] in pairs:
                raise self._error(f"'{values[0]}' is there twice")
            pairs[values[0][1:]] = (values[1],)
            self.at += 1
            self._skip_blank()
        return pairs

    def _is(self, keyword: str) -> bool:
        return self.at < len(self.lines) and self.lines[self.at].lstrip().startswith(keyword)

    def _skip_blank(self) -> None:
        while self.at < len(self.lines):
            line = self.lines[self.at].lstrip()
            if line and not line.startswith("#"):
                return
            self.at += 1

    def _error(self, problem: str) -> CryoAIError:
        return CryoAIError(
            f"is not a STAR file that can be read: line {min(self.at + 1, len(self.lines))}: "
            f"{problem}",
            path=self.path,
            remedy="Check that it is a STAR file and whole; write it again with the program "
            "that made it",
        )


def _ends_table(line: str) -> bool:
    """Whether a line begins something new; a path like `data_1/a.mrc` in a row does not."""
    line = line.strip()
    return line == "loop_" or (line.startswith("data_") and len(line.split()) == 1)


def _without_comment(line: str) -> str:
    """The line up to a `#` that begins a word outside quotes."""
    if "#" not in line:
        return line
    for match in _VALUES.finditer(line):
        if match[0].startswith("#"):
            return line[: match.start()]
    return line


def _block_lines(name: str, table: StarTable, comment: str) -> Iterator[str]:
    yield from ("", f"# {comment}", "", f"data_{name}", "")
    if isinstance(table, Pairs):
        yield from (f"_{label}  {_token(values[0])}" for label, values in table.items())
    else:
        yield "loop_"
        yield from (f"_{label} #{i}" for i, label in enumerate(table, 1))
        yield from _row_lines(table.values())
    yield ""


def _row_lines(columns: Collection[Sequence[str]]) -> Iterator[str]:
    # A lone value on a line can look like a column name or the head of the next table.
    check = _UNSAFE if len(columns) == 1 else _TRIPS_RELION
    padded = []
    for column in columns:
        tokens = [_token(value, check) for value in column]
        width = max(map(len, tokens), default=0)
        padded.append([value.rjust(width) for value in tokens])
    return map(" ".join, zip(*padded, strict=True))


def _token(value: str, check: re.Pattern[str] = _TRIPS_RELION) -> str:
    """The value as it stands if RELION reads it so, which any value it wrote does; else quoted."""
    if not check.search(value) or _ONE_QUOTED.fullmatch(value):
        return value
    return quoted(value)
