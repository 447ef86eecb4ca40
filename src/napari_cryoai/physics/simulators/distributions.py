"""Random numbers by name: what a simulator draws from, as it is written in records."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError

Kind = Literal["constant", "uniform", "log-uniform", "normal", "log-normal", "exponential"]
NUMBERS: dict[str, int] = {
    "constant": 1,
    "uniform": 2,
    "log-uniform": 2,
    "normal": 2,
    "log-normal": 2,
    "exponential": 1,
}
"""How many numbers each needs."""
_SIGMAS = 5


@dataclass(frozen=True)
class Distribution:
    """A distribution of one number.

    Attributes
    ----------
    kind
        Its name.
    a, b
        constant: the value; uniform, log-uniform: lowest and highest; normal: mean and standard
        deviation; log-normal: median and standard deviation of the natural logarithm; exponential:
        the mean.
    """

    kind: Kind
    a: float
    b: float = 0.0

    @classmethod
    def of(cls, text: str | float | Distribution) -> Distribution:
        """From text like `uniform 8000 25000`; a number alone is a constant.

        Raises
        ------
        CryoAIError
            If it is no distribution.
        """
        if isinstance(text, Distribution):
            return text
        words = str(text).split()
        name = words[0] if len(words) > 1 else "constant"
        try:
            numbers = [float(word) for word in words[1 if len(words) > 1 else 0 :]]
        except ValueError:
            numbers = []
        if name not in get_args(Kind) or len(numbers) != NUMBERS[name]:
            raise _wrong(str(text))
        found = cls(name, *numbers)  # type: ignore[arg-type]
        found.check()
        return found

    def check(self) -> None:
        """Refuse what has no meaning."""
        is_log = self.kind in ("log-uniform", "log-normal")
        is_range = self.kind in ("uniform", "log-uniform")
        bad = is_log and self.a <= 0
        bad |= is_range and self.b < self.a
        bad |= not is_range and self.b < 0
        bad |= self.kind == "exponential" and self.a < 0
        if bad or not (math.isfinite(self.a) and math.isfinite(self.b)):
            raise _wrong(str(self))

    def least(self) -> float:
        """The smallest value that is ever met in practice."""
        if self.kind == "normal":
            return self.a - _SIGMAS * self.b
        return self.a if self.kind in ("constant", "uniform", "log-uniform") else 0.0

    def at_least(self, low: float, name: str) -> Distribution:
        """The same, sure to draw nothing below `low`.

        Raises
        ------
        CryoAIError
            If it may; `name` says what is drawn.
        """
        if self.least() >= low:
            return self
        raise CryoAIError(
            f"{name}: '{self}' may come out at {self.least():g}, and must be {low:g} or more",
            remedy="Choose another distribution; one that is log-uniform is never below 0",
        )

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """`(count,)` values."""
        if self.kind == "constant":
            return np.full(count, self.a)
        if self.kind == "uniform":
            return rng.uniform(self.a, self.b, count)
        if self.kind == "log-uniform":
            return np.exp(rng.uniform(math.log(self.a), math.log(self.b), count))
        if self.kind == "normal":
            return rng.normal(self.a, self.b, count)
        if self.kind == "log-normal":
            return self.a * np.exp(rng.normal(0.0, self.b, count))
        return rng.exponential(self.a, count)

    def __str__(self) -> str:
        numbers = (self.a, self.b)[: NUMBERS[self.kind]]
        return " ".join([self.kind, *(f"{number:g}" for number in numbers)])


def _wrong(text: str) -> CryoAIError:
    shapes = ", ".join(f"{name} {'A B'[: 2 * n - 1]}" for name, n in NUMBERS.items())
    return CryoAIError(f"'{text}' is no distribution", remedy=f"Give a number, or one of: {shapes}")
