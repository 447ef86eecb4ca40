"""Where in the sequences the residues of a trace are: decided from the surest to the least sure.

One forward-backward pass lets different walks use a residue of the trace at two places. So the
places that are certain are settled, the passes repeated with those residues there and nowhere else,
and so on with less and less certainty. A place of a sequence with several copies can be settled as
often as there are copies.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.threading.chain_graph import ChainGraph
from napari_cryoai.building.threading.walks import Seen, occupancy

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

CERTAINTIES = (0.9, 0.5, 0.25)
"""Posteriors from which on places are settled, one after another."""

MAX_PASSES = 4
_FEW = 0.01
_HOLD = 20.0
"""Odds by which a residue that is settled is preferred to a gap at its place."""
_NOTHING = Seen(np.empty(0), np.empty(0, np.intp))


@dataclass(frozen=True, eq=False)
class Places:
    """What the residues of a trace may be: places of sequences one after another.

    Attributes
    ----------
    odds
        `(kinds, 2 n)` of each state for each kind of letter, against the background.
    kinds
        `(places,)` of the letters; those of the borders between sequences have odds of 0.
    copies
        `(places,)` residues that a place can hold: the copies of its sequence, or 1 if each copy
        has places of its own.
    same
        `(registers, m)` places that are the same residue of a sequence, in its copies; -1 where
        there are fewer.
    """

    odds: Floats
    kinds: Ints
    copies: Ints
    same: Ints

    def by_register(self, share: Floats) -> Floats:
        """`(registers, n)` sums over the copies of `(places, n)`."""
        if self.same.shape[1] == 1:
            return share[self.same[:, 0]]
        padded = np.vstack([share, np.zeros((1, share.shape[1]))])
        total: Floats = sum(padded[column] for column in self.same.T)
        return total


@dataclass(frozen=True, eq=False)
class Registers:
    """The decisions, one row for each residue of the trace.

    Attributes
    ----------
    place
        `(n,)` in the sequences one after another; -1 for none.
    backward
        `(n,)` whether the chain passes it against the way of its fragment.
    posterior
        `(n,)` probability of the place, in any copy, or of the likeliest if none is settled.
    runner_up, margin
        `(n,)` the next best register, -1 for none, and the log-odds of the best over it.
    """

    place: Ints
    backward: NDArray[np.bool_]
    posterior: Floats
    runner_up: Ints
    margin: Floats

    @classmethod
    def of_nothing(cls, n: int) -> Registers:
        """Nothing is settled."""
        none, no = np.full(n, -1), np.zeros(n)
        return cls(none, np.zeros(n, np.bool_), no, none.copy(), np.full(n, np.nan))

    def select(self, rows: Ints) -> Registers:
        """Those of some residues, in that order."""
        return Registers(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def settle(
    graph: ChainGraph,
    places: Places,
    known: Registers,
    *,
    certainties: tuple[float, ...] = CERTAINTIES,
    passes: int = MAX_PASSES,
) -> Registers:
    """Settle as many residues as the evidence allows, beyond those that are.

    Parameters
    ----------
    certainties
        Posteriors from which on residues are settled, one after another.
    passes
        At most so many with each.
    """
    for certainty in certainties:
        for _ in range(passes):
            if (known.place >= 0).all():
                return known
            guess = _guess(graph, places, known)
            new = _acceptable(guess, known, places.copies, certainty)
            known = _accept(known, guess, new)
            if new.sum() <= _FEW * len(new):
                break
    return known


def _guess(graph: ChainGraph, places: Places, known: Registers) -> Registers:
    """The likeliest place of each residue that is free, if the others stay where they are."""
    states, seen = _evidence(graph, places, known)
    n, free = len(known.place), np.flatnonzero(known.place < 0)
    walks = occupancy(graph.select(states), seen)
    column = np.cumsum(states) - 1
    ahead, back = walks[:, column[free]], walks[:, column[2 * n - 1 - free]]
    share = _against_others(ahead + back, places.copies)
    each = np.arange(len(free))
    registers = places.by_register(share)
    best, total = registers.argmax(0), registers.sum(0)
    top = registers[best, each]
    registers[best, each] = 0
    second = registers.argmax(0)
    next_best = registers[second, each]
    some = next_best > 1e-12 * top
    options = places.same[best]
    copy = np.where(options >= 0, share[options, each[:, None]], -1).argmax(1)
    place = options[each, copy]
    guess = Registers.of_nothing(n)
    guess.place[free], guess.backward[free] = place, back[place, each] > ahead[place, each]
    guess.posterior[free] = top / np.maximum(total, 1)
    guess.runner_up[free] = np.where(some, second, -1)
    guess.margin[free[some]] = np.log(top[some] / next_best[some])
    return guess


def _evidence(
    graph: ChainGraph, places: Places, known: Registers
) -> tuple[NDArray[np.bool_], list[Seen]]:
    """The mask of the states in play, and what is seen of them at each place.

    A residue that is settled plays at its place alone. One of several copies is taken out of play,
    for the walk is to find the other copies.
    """
    settled = known.place >= 0
    single = settled & (places.copies[known.place] == 1)
    against = np.repeat([False, True], len(settled))
    states = np.where(single[graph.row], known.backward[graph.row] == against, ~settled[graph.row])
    odds = places.odds[:, states]
    row = graph.row[states]
    free = odds * ~settled[row]
    each = [Seen(odds_of_kind) for odds_of_kind in free]
    seen = [each[kind] for kind in places.kinds]
    used = np.bincount(known.place[settled], minlength=len(seen))
    for place in np.flatnonzero(used >= places.copies):
        seen[place] = _NOTHING
    held = np.flatnonzero(settled[row])
    for state, place in zip(held, known.place[row[held]], strict=True):
        seen[place] = Seen(odds[places.kinds[place], [state]] * _HOLD, np.array([state]))
    return states, seen


def _against_others(share: Floats, copies: Ints) -> Floats:
    """The share of a residue among those that compete for the same copy of a place.

    The walk is at one residue at a time; the best of the others take the other copies.
    """
    for c in np.unique(copies[copies > 1]):
        of = np.flatnonzero(copies == c)
        part = share[of]
        k = min(int(c), part.shape[1])
        top = -np.sort(-np.partition(part, -k, axis=1)[:, -k:], axis=1)
        others = np.where(part >= top[:, -1:], top.sum(1, keepdims=True) - part, 0)
        others = np.where(part < top[:, -1:], top[:, :-1].sum(1, keepdims=True), others)
        share[of] = part / np.maximum(1 - others, np.maximum(part, 1e-12))
    return share


def _acceptable(
    guess: Registers, known: Registers, copies: Ints, certainty: float
) -> NDArray[np.bool_]:
    """Free residues that are certain enough, the best ones where too many claim a place."""
    settled = known.place >= 0
    left = copies - np.bincount(known.place[settled], minlength=len(copies))
    new = np.zeros(len(settled), np.bool_)
    claims = np.flatnonzero(~settled & (guess.posterior >= certainty))
    for row in claims[np.argsort(-guess.posterior[claims], kind="stable")]:
        if left[guess.place[row]] > 0:
            left[guess.place[row]] -= 1
            new[row] = True
    return new


def _accept(known: Registers, guess: Registers, new: NDArray[np.bool_]) -> Registers:
    """Settle the new ones; say of the others that are free what is thought of them."""
    free = known.place < 0
    return Registers(
        np.where(new, guess.place, known.place),
        np.where(new, guess.backward, known.backward),
        np.where(free, guess.posterior, known.posterior),
        np.where(free, guess.runner_up, known.runner_up),
        np.where(free, guess.margin, known.margin),
    )
