"""How numpy arrays look in a pickle, and the arrays made from that by us.

numpy's own functions are never called on what a file says: a claimed shape could ask for all the
memory, a claimed type for objects.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KINDS = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|S\d{1,4}|U\d{1,4})")


class NotPlainError(ValueError):
    """Something in a pickle that is neither a plain value nor an array."""


@dataclass(frozen=True)
class Global:
    """A name of numpy's that is known, and stands for a builder of ours."""

    name: str


class TypeDraft:
    """A type of numbers or texts, on its way: the byte order comes after the rest."""

    def __init__(self, name: Any, *_: Any):
        if type(name) is not str or not _KINDS.fullmatch(name):
            raise NotPlainError(f"an array of the type '{str(name)[:40]}'")
        self._dtype = np.dtype(name)

    def set_state(self, _version: Any, order: Any, *_rest: Any) -> None:
        """The rest of what numpy says of a type: all but the byte order is for other kinds."""
        if order not in ("<", ">", "|", "="):
            raise ValueError("a number type has no byte order")
        self._dtype = self._dtype.newbyteorder(order)

    def finished(self) -> np.dtype[Any]:
        """The type."""
        return self._dtype


class ArrayDraft:
    """An array on its way: what it holds comes after its making."""

    def __init__(self) -> None:
        self._array: NDArray[Any] | None = None

    def set_state(self, _version: Any, shape: Any, dtype: Any, fortran: Any, raw: Any) -> None:
        """The array as numpy tells it."""
        self._array = _array(raw, dtype, shape, "F" if fortran else "C")

    def finished(self) -> NDArray[Any]:
        """The array.

        Raises
        ------
        ValueError
            If it never came.
        """
        if self._array is None:
            raise ValueError("an array was announced and never came")
        return self._array


def finished(value: Any, depth: int) -> Any:
    """A value with all its drafts replaced by what became of them.

    Raises
    ------
    ValueError
        If it is nested deeper than `depth`, as one that contains itself is, or holds a name.
    """
    return _finished(value, depth, {})


def _finished(value: Any, depth: int, done: dict[int, Any]) -> Any:
    if depth < 0:
        raise ValueError("lists in lists without end")
    if isinstance(value, (ArrayDraft, TypeDraft)):
        return value.finished()
    if isinstance(value, Global):
        raise ValueError(f"'{value.name}' is no value")
    if not isinstance(value, (list, tuple, dict)):
        return value
    # What is referred to from many places is finished once: nested, they would be 2^depth.
    if id(value) not in done:
        done[id(value)] = _with_finished(value, depth - 1, done)
    return done[id(value)]


def _with_finished(values: Any, depth: int, done: dict[int, Any]) -> Any:
    if isinstance(values, dict):
        return {key: _finished(item, depth, done) for key, item in values.items()}
    return type(values)(_finished(item, depth, done) for item in values)


def _array(raw: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    """An array of bytes, which must be as many as type and shape need."""
    if isinstance(raw, str):
        raw = raw.encode("latin-1")  # as Python 2 wrote bytes
    if not isinstance(raw, (bytes, bytearray)) or not isinstance(dtype, TypeDraft):
        raise ValueError("an array is not stored as bytes")
    sides = shape if isinstance(shape, tuple) else (shape,)
    if len(sides) > 8 or not all(type(n) is int and 0 <= n < 1 << 40 for n in sides):
        raise ValueError("an array has an impossible shape")
    kind = dtype.finished()
    if math.prod(sides) * kind.itemsize != len(raw) or order not in ("C", "F"):
        raise ValueError(f"an array of the shape {sides} does not have {len(raw):,} bytes")
    if kind.itemsize == 0:
        raise ValueError("an array of empty values")
    return np.frombuffer(bytes(raw), kind).reshape(sides, order=order)


def _reconstruct(*_: Any) -> ArrayDraft:
    return ArrayDraft()


def _from_buffer(raw: Any, dtype: Any, shape: Any, order: Any, *_: Any) -> NDArray[Any]:
    return _array(raw, dtype, shape, order)


def _scalar(dtype: Any, raw: Any) -> Any:
    return _array(raw, dtype, (), "C").item()


def _encode(text: Any, encoding: Any) -> bytes:
    if type(text) is not str or encoding != "latin1":
        raise ValueError("bytes are not stored as text")
    return text.encode("latin-1")


def _no_bytes() -> bytes:
    return b""


def _never(*_: Any) -> Any:
    raise ValueError("an array type was called")


BUILDERS: dict[str, Callable[..., Any]] = {
    "numpy.dtype": TypeDraft,
    "numpy.ndarray": _never,
    "_codecs.encode": _encode,
    "__builtin__.bytes": _no_bytes,
}
"""All names that a pickle may say, and what answers to them."""
for _module in ("numpy.core", "numpy._core"):
    BUILDERS[f"{_module}.multiarray._reconstruct"] = _reconstruct
    BUILDERS[f"{_module}.multiarray.scalar"] = _scalar
    BUILDERS[f"{_module}.numeric._frombuffer"] = _from_buffer
