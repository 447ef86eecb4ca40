"""Picks in RELION's STAR files: versions 3.0, 3.1, 4 and 5, one file for all or one each.

Documented in `docs/formats/relion.md`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, Source, StarTable, State
from napari_cryoai.io.columns import (
    Floats,
    blank,
    centres,
    decimals,
    filled,
    is_numeric,
    kept_tokens,
    numbers,
    parsed,
    score_tokens,
    scores,
)
from napari_cryoai.io.names import assign, name_of_file
from napari_cryoai.io.relion_shifts import GROUP, SHIFTS_A, SHIFTS_PX, Shifts
from napari_cryoai.io.star import quoted, read_star, table_length, unquoted, write_star

NAME, X, Y = "rlnMicrographName", "rlnCoordinateX", "rlnCoordinateY"
FOM = "rlnAutopickFigureOfMerit"
SOURCE, STATE, JUNK, DIAMETER = (
    "cryoaiSource",
    "cryoaiState",
    "cryoaiInJunk",
    "cryoaiDiameter",
)
FULL = (SOURCE, STATE, JUNK, DIAMETER)
CENTRE = "relion:centre"
"""Where a pick was when it was read, if its file shifts it from the coordinate it names."""


def read(path: Path, micrographs: Sequence[Micrograph]) -> PickTable:
    """Read a STAR file that holds particles or coordinates."""
    return of_blocks(read_star(path), path, micrographs)


def of_blocks(
    blocks: Mapping[str, StarTable], path: Path, micrographs: Sequence[Micrograph]
) -> PickTable:
    """Picks of the tables of one STAR file; those that are not particles become the sidecar."""
    block = particle_block(blocks, path)
    table = blocks[block]
    stored = centres(numbers(table[X], X, path), numbers(table[Y], Y, path), path)
    picks = PickTable.of_points(
        "",
        stored,
        score=scores(table[FOM], FOM, path) if FOM in table else np.nan,
        diameter_px=_diameters(table, path),
        source=_codes(table, SOURCE, Source, Source.IMPORTED, path),
        state=_codes(table, STATE, State, State.KEPT, path),
        in_junk=numbers(table[JUNK], JUNK, path) != 0 if JUNK in table else False,
        extra={label: tokens for label, tokens in table.items() if label not in FULL},
        sidecar={name: other for name, other in blocks.items() if name != block},
    )
    if NAME in table:
        picks = assign(picks, [unquoted(token) for token in table[NAME]], micrographs, path)
    else:
        picks = replace(picks, names=(name_of_file(path, micrographs),))
    shifts = Shifts.of(table, blocks.get("optics", {}), path)
    yx = stored - shifts.in_pixels(_pixel_sizes(picks, micrographs))
    if np.array_equal(yx, stored):
        return picks
    return replace(picks, yx_px=yx, extra={**picks.extra, CENTRE: _centre_tokens(yx)})


def _pixel_sizes(picks: PickTable, micrographs: Sequence[Micrograph]) -> Floats:
    """Pixel size of each pick's micrograph; NaN if it is not known."""
    sizes = {m.name: m.pixel_size_A or np.nan for m in micrographs}
    return np.array([sizes.get(name, np.nan) for name in picks.names])[picks.micrograph]


def write(
    picks: PickTable, path: Path, micrographs: Sequence[Micrograph], *, full: bool = False
) -> None:
    """Write all picks of the table as `data_optics` and `data_particles`."""
    write_star(path, to_blocks(picks, micrographs, full=full))


def to_blocks(
    picks: PickTable, micrographs: Sequence[Micrograph], *, full: bool = False
) -> dict[str, StarTable]:
    """The tables that a RELION 3.1 to 5 file holds for these picks."""
    optics, group = _optics(picks, micrographs)
    table = {NAME: _name_tokens(picks), **_position_columns(picks), GROUP: group}
    table |= _foreign_columns(picks, table)
    if full:
        table |= _own_columns(picks)
    sidecar = {k: v for k, v in picks.sidecar.items() if k != "particles" and ":" not in k}
    columns = {label: tuple(tokens) for label, tokens in table.items()}
    return {**sidecar, "optics": optics, "particles": columns}


def coordinate_blocks(picks: PickTable) -> dict[str, StarTable]:
    """The table of a file of one micrograph, as RELION's pickers write them."""
    table = _position_columns(picks)
    table |= _foreign_columns(picks, {*table, NAME, GROUP})
    return {"": {label: tuple(tokens) for label, tokens in table.items()}}


def particle_block(blocks: Mapping[str, StarTable], path: Path) -> str:
    """Name of the table that holds coordinates."""
    for name, table in blocks.items():
        if X in table and Y in table:
            return name
    columns = [label for table in blocks.values() for label in table]
    raise CryoAIError(
        "holds no coordinates: the columns _rlnCoordinateX and _rlnCoordinateY are missing"
        + (f" among {', '.join(columns[:6])}" if columns else ""),
        path=path,
        remedy="Choose the STAR file of picks or particles, not the one of micrographs or models",
    )


def _diameters(table: StarTable, path: Path) -> Floats | float:
    for label in (DIAMETER, "rlnDiameter"):
        if label in table:
            values = numbers(table[label], label, path)
            return np.where(values > 0, values, np.nan)
    return np.nan


