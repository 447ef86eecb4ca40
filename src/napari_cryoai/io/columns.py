"""Columns of text to numbers and back, for the readers and writers of picks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError

Floats = NDArray[np.float64]
Tokens = NDArray[np.object_]

MAX_COORDINATE_PX = 1e6
"""No micrograph is wider than this; beyond it lies a column read by mistake."""

NO_SCORE = 999.0
"""Written for picks without a score: a click must pass every threshold that a program sets."""


def numbers(tokens: Iterable[str], label: str, path: Path) -> Floats:
    """The numbers that a column of text says.

    Raises
    ------
    CryoAIError
        Naming the column, the row and the value that is no number.
    """
    tokens = list(tokens)
    try:
        return np.array(tokens, dtype=object).astype(np.float64)
    except (ValueError, TypeError):
        row, bad = next((i, t) for i, t in enumerate(tokens, 1) if not is_number(t))
    raise CryoAIError(
        f"'{str(bad)[:40]}' in row {row} of column '{label}' is not a number",
        path=path,
        remedy="Correct that value, or write the file again with the program that made it",
    )


def centres(x_px: Any, y_px: Any, path: Path) -> Floats:
    """`(n, 2)` centres yx; refused if one is not finite or absurdly far out."""
    yx = np.stack([np.asarray(y_px, float), np.asarray(x_px, float)], axis=-1).reshape(-1, 2)
    bad = ~(np.abs(yx) <= MAX_COORDINATE_PX).all(1)
    if bad.any():
        row = int(np.argmax(bad))
        raise CryoAIError(
            f"row {row + 1} places a particle at x = {yx[row, 1]:g}, y = {yx[row, 0]:g}",
            path=path,
            remedy="Remove or correct that row: coordinates are pixels of the micrograph",
        )
    return yx


def scores(tokens: Iterable[str], label: str, path: Path) -> Floats:
    """Scores; NaN for the numbers that stand for 'nobody scored this'.

    Those are +-999, and 0 if no pick has any other (RELION's manual picker of old).
    """
    score = numbers(tokens, label, path)
    score[(np.abs(score) == NO_SCORE) | ~np.isfinite(score)] = np.nan
    if not np.nan_to_num(score).any():
        score[:] = np.nan
    return score


def score_tokens(score: NDArray[np.float32], old: Tokens | None = None) -> list[str]:
    """Scores as text, in the shortest form that reads back the same; `old` where still true."""
    new: list[str] = np.where(np.isnan(score), np.float32(NO_SCORE), score).astype(str).tolist()
    if old is None:
        return new
    read = parsed(old)
    nobody = (np.abs(read) == NO_SCORE) | (read == 0) | ~np.isfinite(read)
    same = np.where(np.isnan(score), nobody, read.astype(np.float32) == score)
    return kept_tokens(same, old, new)


def kept_tokens(same: NDArray[np.bool_], old: Tokens, new: Sequence[str]) -> list[str]:
    """The text that was read where it still holds, else the new."""
    return [o if s and o else n for s, o, n in zip(same.tolist(), old.tolist(), new, strict=True)]


def parsed(tokens: Tokens) -> Floats:
    """Numbers of tokens that were read as such before; NaN where there is none."""
    return np.where(tokens == "", "nan", tokens).astype(np.float64)


def decimals(values: NDArray[Any], places: int = 6) -> list[str]:
    """Numbers as text with a fixed number of decimals."""
    return [f"{value:.{places}f}" for value in np.asarray(values, float).tolist()]


def trimmed(values: NDArray[Any], places: int = 6) -> list[str]:
    """Numbers as text with no more decimals than they need."""
    return [token.rstrip("0").rstrip(".") for token in decimals(values, places)]


def blank(n: int) -> Tokens:
    """A column of which nothing is known."""
    return np.full(n, "", object)


def is_numeric(tokens: Sequence[str]) -> bool:
    """Whether all values that are there are numbers; not if there are none."""
    there = [token for token in tokens if token]
    return bool(there) and all(map(is_number, there))


def is_number(token: str) -> bool:
    """Whether a text is a number."""
    try:
        float(token)
    except (ValueError, TypeError):
        return False
    return True


def filled(tokens: Tokens, micrograph: NDArray[np.int32], default: str) -> list[str]:
    """A column with its gaps filled by what all other picks of the micrograph say, if they agree.

    One pick is no proof of agreement: at least two must say it.
    """
    seen: dict[int, list[str]] = {}
    pairs = list(zip(micrograph.tolist(), tokens.tolist(), strict=True))
    for index, token in pairs:
        if token:
            seen.setdefault(index, []).append(token)
    agreed = {i: t[0] for i, t in seen.items() if len(t) > 1 and len(set(t)) == 1}
    return [token or agreed.get(index, default) for index, token in pairs]
