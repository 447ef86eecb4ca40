"""The different sequences of a complex, one after another, and where their copies are in that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.threading.chain_graph import MAX_SKIPPED
from napari_cryoai.core.amino_acids import LETTERS
from napari_cryoai.core.atomic_model import Polymer

Ints = NDArray[np.intp]

UNKNOWN_KIND, BORDER = len(LETTERS), len(LETTERS) + 1
"""Kinds of letters beyond the twenty: one that says nothing, and none."""


@dataclass(frozen=True, eq=False)
class Sequences:
    """Places of all chains one after another, with borders between that no step can cross.

    Attributes
    ----------
    members
        Numbers of the polymers that have each of the different sequences.
    kinds, polymer, position
        `(places,)` kind of the letter, number of the polymer, place in its sequence.
    register
        `(places,)` number of the residue where copies count once.
    start, length
        First place of each polymer, and how many letters it has.
    same
        `(registers, m)` places of each residue in the copies, -1 where there are fewer.
    """

    members: list[list[int]]
    kinds: Ints
    polymer: Ints
    position: Ints
    register: Ints
    start: dict[int, int]
    length: Ints
    same: Ints

    @classmethod
    def of(cls, polymers: Sequence[Polymer]) -> Sequences:
        """Those of chains with a sequence."""
        by_text: dict[str, list[int]] = {}
        for i, polymer in enumerate(polymers):
            if polymer.sequence:
                by_text.setdefault(polymer.sequence.upper(), []).append(i)
        columns: list[list[Ints]] = [[], [], [], []]
        start, at, registers = {}, 0, 0
        for text, owners in by_text.items():
            kinds = np.array([_kind(a) for a in text] + [BORDER] * (MAX_SKIPPED + 1), np.intp)
            within = np.arange(len(kinds))
            for member in owners:
                rows = (kinds, np.full(len(kinds), member), within, registers + within)
                for column, values in zip(columns, rows, strict=True):
                    column.append(values)
                start[member], at = at, at + len(kinds)
            registers += len(kinds)
        letters, owner, position, register = (
            np.concatenate(column) if column else np.empty(0, np.intp) for column in columns
        )
        length = np.array([len(polymer.sequence) for polymer in polymers], np.intp)
        members = list(by_text.values())
        same = _same(register, registers, max((len(owners) for owners in members), default=1))
        return cls(members, letters, owner, position, register, start, length, same)

    @property
    def repeated(self) -> bool:
        """Whether there is a sequence of several copies."""
        return self.same.shape[1] > 1

    @property
    def each(self) -> tuple[Ints, Ints, Ints]:
        """Kinds, capacity, and places of the same residue, if each copy has its own places."""
        return self.kinds, np.ones(len(self.kinds), np.intp), self.same

    @property
    def once(self) -> tuple[Ints, Ints, Ints]:
        """The same if the copies share their places."""
        registers = np.arange(len(self.same))[:, None]
        return self.kinds[self.same[:, 0]], (self.same >= 0).sum(1), registers

    def in_first_copy(self, register: Ints) -> Ints:
        """Places in the first copy of residues by their registers; -1 stays."""
        return np.where(register >= 0, self.same[register, 0], -1)


def _same(register: Ints, registers: int, most: int) -> Ints:
    same = np.full((registers, most), -1)
    used = np.zeros(registers, np.intp)
    for place, number in enumerate(register):
        same[number, used[number]] = place
        used[number] += 1
    return same


def _kind(letter: str) -> int:
    found = LETTERS.find(letter)
    return found if found >= 0 else UNKNOWN_KIND
