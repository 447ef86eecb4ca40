"""Which particles are selected, and selections that have a name; a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError

Mask = NDArray[np.bool_]
How = Literal["replace", "add", "subtract", "intersect"]

LONGEST_NAME = 100


@dataclass(frozen=True)
class SelectionSet:
    """Selections among `n` particles: the current one, and named ones. Never changed in place.

    A selection is held as one bit for each particle, so that a long history of selections among a
    million takes little memory.

    Attributes
    ----------
    n
        Particles there are.
    bits
        The current selection, as `numpy.packbits` packs it.
    named
        Others, likewise, in the order in which they were named.
    """

    n: int
    bits: bytes
    named: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "named", MappingProxyType(dict(self.named)))
        if any(len(bits) != -(-self.n // 8) for bits in (self.bits, *self.named.values())):
            raise ValueError(f"a selection is not one of {self.n} particles")

    @classmethod
    def empty(cls, n: int) -> SelectionSet:
        """Nothing selected among `n` particles."""
        return cls(n, bytes(-(-n // 8)))

    @property
    def current(self) -> Mask:
        """`(n,)` mask of the selected particles."""
        return self._mask(self.bits)

    @property
    def count(self) -> int:
        """How many are selected."""
        return _count(self.bits)

    def mask(self, name: str) -> Mask:
        """`(n,)` mask of a named selection."""
        return self._mask(self._bits(name))

    def counts(self) -> dict[str, int]:
        """How many particles each named selection has."""
        return {name: _count(bits) for name, bits in self.named.items()}

    def select(self, mask: Mask, how: How = "replace") -> SelectionSet:
        """Make `(n,)` particles the selection, or add them, take them away, keep only them."""
        if mask.shape != (self.n,):
            raise ValueError(f"a mask of {mask.shape} for {self.n} particles")
        if how == "add":
            mask = self.current | mask
        elif how == "subtract":
            mask = self.current & ~mask
        elif how == "intersect":
            mask = self.current & mask
        return replace(self, bits=_packed(mask))

    def inverted(self) -> SelectionSet:
        """What was not selected is."""
        return replace(self, bits=_packed(~self.current))

    def keep(self, name: str) -> SelectionSet:
        """Give the current selection a name, which another may not have."""
        name = self._free(name)
        return replace(self, named={**self.named, name: self.bits})

    def update(self, name: str) -> SelectionSet:
        """Let a name stand for the current selection from now on."""
        self._bits(name)
        return replace(self, named={**self.named, name: self.bits})

    def rename(self, name: str, new: str) -> SelectionSet:
        """Call a named selection something else; its place in the list stays."""
        self._bits(name)
        new = name if new.strip() == name else self._free(new)
        renamed = {new if key == name else key: bits for key, bits in self.named.items()}
        return replace(self, named=renamed)

    def delete(self, name: str) -> SelectionSet:
        """Forget a named selection."""
        self._bits(name)
        return replace(self, named={k: bits for k, bits in self.named.items() if k != name})

    def __iter__(self) -> Iterator[str]:
        return iter(self.named)

    def _bits(self, name: str) -> bytes:
        if name not in self.named:
            known = ", ".join(self.named) or "none"
            raise CryoAIError(
                f"there is no selection called '{name}'", remedy=f"Choose one of: {known}"
            )
        return self.named[name]

    def _free(self, name: str) -> str:
        name = name.strip()
        if not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
            raise CryoAIError(
                "a selection needs a name of letters in one line",
                remedy=f"Give 1 to {LONGEST_NAME} of them",
            )
        if name in self.named:
            raise CryoAIError(
                f"there is a selection called '{name}' already", remedy="Choose another name"
            )
        return name

    def _mask(self, bits: bytes) -> Mask:
        return np.unpackbits(np.frombuffer(bits, np.uint8), count=self.n).view(np.bool_)


def _packed(mask: Mask) -> bytes:
    return np.packbits(mask).tobytes()


def _count(bits: bytes) -> int:
    # Bits beyond the last particle are always 0.
    return int.from_bytes(bits, "little").bit_count()
