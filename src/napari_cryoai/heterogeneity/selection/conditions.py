"""Conditions on columns, like `z1 > 0.5 and cluster == 3`: read as a formula, never run as code.

Python's own parser finds the structure; only comparisons, `and`, `or`, `not`, arithmetic and a few
functions of columns mean anything here, and everything else is refused with its place in the text.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cryoai.core.errors import CryoAIError

Floats = NDArray[np.float64]

_MAX_LENGTH = 2000
_UNKNOWN = 0.5
_HOW = "Write comparisons of columns joined by and, or, not, as in: z1 > 0.5 and not (cluster == 3)"


@dataclass(frozen=True)
class Columns:
    """Columns that conditions can name.

    Attributes
    ----------
    count
        Rows of each.
    find
        The column of a name, `(count,)`; None if there is none.
    names
        All names, for a hint when one is misspelt.
    """

    count: int
    find: Callable[[str], ArrayLike | None]
    names: Callable[[], Sequence[str]]

    @classmethod
    def of(cls, values: Mapping[str, ArrayLike], count: int) -> Columns:
        """Of values in memory."""
        return cls(count, values.get, lambda: list(values))


def rows_where(condition: str, columns: Columns) -> NDArray[np.bool_]:
    """`(count,)`, which rows a condition is true for.

    Where a column has no value (NaN), what is compared with it is unknown: neither the comparison
    nor its `not` is true then.

    Parameters
    ----------
    condition
        Comparisons (`<`, `<=`, `>`, `>=`, `==`, `!=`, also chained, and `in (1, 2)`) of columns,
        numbers, and what `+ - * / **`, `abs` and `sqrt` make of them, joined by `and`, `or`, `not`.

    Raises
    ------
    CryoAIError
        Saying at which character the text is wrong, and why.
    """
    text = " ".join(condition.split())
    if len(text) > _MAX_LENGTH:
        raise CryoAIError(
            f"the condition is longer than {_MAX_LENGTH:,} characters", remedy="Shorten it"
        )
    try:
        tree = ast.parse(text, mode="eval").body
        with np.errstate(all="ignore"):
            found = _Reader(text, columns).value(tree)
    except SyntaxError as error:
        # The parser says 0 for the end of the text.
        place = error.offset - 1 if error.offset else len(text)
        raise _wrong(text, place, "it is not finished or misspelt") from None
    except (RecursionError, MemoryError, ValueError):
        raise _wrong(text, 0, "it is nested too deeply") from None
    if not isinstance(found, _Truth):
        raise _wrong(text, 0, "it is a number, and a comparison was expected")
    return np.broadcast_to(found.values == 1, columns.count).copy()


@dataclass(frozen=True)
class _Truth:
    """1 for true, 0 for false, a half for unknown: Kleene's logic by minimum and maximum."""

    values: NDArray[np.float32]


_Value = _Truth | Floats

_COMPARE: dict[type[ast.cmpop], Callable[[Floats, Floats], Any]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Floats, Floats], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
_FUNCTIONS: dict[str, Callable[[Floats], Any]] = {"abs": np.abs, "sqrt": np.sqrt}
_INSTEAD = {ast.BitAnd: "and", ast.BitOr: "or", ast.Invert: "not"}


