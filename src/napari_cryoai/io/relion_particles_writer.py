"""Particle images in RELION 3.1's STAR files, which 4 and 5 read too: the writer.

What was read and still holds is written as it was, token for token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.euler import matrices_from_zyz, zyz_from_matrices
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.core.picks import StarTable
from napari_cryoai.io.columns import (
    Floats,
    blank,
    decimals,
    is_number,
    kept_tokens,
    score_tokens,
    trimmed,
)
from napari_cryoai.io.image_stacks import StackedImages, locate, same_image, spelling
from napari_cryoai.io.optics import DETECTOR, GROUP, GROUP_NAME
from napari_cryoai.io.relion import FOM, NAME, X, Y
from napari_cryoai.io.relion_particles import (
    ANGLES,
    BOX_SIZE,
    DEFOCUS,
    FLAGS,
    HALF,
    IMAGE,
    MICROSCOPE,
    OTHER_CTF,
    PIXEL_SIZE,
    SIGN,
)
from napari_cryoai.io.relion_shifts import SHIFTS_A, SHIFTS_PX
from napari_cryoai.io.star import quoted, table_length, unquoted, write_star

_MOVED = (*DETECTOR, *SHIFTS_PX, *MICROSCOPE.values(), *FLAGS.values(), PIXEL_SIZE, BOX_SIZE, SIGN)
"""Columns of RELION 3.0's one table that 3.1 keeps per optics group, or in other units."""


def write(stack: ParticleStack, path: Path) -> None:
    """Write the metadata of a stack; its images stay in the files they are in."""
    write_star(path, to_blocks(stack, path))


def to_blocks(stack: ParticleStack, path: Path) -> dict[str, StarTable]:
    """The tables of the file: `optics`, `particles`, and whatever else it came with."""
    optics, groups = _optics(stack)
    columns: dict[str, Sequence[str]] = {
        label: tokens.tolist()
        for label, tokens in stack.extra.items()
        if label not in _MOVED and ":" not in label
    }
    columns |= {IMAGE: _image_names(stack, path), GROUP: groups, **_micrograph_columns(stack)}
    columns |= {**_pose_columns(stack), **_ctf_columns(stack)}
    if HALF in columns or stack.half.any():
        columns[HALF] = _kept(stack, HALF, stack.half.astype(float), places=0)
    table = {label: tuple(tokens) for label, tokens in columns.items()}
    others = {k: v for k, v in stack.sidecar.items() if k not in ("optics", "particles")}
    return {"optics": optics, "particles": table | _signs(stack), **others}


def _image_names(stack: ParticleStack, path: Path) -> list[str]:
    images = stack.images
    if isinstance(images, StackedImages):
        images = images.renamed([_spelt(f.said, f.path, path) for f in images.files])
    names = images.names()
    if names is None:
        raise ValueError("the images are in no file")
    old = stack.extra.get(IMAGE, blank(len(stack))).tolist()
    return [
        token if token and same_image(unquoted(token), name) else quoted(name)
        for token, name in zip(old, names, strict=True)
    ]


def _signs(stack: ParticleStack) -> dict[str, tuple[str, ...]]:
    """A column of our own for images whose density is dark, as cryoSPARC stores them."""
    if not isinstance(stack.images, StackedImages) or (stack.images.sign > 0).all():
        return {}
    return {SIGN: tuple(str(sign) for sign in stack.images.sign.tolist())}


def _spelt(said: str, file: Path, path: Path) -> str:
    """The name that the file had, if it means the same file from where it is written to."""
    try:
        found = locate(said, path)
    except CryoAIError:
        found = None
    return said if found and found.samefile(file) else spelling(file, path)


def _micrograph_columns(stack: ParticleStack) -> dict[str, Sequence[str]]:
    columns: dict[str, Sequence[str]] = {}
    if stack.names:
        old = stack.extra.get(NAME, blank(len(stack)))
        names = np.array([*stack.names, "None"], object)[stack.micrograph].tolist()
        pairs = zip(old.tolist(), names, strict=True)
        columns[NAME] = [t if t and unquoted(t) == name else quoted(name) for t, name in pairs]
    if np.isfinite(stack.yx_px).any() or X in stack.extra:
        columns[X] = _kept(stack, X, stack.yx_px[:, 1])
        columns[Y] = _kept(stack, Y, stack.yx_px[:, 0])
    if FOM in stack.extra or not np.isnan(stack.score).all():
        columns[FOM] = score_tokens(stack.score, stack.extra.get(FOM))
    return columns


def _pose_columns(stack: ParticleStack) -> dict[str, Sequence[str]]:
    columns: dict[str, Sequence[str]] = {}
    if stack.rotations is not None:
        old = [_parsed(stack, label) for label in ANGLES]
        change = np.abs(matrices_from_zyz(*old) - stack.rotations).max((1, 2), initial=0)
        same = np.asarray(change < 1e-9)  # not where a token is missing: NaN is not less
        for label, new in zip(ANGLES, zyz_from_matrices(stack.rotations), strict=True):
            columns[label] = kept_tokens(same, _old(stack, label), decimals(new))
    if stack.shifts_yx_A.any() or {*SHIFTS_A, *SHIFTS_PX} & stack.extra.keys() or columns:
        for axis, label in ((1, SHIFTS_A[0]), (0, SHIFTS_A[1])):
            columns[label] = _kept(stack, label, 0.0 - stack.shifts_yx_A[:, axis])
    return columns


