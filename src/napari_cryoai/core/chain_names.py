"""Names for chains that have none."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, product
from string import ascii_uppercase


def chain_names() -> Iterator[str]:
    """A, B, ..., Z, AA, AB, ... without an end."""
    for length in count(1):
        for letters in product(ascii_uppercase, repeat=length):
            yield "".join(letters)
