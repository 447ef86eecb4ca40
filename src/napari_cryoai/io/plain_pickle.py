"""Pickles of plain values and numpy arrays, read without unpickling: no file can run anything.

Python's own reader calls whatever a file names. This one follows the pickle's instructions itself,
knows only those that plain values take, and makes the arrays from their bytes. The instructions
are described in Python's `pickletools`, the form of arrays in numpy's `ndarray.__reduce__`.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.guards import check_readable
from napari_cryoai.io.pickled_arrays import (
    BUILDERS,
    ArrayDraft,
    Global,
    NotPlainError,
    TypeDraft,
    finished,
)

_MAX_BYTES = 1 << 33
_MAX_STEPS = 50_000_000
_MAX_DEPTH = 50
_BROKEN = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError),
    *(OverflowError, MemoryError, UnicodeError, RecursionError),
)
"""What damaged or hostile instructions end in."""


def read_pickles(path: str | PathLike[str]) -> list[Any]:
    """All values of a file that holds one pickle after the other.

    Returns
    -------
    values
        Each of numbers, texts, lists, tuples, dicts and numpy arrays.

    Raises
    ------
    CryoAIError
        If there is anything else in it, which is named, or it is damaged or cut off.
    """
    path = check_readable(path)
    if path.stat().st_size > _MAX_BYTES:
        raise _damaged(path, "it is larger than 8 GiB")
    file = io.BytesIO(path.read_bytes())
    end = file.getbuffer().nbytes
    values = []
    try:
        while file.tell() < end:
            values.append(_Reader().read(file))
    except NotPlainError as error:
        raise CryoAIError(
            f"holds {error}, and only numbers, texts and numpy arrays are read from pickles",
            path=path,
            remedy="A pickle can run any program when it is loaded: if you trust this one, load it "
            "in Python and save the arrays in it alone",
        ) from None
    except _BROKEN as error:
        raise _damaged(path, str(error).split("\n", 1)[0][:100] or type(error).__name__) from None
    return values


class _Reader:
    """A stack, marks on it, and values that the pickle refers to again by number."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def read(self, file: io.BytesIO) -> Any:
        for step, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if step > _MAX_STEPS:
                raise NotPlainError("too many values one by one")
            if opcode.name == "STOP":
                return finished(self.pop(), _MAX_DEPTH)
            if opcode.name in _PUSHES:
                self.stack.append(argument)
            elif (do := _ACTIONS.get(opcode.name)) is not None:
                do(self, argument)
            elif opcode.name not in _NOTHING:
                raise NotPlainError(f"the instruction {opcode.name}")
        raise ValueError("it has no end")

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise ValueError("a value is missing")
        return self.stack.pop()

    def last(self, kind: type) -> Any:
        value = self.stack[-1]
        if type(value) is not kind:
            raise ValueError(f"a {kind.__name__} was expected")
        return value

    def since_mark(self) -> list[Any]:
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def remember(self, key: int) -> None:
        self.memo[key] = self.stack[-1]

    def recall(self, key: int) -> None:
        self.stack.append(self.memo[key])

    def tuple_of(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self.stack.append(tuple(reversed(values)))

    def set_items(self, flat: list[Any]) -> None:
        target = self.last(dict)
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            if type(key) not in (str, int, float, bool, type(None)):
                raise NotPlainError("a dict whose keys are no texts and no numbers")
            target[key] = value

    def name(self, module: Any, name: Any) -> None:
        full = f"{module}.{name}"
        if full not in BUILDERS:
            raise NotPlainError(f"the Python object '{full[:80]}'")
        self.stack.append(Global(full))

    def call(self) -> None:
        arguments, function = self.pop(), self.pop()
        if type(function) is not Global or type(arguments) is not tuple:
            raise NotPlainError("a call of something that is no function")
        self.stack.append(BUILDERS[function.name](*arguments))

    def build(self) -> None:
        state = self.pop()
        if not isinstance(self.stack[-1], (ArrayDraft, TypeDraft)):
            raise NotPlainError("the state of something that is no array")
        self.stack[-1].set_state(*state)


def _append(reader: _Reader) -> None:
    value = reader.pop()
    reader.last(list).append(value)


def _append_all(reader: _Reader) -> None:
    values = reader.since_mark()
    reader.last(list).extend(values)


def _set_item(reader: _Reader) -> None:
    value, key = reader.pop(), reader.pop()
    reader.set_items([key, value])


def _set_all(reader: _Reader) -> None:
    flat = reader.since_mark()
    reader.set_items(flat)


def _dict(reader: _Reader) -> None:
    flat = reader.since_mark()
    reader.stack.append({})
    reader.set_items(flat)


def _stack_global(reader: _Reader) -> None:
    name, module = reader.pop(), reader.pop()
    reader.name(module, name)


_NOTHING = {"PROTO", "FRAME"}
_PUSHES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("BYTEARRAY8", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
}
_ACTIONS: dict[str, Callable[[_Reader, Any], None]] = {
    "NONE": lambda r, _: r.stack.append(None),
    "NEWTRUE": lambda r, _: r.stack.append(True),
    "NEWFALSE": lambda r, _: r.stack.append(False),
    "MARK": lambda r, _: r.marks.append(len(r.stack)),
    "EMPTY_LIST": lambda r, _: r.stack.append([]),
    "EMPTY_TUPLE": lambda r, _: r.stack.append(()),
    "EMPTY_DICT": lambda r, _: r.stack.append({}),
    "LIST": lambda r, _: r.stack.append(r.since_mark()),
    "TUPLE": lambda r, _: r.stack.append(tuple(r.since_mark())),
    "TUPLE1": lambda r, _: r.tuple_of(1),
    "TUPLE2": lambda r, _: r.tuple_of(2),
    "TUPLE3": lambda r, _: r.tuple_of(3),
    "DICT": lambda r, _: _dict(r),
    "APPEND": lambda r, _: _append(r),
    "APPENDS": lambda r, _: _append_all(r),
    "SETITEM": lambda r, _: _set_item(r),
    "SETITEMS": lambda r, _: _set_all(r),
    "PUT": lambda r, key: r.remember(key),
    "BINPUT": lambda r, key: r.remember(key),
    "LONG_BINPUT": lambda r, key: r.remember(key),
    "MEMOIZE": lambda r, _: r.remember(len(r.memo)),
    "GET": lambda r, key: r.recall(key),
    "BINGET": lambda r, key: r.recall(key),
    "LONG_BINGET": lambda r, key: r.recall(key),
    "GLOBAL": lambda r, names: r.name(*names.split(" ", 1)),
    "STACK_GLOBAL": lambda r, _: _stack_global(r),
    "REDUCE": lambda r, _: r.call(),
    "BUILD": lambda r, _: r.build(),
}


def _damaged(path: Path, why: str) -> CryoAIError:
    return CryoAIError(
        f"is not a pickle that can be read: {why}",
        path=path,
        remedy="Write the file again with the program that made it",
    )