def _ctf_columns(stack: ParticleStack) -> dict[str, Sequence[str]]:
    if stack.ctf is None:
        return {}
    labels = {**DEFOCUS, **OTHER_CTF}
    values = {label: getattr(stack.ctf, field) for field, label in labels.items()}
    always = (*DEFOCUS.values(), OTHER_CTF["phase_shift_deg"])  # without it cryoDRGN reads NaN
    there = {k: v for k, v in values.items() if k in always or k in stack.extra or v.any()}
    return {label: _kept(stack, label, column) for label, column in there.items()}


def _optics(stack: ParticleStack) -> tuple[StarTable, list[str]]:
    """The optics table and the group of each row: one group, one microscope, one pixel size."""
    values = _optics_values(stack)
    keys = np.stack([stack.group.astype(float), *values.values()], -1)
    keys = np.nan_to_num(np.round(keys, 6), nan=-1)
    unique, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    numbers = _group_numbers(unique[:, 0].astype(int).tolist())
    groups = np.array([str(number) for number in numbers], object)[which.reshape(-1)].tolist()
    order = np.argsort(numbers)
    columns = {label: column[first[order]] for label, column in values.items()}
    old = unique[order, 0].astype(int).tolist()
    return _optics_table(stack, old, sorted(numbers), columns), groups


def _optics_values(stack: ParticleStack) -> dict[str, Floats]:
    values: dict[str, Floats] = {}
    if stack.ctf is not None:
        for field, label in {**MICROSCOPE, **FLAGS}.items():
            column = getattr(stack.ctf, field).astype(float)
            known = not np.isnan(column).all() if field in MICROSCOPE else column.any()
            if known or label in stack.sidecar.get("optics", {}):
                values[label] = column
    return values | {PIXEL_SIZE: stack.pixel_size_A}


def _group_numbers(old: Sequence[int]) -> list[int]:
    """A number for each group: its own, and a new one for parts that came to differ from it."""
    numbers: list[int] = []
    for number in old:
        numbers.append(number if number not in numbers else max(*old, *numbers) + 1)
    return numbers


def _optics_table(
    stack: ParticleStack, old: Sequence[int], numbers: Sequence[int], values: Mapping[str, Floats]
) -> StarTable:
    """The rows of the groups in use; columns that we do not know as they were read."""
    given = stack.sidecar.get("optics", {})
    tokens = given.get(GROUP, ("1",) * min(table_length(given), 1))
    row_of = {int(token): row for row, token in enumerate(tokens) if token.isdecimal()}
    rows = [row_of.get(number) for number in old]
    table = {label: _rows_of(column, rows) for label, column in given.items()}
    names = [_group_name(given, r, n, o) for r, n, o in zip(rows, numbers, old, strict=True)]
    table |= {GROUP: tuple(map(str, numbers)), GROUP_NAME: tuple(names)}
    for label, column in values.items():
        table[label] = tuple(_still(table.get(label), column))
    if stack.box_size_px:
        table[BOX_SIZE] = (str(stack.box_size_px),) * len(rows)
    table.setdefault("rlnImageDimensionality", ("2",) * len(rows))
    return table


def _rows_of(column: Sequence[str], rows: Sequence[int | None]) -> tuple[str, ...]:
    filler = "0" if all(map(is_number, column)) else "None"
    return tuple(filler if row is None else column[row] for row in rows)


def _group_name(given: StarTable, row: int | None, number: int, old: int) -> str:
    if row is None or GROUP_NAME not in given:
        return f"opticsGroup{number}"
    name = given[GROUP_NAME][row]
    return name if number == old else quoted(f"{unquoted(name)}_{number}")


def _still(tokens: Sequence[str] | None, values: Floats) -> list[str]:
    """The tokens where they say the value, else the value."""
    new = trimmed(values)
    if tokens is None:
        return new
    old = np.array([float(t) if is_number(t) else np.nan for t in tokens])
    same = np.isclose(old, values, rtol=0, atol=1e-9, equal_nan=True)
    return kept_tokens(np.asarray(same), _objects(tokens), new)


def _kept(stack: ParticleStack, label: str, values: Floats, places: int = 6) -> list[str]:
    """A column of numbers: the text that was read where it still holds."""
    same = np.isclose(_parsed(stack, label), values, rtol=0, atol=1e-9, equal_nan=True)
    return kept_tokens(same, _old(stack, label), decimals(np.nan_to_num(values), places))


def _old(stack: ParticleStack, label: str) -> NDArray[np.object_]:
    return stack.extra.get(label, blank(len(stack)))


def _parsed(stack: ParticleStack, label: str) -> Floats:
    tokens = _old(stack, label).tolist()
    return np.array([float(t) if is_number(t) else np.nan for t in tokens])


def _objects(values: Sequence[str]) -> NDArray[np.object_]:
    array = np.empty(len(values), object)
    array[:] = values
    return array