class _Reader:
    """Values of the parts of one condition."""

    def __init__(self, text: str, columns: Columns):
        self.text = text
        self.columns = columns

    def value(self, node: ast.expr) -> _Value:
        read = self._READERS.get(type(node))
        if read is None:
            raise self.error(node, "that has no meaning here")
        return read(self, node)

    def number(self, node: ast.expr) -> Floats:
        value = self.value(node)
        if isinstance(value, _Truth):
            raise self.error(node, "it is a comparison, and a number was expected")
        return value

    def truth(self, node: ast.expr) -> NDArray[np.float32]:
        value = self.value(node)
        if not isinstance(value, _Truth):
            raise self.error(node, "it is a number, and a comparison was expected")
        return value.values

    def _name(self, node: Any) -> _Value:
        column = self.columns.find(node.id)
        if column is None:
            raise self.error(node, f"there is no column '{node.id}'{self._meant(node.id)}")
        return np.asarray(column, np.float64)

    def _meant(self, name: str) -> str:
        close = difflib.get_close_matches(name, names := list(self.columns.names()), 3)
        few = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        return f"; did you mean {' or '.join(close)}?" if close else f", only {few}"

    def _constant(self, node: Any) -> _Value:
        if type(node.value) not in (int, float):
            raise self.error(node, "only numbers can be compared with")
        try:
            return np.asarray(float(node.value))
        except OverflowError:
            raise self.error(node, "the number is too large") from None

    def _unary(self, node: Any) -> _Value:
        if isinstance(node.op, ast.Not):
            return _Truth(1 - self.truth(node.operand))
        if isinstance(node.op, ast.Invert):
            raise self.error(node, "write 'not' instead of '~'")
        operand = self.number(node.operand)
        return -operand if isinstance(node.op, ast.USub) else operand

    def _binary(self, node: Any) -> _Value:
        if type(node.op) in _INSTEAD:
            raise self.error(node, f"write '{_INSTEAD[type(node.op)]}' instead of '&' or '|'")
        combine = _ARITHMETIC.get(type(node.op))
        if combine is None:
            raise self.error(node, "that has no meaning here")
        return np.asarray(combine(self.number(node.left), self.number(node.right)))

    def _boolean(self, node: Any) -> _Value:
        combine = np.minimum if isinstance(node.op, ast.And) else np.maximum
        parts = [self.truth(part) for part in node.values]
        total = parts[0]
        for part in parts[1:]:
            total = combine(total, part)
        return _Truth(total)

    def _comparison(self, node: Any) -> _Value:
        left, total = node.left, np.ones((), np.float32)
        for operator, right in zip(node.ops, node.comparators, strict=True):
            total = np.minimum(total, self._compared(left, operator, right))
            left = right
        return _Truth(total)

    def _compared(
        self, left: ast.expr, operator: ast.cmpop, right: ast.expr
    ) -> NDArray[np.float32]:
        mine = self.number(left)
        if isinstance(operator, (ast.In, ast.NotIn)):
            return self._member(mine, right, isinstance(operator, ast.In))
        if type(operator) not in _COMPARE:
            raise self.error(right, "compare with <, <=, >, >=, == or !=")
        theirs = self.number(right)
        return _known(_COMPARE[type(operator)](mine, theirs), mine + 0 * theirs)

    def _member(self, mine: Floats, several: ast.expr, wanted: bool) -> NDArray[np.float32]:
        if not isinstance(several, (ast.Tuple, ast.List, ast.Set)):
            raise self.error(several, "write the values in brackets: in (1, 2)")
        values = np.array([self.number(part) for part in several.elts])
        if values.ndim > 1:
            raise self.error(several, "only numbers can be listed")
        return _known(np.isin(mine, values) == wanted, mine)

    def _call(self, node: Any) -> _Value:
        name = getattr(node.func, "id", None)
        if name not in _FUNCTIONS or node.keywords or len(node.args) != 1:
            raise self.error(node, f"the functions are {', '.join(_FUNCTIONS)}, of one number")
        return np.asarray(_FUNCTIONS[name](self.number(node.args[0])))

    def error(self, node: ast.expr, why: str) -> CryoAIError:
        """The place in the text, which the parser counts in bytes."""
        before = self.text.encode()[: node.col_offset].decode(errors="ignore")
        return _wrong(self.text, len(before), why)

    _READERS: Mapping[type[ast.expr], Callable[[_Reader, Any], _Value]] = {
        ast.Name: _name,
        ast.Constant: _constant,
        ast.UnaryOp: _unary,
        ast.BinOp: _binary,
        ast.BoolOp: _boolean,
        ast.Compare: _comparison,
        ast.Call: _call,
    }


def _known(truth: Any, value: Floats) -> NDArray[np.float32]:
    """Truth where the compared value is a number, and unknown elsewhere."""
    return np.where(np.isnan(value), np.float32(_UNKNOWN), truth).astype(np.float32)


def _wrong(text: str, place: int, why: str) -> CryoAIError:
    here = text[place : place + 20] or "its end"
    return CryoAIError(
        f"the condition '{text[:200]}' cannot be read at character {place + 1} ({here}): {why}",
        remedy=_HOW,
    )
