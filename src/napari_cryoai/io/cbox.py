"""crYOLO's `.cbox` files: corner, box and estimated size, confidence.

Documented in `docs/formats/cbox.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.geometry import centre_from_corner, corner_from_centre
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, StarTable
from napari_cryoai.io import box
from napari_cryoai.io.columns import (
    Floats,
    Tokens,
    blank,
    centres,
    filled,
    kept_tokens,
    numbers,
    parsed,
    score_tokens,
    scores,
    trimmed,
)
from napari_cryoai.io.guards import read_text
from napari_cryoai.io.names import name_of_file
from napari_cryoai.io.star import Pairs, read_star, write_star

BLOCK = "cryolo"
MISSING = "<NA>"
_X, _Y, _WIDTH, _HEIGHT = "CoordinateX", "CoordinateY", "Width", "Height"
_SCORE, _SIZES = "Confidence", ("EstWidth", "EstHeight")
_COLUMNS = (
    *(_X, _Y, "CoordinateZ", _WIDTH, _HEIGHT, "Depth", *_SIZES),
    *(_SCORE, "NumBoxes", "Angle"),
)
"""What crYOLO 1.8 and later writes, in its order."""


def read(path: Path, micrographs: Sequence[Micrograph]) -> PickTable:
    """Read a `.cbox` file, new (STAR) or old (columns of numbers)."""
    if not looks_like(read_text(path)):
        return box.read(path, micrographs)
    blocks = read_star(path)
    table = blocks.get(BLOCK, {})
    missing = [c for c in (_X, _Y, _WIDTH, _HEIGHT) if c not in table]
    if missing:
        raise CryoAIError(
            f"the table data_{BLOCK} lacks the column _{missing[0]}",
            path=path,
            remedy="Check that it is a .cbox file of crYOLO",
        )
    _refuse_tomograms(table, path)
    width, height = (numbers(table[c], c, path) for c in (_WIDTH, _HEIGHT))
    box.check_box_sizes(width, height, path)
    x = centre_from_corner(numbers(table[_X], _X, path), width)
    y = centre_from_corner(numbers(table[_Y], _Y, path), height)
    picks = PickTable.of_points(
        "",
        centres(x, y, path),
        score=scores(_known(table[_SCORE]), _SCORE, path) if _SCORE in table else np.nan,
        diameter_px=_diameter(table, path),
        extra={f"cbox:{label}": tokens for label, tokens in table.items()},
    )
    name = name_of_file(path, micrographs)
    sidecar = {f"cbox:{name}:{k}": v for k, v in blocks.items() if k != BLOCK}
    return replace(picks, names=(name,), sidecar=sidecar)


def write(picks: PickTable, path: Path, box_size_px: float | None) -> None:
    """Write the picks of one micrograph as crYOLO 1.8 and later does."""
    n = len(picks)
    old = {c: picks.extra.get(f"cbox:{c}", blank(n)) for c in _COLUMNS}
    read_px = [parsed(old[_WIDTH]), parsed(old[_HEIGHT])]
    size = box.box_sizes(picks, read_px, box_size_px, path)
    read_yx = np.stack(
        [centre_from_corner(parsed(old[c]), w) for c, w in ((_Y, read_px[1]), (_X, read_px[0]))],
        -1,
    )
    same = (read_yx == picks.yx_px).all(1) & (size == np.stack(read_px, -1)).all(1)
    corner = corner_from_centre(picks.yx_px[:, ::-1], size)
    columns = {
        **{label: _filled(tokens.tolist()) for label, tokens in old.items()},
        _X: kept_tokens(same, old[_X], trimmed(corner[:, 0])),
        _Y: kept_tokens(same, old[_Y], trimmed(corner[:, 1])),
        _WIDTH: kept_tokens(same, old[_WIDTH], trimmed(size[:, 0])),
        _HEIGHT: kept_tokens(same, old[_HEIGHT], trimmed(size[:, 1])),
        _SCORE: score_tokens(picks.score, np.where(old[_SCORE] == MISSING, "", old[_SCORE])),
    }
    columns |= _sizes(picks, old)
    for key, tokens in picks.extra.items():
        label = key.removeprefix("cbox:")
        if key.startswith("cbox:") and label not in columns:
            columns[label] = filled(tokens, picks.micrograph, MISSING)
    name = picks.names[0]
    own = {
        k.removeprefix(f"cbox:{name}:"): v
        for k, v in picks.sidecar.items()
        if k.startswith(f"cbox:{name}:")
    }
    blocks: dict[str, StarTable] = {
        "global": own.pop("global", Pairs({"cbox_format_version": ("1.0",)})),
        BLOCK: {label: tuple(tokens) for label, tokens in columns.items()},
        "cryolo_include": own.pop("cryolo_include", {"slice_index": ()}),
        **own,
    }
    write_star(path, blocks)


def looks_like(text: str) -> bool:
    """Whether a text is a new `.cbox` file: a STAR file with crYOLO's table."""
    return "data_cryolo" in text or "data_global" in text


def _known(tokens: Sequence[str]) -> list[str]:
    return ["nan" if token == MISSING else token for token in tokens]


def _filled(tokens: list[str]) -> list[str]:
    return [token or MISSING for token in tokens]


def _diameter(table: StarTable, path: Path) -> Floats | float:
    """Mean of the estimated width and height, where crYOLO estimated them."""
    if not all(c in table for c in _SIZES):
        return np.nan
    width, height = (numbers(_known(table[c]), c, path) for c in _SIZES)
    return np.where((width > 0) & (height > 0), (width + height) / 2, np.nan)


def _sizes(picks: PickTable, old: dict[str, Tokens]) -> dict[str, list[str]]:
    """Estimated sizes as text; as read where the diameter is still their mean."""
    width, height = (parsed(np.where(old[c] == MISSING, "", old[c])) for c in _SIZES)
    read = np.where((width > 0) & (height > 0), (width + height) / 2, np.nan).astype(np.float32)
    same = (read == picks.diameter_px) | (np.isnan(read) & np.isnan(picks.diameter_px))
    new = [MISSING if t == "nan" else t for t in picks.diameter_px.astype(str).tolist()]
    return {c: kept_tokens(same, old[c], new) for c in _SIZES}


def _refuse_tomograms(table: StarTable, path: Path) -> None:
    slices = {token for token in table.get("CoordinateZ", ()) if token != MISSING}
    if len(slices) > 1:
        raise CryoAIError(
            f"holds picks on {len(slices)} slices of a tomogram",
            path=path,
            remedy="Choose the picks of a micrograph: tomograms are not supported",
        )