def _codes(
    table: StarTable,
    label: str,
    kind: type[Source] | type[State],
    default: Source | State,
    path: Path,
) -> NDArray[np.uint8] | int:
    """Words like 'manual' to the numbers that the table keeps."""
    if label not in table:
        return int(default)
    codes = {member.name.lower(): int(member) for member in kind}
    unknown = set(table[label]) - set(codes)
    if unknown:
        raise CryoAIError(
            f"'{min(unknown)}' in column '{label}' is none of {', '.join(codes)}",
            path=path,
            remedy="Correct that value, or remove the column",
        )
    return np.array([codes[token] for token in table[label]], np.uint8)


def _optics(picks: PickTable, micrographs: Sequence[Micrograph]) -> tuple[StarTable, Sequence[str]]:
    """The optics table, and the group of each pick."""
    optics = picks.sidecar.get("optics", {})
    if table_length(optics) and GROUP in optics:
        tokens = picks.extra.get(GROUP, blank(len(picks)))
        pairs = list(zip(picks.micrograph.tolist(), tokens.tolist(), strict=True))
        group_of = {i: token for i, token in pairs if token}
        return optics, [token or group_of.get(i, optics[GROUP][0]) for i, token in pairs]
    sizes_A = {m.name: m.pixel_size_A for m in micrographs}
    known_A = [sizes_A.get(name) or 0.0 for name in picks.names] or [0.0]
    found_A = list(dict.fromkeys(known_A)) if all(known_A) else [0.0]
    table: dict[str, tuple[str, ...]] = {
        "rlnOpticsGroupName": tuple(f"opticsGroup{i + 1}" for i in range(len(found_A))),
        GROUP: tuple(str(i + 1) for i in range(len(found_A))),
    }
    if all(found_A):
        sizes = tuple(f"{size:.6f}" for size in found_A)
        table |= {"rlnMicrographPixelSize": sizes, "rlnMicrographOriginalPixelSize": sizes}
    group = [str(found_A.index(size) + 1) if size in found_A else "1" for size in known_A]
    return table, [group[i] for i in picks.micrograph.tolist()]


def _name_tokens(picks: PickTable) -> list[str]:
    """The names as the file had them, and for new picks as the other picks of the micrograph."""
    tokens = picks.extra.get(NAME, blank(len(picks)))
    pairs = list(zip(picks.micrograph.tolist(), tokens.tolist(), strict=True))
    named = {i: token for i, token in pairs if token}
    fresh = [named.get(i) or quoted(name) for i, name in enumerate(picks.names)]
    return [token or fresh[i] for i, token in pairs]


def _position_columns(picks: PickTable) -> dict[str, Sequence[str]]:
    """Coordinates, score and shifts: as they were read unless they were changed since."""
    n = len(picks)
    x, y = picks.extra.get(X, blank(n)), picks.extra.get(Y, blank(n))
    if CENTRE in picks.extra:
        same = np.asarray(picks.extra[CENTRE] == _centre_tokens(picks.yx_px), np.bool_)
    else:
        same = (np.stack([parsed(y), parsed(x)], -1) == picks.yx_px).all(1)
    columns: dict[str, Sequence[str]] = {
        X: kept_tokens(same, x, decimals(picks.yx_px[:, 1])),
        Y: kept_tokens(same, y, decimals(picks.yx_px[:, 0])),
        FOM: score_tokens(picks.score, picks.extra.get(FOM)),
    }
    for label in (*SHIFTS_A, *SHIFTS_PX) if CENTRE in picks.extra else ():
        if label in picks.extra:
            columns[label] = kept_tokens(same, picks.extra[label], ["0.000000"] * n)
    return columns


def _own_columns(picks: PickTable) -> dict[str, Sequence[str]]:
    return {
        SOURCE: [Source(code).name.lower() for code in picks.source.tolist()],
        STATE: [State(code).name.lower() for code in picks.state.tolist()],
        JUNK: [str(int(flag)) for flag in picks.in_junk.tolist()],
        DIAMETER: np.nan_to_num(picks.diameter_px).astype(str).tolist(),
    }


def _centre_tokens(yx_px: Floats) -> NDArray[np.object_]:
    tokens = np.empty(len(yx_px), object)
    tokens[:] = [f"{x!r} {y!r}" for y, x in yx_px.tolist()]
    return tokens


def _foreign_columns(picks: PickTable, but: Container[str]) -> dict[str, Sequence[str]]:
    """Columns that are not ours, with something sensible in the rows that were added later.

    That is what all picks of the micrograph have in common (its defocus, its voltage), or else 0,
    or None in a column of text. Names of particle images are never passed on.
    """
    columns: dict[str, Sequence[str]] = {}
    for label, tokens in picks.extra.items():
        if label in but or ":" in label:
            continue
        values: list[str] = tokens.tolist()
        if "" in values:
            dummy = "0" if is_numeric(values) else "None"
            values = filled(tokens, picks.micrograph, dummy)
            if "Image" in label:
                values = [token or dummy for token in tokens.tolist()]
        columns[label] = values
    return columns
