"""Plain JSON values, checked one by one as they are read back; numbers survive exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_cryoai.core.errors import CryoAIError

_INFINITE = {"inf": np.inf, "-inf": -np.inf}
_NOT_JSON = {np.inf: "inf", -np.inf: "-inf"}


def check(good: bool, expected: str) -> None:
    """Refuse what is not as `expected`.

    Raises
    ------
    CryoAIError
        If it is not `good`.
    """
    if not good:
        raise CryoAIError(
            f"not a saved edit or document of ours: {expected} expected",
            remedy="Use the file as it was written; what a program has changed cannot be read back",
        )


def mapping(value: object) -> Mapping[str, Any]:
    """An object with any keys."""
    check(isinstance(value, dict) and all(isinstance(k, str) for k in value), "an object")
    return cast("Mapping[str, Any]", value)


def keyed(value: object, *keys: str) -> Mapping[str, Any]:
    """An object with exactly these keys."""
    read = mapping(value)
    check(read.keys() == set(keys), "the keys " + ", ".join(keys))
    return read


def sequence(value: object) -> Sequence[Any]:
    """A list of anything."""
    check(isinstance(value, list), "a list")
    return cast("Sequence[Any]", value)


def text(value: object) -> str:
    """A string."""
    check(isinstance(value, str), "a text")
    return cast(str, value)


def texts(value: object) -> list[str]:
    """A list of strings."""
    return [text(item) for item in sequence(value)]


def boolean(value: object) -> bool:
    """True or false, not 0 or 1."""
    check(isinstance(value, bool), "true or false")
    return cast(bool, value)


def number(value: object) -> float:
    """A number, or what stands for NaN and the infinities."""
    return float(array([value], np.float64)[0])


def integer(value: object) -> int:
    """A whole number that is not negative."""
    check(type(value) is int and value >= 0, "a whole number")
    return cast(int, value)


def numbers(values: NDArray[Any]) -> list[Any]:
    """An array as a flat list; what JSON has no number for becomes null (NaN), "inf" or "-inf"."""
    flat: list[Any] = values.ravel().tolist()
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return flat
    return [None if v != v else _NOT_JSON.get(v, v) for v in flat]


def array(value: object, dtype: DTypeLike) -> NDArray[Any]:
    """The array that `numbers` wrote, flat; every value must be of the kind, and fit."""
    items, wanted = sequence(value), np.dtype(dtype)
    if wanted.kind == "f":
        return _floats(items, wanted)
    kind = bool if wanted.kind == "b" else int
    check(all(type(v) is kind for v in items), f"{kind.__name__} values")
    if kind is int:
        limits = np.iinfo(wanted)
        check(all(limits.min <= v <= limits.max for v in items), "numbers that fit their column")
    return np.array(items, wanted)


def _floats(items: Sequence[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    check(all(_is_number(v) for v in items), "numbers")
    exact = [np.nan if v is None else _INFINITE[v] if isinstance(v, str) else v for v in items]
    try:
        wide = np.array(exact, np.float64)
    except OverflowError:
        wide = np.array([np.nan])
        check(False, "numbers that fit their column")
    with np.errstate(over="ignore"):
        narrow = wide.astype(dtype)
    check(bool(np.array_equal(np.isinf(narrow), np.isinf(wide))), "numbers that fit their column")
    return narrow


def _is_number(value: object) -> bool:
    return type(value) in (float, int) or value is None or value in ("inf", "-inf")
