"""The formats of picks: how each is called, known, read and written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, concatenate
from napari_cryoai.io import box, cbox, cryosparc, eman2_json, relion, relion_index
from napari_cryoai.io import table as tables
from napari_cryoai.io.star import read_star


@dataclass(frozen=True)
class Output:
    """What a writer is told besides the picks.

    Attributes
    ----------
    micrographs
        For pixel sizes and shapes.
    box_size_px
        Side of the boxes, in formats that have some.
    full
        Write source, state, junk flag and diameter too, where the format has room.
    """

    micrographs: Sequence[Micrograph] = ()
    box_size_px: float | None = None
    full: bool = False


@dataclass(frozen=True)
class PickFormat:
    """One format of pick files.

    Attributes
    ----------
    name
        How the command line and the menus call it.
    suffixes
        Endings of its files, the one we write first.
    description
        One line for the user.
    per_micrograph
        Whether a file holds the picks of one micrograph, and not of the whole set.
    read, write
        Read one file; write one file, and say which files that made.
    """

    name: str
    suffixes: tuple[str, ...]
    description: str
    per_micrograph: bool
    read: Callable[[Path, Sequence[Micrograph]], PickTable]
    write: Callable[[PickTable, Path, Output], list[Path]]

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(self.suffixes)})"


def format_named(name: str) -> PickFormat:
    """The format of that name."""
    for known in FORMATS:
        if known.name == name:
            return known
    raise CryoAIError(
        f"'{name}' is not a format of picks",
        remedy=f"Choose one of {', '.join(known.name for known in FORMATS)}",
    )


def detect(path: Path) -> PickFormat:
    """The format of a file, by its ending, or by how it begins if the ending says nothing."""
    if path.suffix.lower() != ".txt" and (known := of_ending(path)):
        return known
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"\x93NUMPY"):
        return format_named("cryosparc")
    text = head.decode("utf-8-sig", "replace").replace("\r", "\n")
    sniffs = {
        "cbox": cbox.looks_like(text),
        "relion": "\ndata_" in f"\n{text}",
        "topaz": tables.looks_like(text) and "\t" in text,
        "csv": tables.looks_like(text),
        "box": box.looks_like(text),
        "eman2": text.lstrip().startswith("{"),
    }
    for name, fits in sniffs.items():
        if fits:
            return format_named(name)
    raise unknown_format(path)


def of_ending(path: Path) -> PickFormat | None:
    """The format whose files end so; the first, if several do."""
    name = path.name.lower()
    return next((known for known in FORMATS if name.endswith(known.suffixes)), None)


def unknown_format(path: Path) -> CryoAIError:
    """What to raise for a file of no known format."""
    return CryoAIError(
        "is of no format of picks that we know",
        path=path,
        remedy=f"Name the format, one of: {', '.join(map(str, FORMATS))}",
    )


def _read_star(path: Path, micrographs: Sequence[Micrograph]) -> PickTable:
    blocks = read_star(path)
    if cbox.BLOCK in blocks:
        return cbox.read(path, micrographs)
    if relion_index.BLOCK in blocks:
        return relion_index.read(blocks[relion_index.BLOCK], path, micrographs, _read_listed)
    return relion.of_blocks(blocks, path, micrographs)


def _read_listed(path: Path, micrographs: Sequence[Micrograph]) -> PickTable:
    """A file that a list names: of one micrograph, and no list itself."""
    if path.suffix.lower() == ".box":
        return box.read(path, micrographs)
    blocks = read_star(path)
    alone = {name: _without_names(columns) for name, columns in blocks.items()}
    return relion.of_blocks(alone, path, micrographs)


def _without_names(columns: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {label: tokens for label, tokens in columns.items() if label != relion.NAME}


def _write_relion(picks: PickTable, path: Path, output: Output) -> list[Path]:
    relion.write(picks, path, output.micrographs, full=output.full)
    return [path]


def _write_index(picks: PickTable, path: Path, _: Output) -> list[Path]:
    index = path if path.suffix else path / "coordinates.star"
    names = [name for name, count in picks.counts().items() if count]
    return relion_index.write(_of_names(picks, names), index)


def _of_names(picks: PickTable, names: Sequence[str]) -> PickTable:
    """The table with only these micrographs, which have all its picks."""
    return concatenate(picks.of(name) for name in names) if names else replace(picks, names=())


def _write_box(picks: PickTable, path: Path, output: Output) -> list[Path]:
    box.write(picks, path, output.box_size_px)
    return [path]


def _write_cbox(picks: PickTable, path: Path, output: Output) -> list[Path]:
    cbox.write(picks, path, output.box_size_px)
    return [path]


def _write_eman2(picks: PickTable, path: Path, _: Output) -> list[Path]:
    eman2_json.write(picks, path)
    return [path]


def _write_cryosparc(picks: PickTable, path: Path, output: Output) -> list[Path]:
    cryosparc.write(picks, path, output.micrographs)
    return [path]


def _read_topaz(path: Path, micrographs: Sequence[Micrograph]) -> PickTable:
    return tables.read(path, micrographs, tables.TOPAZ)


def _write_topaz(picks: PickTable, path: Path, _: Output) -> list[Path]:
    tables.write(picks, path, tables.TOPAZ)
    return [path]


def _read_csv(path: Path, micrographs: Sequence[Micrograph]) -> PickTable:
    return tables.read(path, micrographs, tables.CSV)


def _write_csv(picks: PickTable, path: Path, _: Output) -> list[Path]:
    tables.write(picks, path, tables.CSV)
    return [path]


FORMATS = (
    PickFormat(
        "relion",
        (".star",),
        "RELION 3.1 to 5, one STAR file for all micrographs (reads 3.0 too)",
        False,
        _read_star,
        _write_relion,
    ),
    PickFormat(
        "relion-coordinates",
        (".star",),
        "RELION 4 and 5, a list and one STAR file for each micrograph",
        False,
        _read_star,
        _write_index,
    ),
    PickFormat(
        "cryosparc",
        (".cs",),
        "cryoSPARC's table of particles",
        False,
        cryosparc.read,
        _write_cryosparc,
    ),
    PickFormat("box", (".box",), "EMAN1 boxes", True, box.read, _write_box),
    PickFormat("cbox", (".cbox",), "crYOLO's boxes with confidence", True, cbox.read, _write_cbox),
    PickFormat(
        "eman2",
        ("_info.json", ".json"),
        "EMAN2's info files",
        True,
        eman2_json.read,
        _write_eman2,
    ),
    PickFormat(
        "topaz", (".txt", ".tsv"), "Topaz's table of coordinates", False, _read_topaz, _write_topaz
    ),
    PickFormat(
        "csv", (".csv",), "Table with the columns x_px and y_px", False, _read_csv, _write_csv
    ),
)
"""All formats; of two that share an ending, the first is meant where nobody says."""
