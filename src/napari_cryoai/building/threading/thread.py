"""Which residue of which chain each residue of a trace is.

The fragments of a trace are not told apart one by one: the chains run through all of them, in the
order of their sequences, from fragment to fragment that is near enough (`chain_graph`, `walks`).
What is certain is settled first (`registers`), then the pieces are shared out between the copies of
each sequence (`sections`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from napari_cryoai.building.threading.chain_graph import MAX_SKIPPED, ChainGraph, chain_graph
from napari_cryoai.building.threading.registers import CERTAINTIES, Places, Registers, settle
from napari_cryoai.building.threading.sections import Section, chains, sections
from napari_cryoai.building.threading.sequences import BORDER, UNKNOWN_KIND, Sequences
from napari_cryoai.core.amino_acids import BACKGROUND, LETTERS
from napari_cryoai.core.atomic_model import Polymer
from napari_cryoai.core.model_edits import BY_HAND_FORWARD
from napari_cryoai.core.trace import Trace

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

TEMPER = 0.9
"""Power of the amino-acid odds: what neighbouring residues have of their errors in common."""

Known = dict[bytes, list[Registers]]
"""What is known of fragments, by what they look like; two of them may look alike."""

_GAP = 0.1
"""Odds of a letter that is not known while a trace is edited: files have X where they have gaps.

Hundreds of them would otherwise claim each residue that was cut loose.
"""

_FLOOR = 0.02
_REAL = 0.5
"""Log-odds that a residue of a trace is one of the chains at all."""


@dataclass(frozen=True, eq=False)
class Threaded:
    """A trace whose residues are told which residue of which chain they are.

    Attributes
    ----------
    trace
        The same residues; fragments are turned round where the sequence says so, and cut where the
        chain does not go on.
    rows
        `(n,)` row of each residue in the trace that was given.
    polymer
        `(n,)` number of the chain, -1 for none.
    position
        `(n,)` place in its sequence, counted from 0; -1.
    posterior
        `(n,)` probability that the residue is this residue of the sequence, of any copy of it; for
        a residue without a position that of the likeliest.
    runner_up
        `(n,)` next best position in the sequence, -1 if there is none in the same sequence.
    margin
        `(n,)` log-odds of the position over the next best; NaN if there is no other.
    """

    trace: Trace
    rows: Ints
    polymer: Ints
    position: Ints
    posterior: Floats
    runner_up: Ints
    margin: Floats

    def __len__(self) -> int:
        return len(self.rows)


def thread(trace: Trace, polymers: Sequence[Polymer]) -> Threaded:
    """Find the place in the sequences of each residue of a trace.

    Parameters
    ----------
    polymers
        One for each copy. Those without a sequence are left alone.
    """
    return Threader(polymers).thread(trace)


class Threader:
    """Threads a trace again and again while it is edited.

    Residues of fragments that are as they were before keep their places. Only those of fragments
    that have changed, and those without a place, are decided anew.

    Parameters
    ----------
    polymers
        One for each copy.
    """

    def __init__(self, polymers: Sequence[Polymer]):
        self.polymers = tuple(polymers)
        self._sequences = Sequences.of(self.polymers)
        self._known: Known = {}

    def thread(self, trace: Trace) -> Threaded:
        """Find the place in the sequences of each residue of a trace."""
        if not len(trace) or not self._sequences.members:
            return _unthreaded(trace)
        known = self._recall(trace)
        held = _once(known.place)
        graph, odds = chain_graph(trace), _odds(trace)
        if (known.place >= 0).any():
            odds[UNKNOWN_KIND] *= _GAP
            places = self._places(odds, graph)
            known = settle(graph, places, known, certainties=CERTAINTIES[-1:], passes=1)
        else:
            known = self._from_nothing(trace, graph, odds)
        known = _shared_out(trace, self._sequences, known, held)
        rows, fragment, turned = _turned(trace, known)
        result = _reordered(trace, rows, fragment, turned)
        now = known.select(rows)
        now = replace(now, backward=now.backward ^ turned)
        # An editor goes on from the one or from the other.
        self._known = _by_fragment(trace, known) | _by_fragment(result, now)
        return _threaded(result, rows, self._sequences, now)

    def _from_nothing(self, trace: Trace, graph: ChainGraph, odds: Floats) -> Registers:
        known = Registers.of_nothing(len(trace))
        sequences = self._sequences
        if sequences.repeated:
            places = Places(odds[:, graph.row], *sequences.once)
            sure = settle(graph, places, known, certainties=CERTAINTIES[:1])
            place = sequences.in_first_copy(sure.place)
            known = _shared_out(trace, sequences, replace(sure, place=place), known.place)
        return settle(graph, self._places(odds, graph), known)

    def _places(self, odds: Floats, graph: ChainGraph) -> Places:
        return Places(odds[:, graph.row], *self._sequences.each)

    def remember(self, threaded: Threaded) -> None:
        """Take the places of a trace as they are; nothing is decided.

        Parameters
        ----------
        threaded
            By any threader of the same polymers, or by hand.
        """
        sequences, polymer = self._sequences, threaded.polymer
        if not sequences.members:
            return
        start = np.array([sequences.start.get(i, -1) for i in range(len(self.polymers))] + [-1])
        placed = start[polymer] >= 0
        begin = sequences.register[start[polymer]]
        known = Registers(
            np.where(placed, start[polymer] + threaded.position, -1),
            np.zeros(len(threaded), np.bool_),
            threaded.posterior,
            np.where(placed & (threaded.runner_up >= 0), begin + threaded.runner_up, -1),
            threaded.margin,
        )
        self._known = _by_fragment(threaded.trace, known)

    def forget(self) -> None:
        """Decide everything anew the next time."""
        self._known = {}

    def _recall(self, trace: Trace) -> Registers:
        known = Registers.of_nothing(len(trace))
        left = {key: list(alike) for key, alike in self._known.items()}
        for rows in trace.fragments():
            # What the user has turned round is not turned back.
            by_hand = bool((trace.forward[rows] >= BY_HAND_FORWARD).all())
            for turned in (False,) if by_hand else (False, True):
                order = rows[::-1] if turned else rows
                alike = left.get(_key(trace, order))
                if alike:
                    found = alike.pop(0)
                    for field in fields(known):
                        getattr(known, field.name)[order] = getattr(found, field.name)
                    known.backward[order] ^= turned
                    break
        return known


def _by_fragment(trace: Trace, known: Registers) -> Known:
    found: Known = {}
    for rows in trace.fragments():
        found.setdefault(_key(trace, rows), []).append(known.select(rows))
    return found


def _key(trace: Trace, rows: Ints) -> bytes:
    return trace.ca_A[rows].tobytes() + trace.types[rows].tobytes()


def _odds(trace: Trace) -> Floats:
    """`(kinds, n)` odds of the residues against the background for each kind of letter."""
    types = (1 - _FLOOR) * trace.types + _FLOOR * BACKGROUND
    odds = np.empty((len(LETTERS) + 2, len(trace)))
    odds[:UNKNOWN_KIND] = (types / BACKGROUND).T ** TEMPER
    odds[UNKNOWN_KIND], odds[BORDER] = 1.0, 0.0
    return odds * np.exp(_REAL)


def _unthreaded(trace: Trace) -> Threaded:
    n = len(trace)
    none = np.full(n, -1)
    return Threaded(
        trace, np.arange(n), none, none.copy(), np.zeros(n), none.copy(), np.full(n, np.nan)
    )


def _once(place: Ints) -> Ints:
    """The same places, but -1 for all residues at one place except the first."""
    found = np.full_like(place, -1)
    first = np.unique(place, return_index=True)[1]
    found[first] = place[first]
    return found


def _shared_out(trace: Trace, sequences: Sequences, known: Registers, held: Ints) -> Registers:
    """Share the sections out between the copies; what fits into none has no place.

    Residues that have a place in `held` stay there, whatever becomes of the others.
    """
    register = np.where(known.place >= 0, sequences.register[known.place], -1)
    parts = sections(trace.fragment, register, known.backward, known.posterior)
    place = np.full(len(trace), -1)
    for members in sequences.members:
        first = sequences.start[members[0]]
        begin, end = sequences.register[[first, first + sequences.length[members[0]] - 1]]
        of = [part for part in parts if begin <= part.places[0] <= end]
        paths = chains(of, trace.ca_A, known.posterior, len(members))
        for member, path in _copies_of(paths, members, sequences, held):
            for part in path:
                place[part.rows] = sequences.start[member] + part.places - begin
    place[np.isin(place, held[held >= 0])] = -1
    return replace(known, place=np.where(held >= 0, held, place))


def _copies_of(
    paths: list[list[Section]], members: list[int], sequences: Sequences, held: Ints
) -> list[tuple[int, list[Section]]]:
    """Each path with the copy that most of its residues are held in; else in the order given."""
    owner = np.where(held >= 0, sequences.polymer[held], -1)
    shared = [[sum((owner[s.rows] == m).sum() for s in path) for m in members] for path in paths]
    of_path, copy = linear_sum_assignment(-np.array(shared, float).reshape(-1, len(members)))
    return [(members[c], paths[p]) for p, c in zip(of_path.tolist(), copy.tolist(), strict=True)]


def _threaded(trace: Trace, rows: Ints, sequences: Sequences, known: Registers) -> Threaded:
    placed = known.place >= 0
    own, other = sequences.register[known.place], known.runner_up
    first = own - sequences.position[known.place]
    length = sequences.length[sequences.polymer[known.place]]
    same = placed & (other >= first) & (other < first + length)
    return Threaded(
        trace,
        rows,
        np.where(placed, sequences.polymer[known.place], -1),
        np.where(placed, sequences.position[known.place], -1),
        known.posterior,
        np.where(same, other - first, -1),
        np.where(placed, known.margin, np.nan),
    )


def _turned(trace: Trace, known: Registers) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Rows in the order of the chains, their new fragments, and which of them are turned round.

    A fragment is cut where the chain does not go on; what is between goes with the piece before.
    """
    place = known.place
    backward = known.backward & (place >= 0)
    order: list[Ints] = []
    turned = np.zeros(len(trace), np.bool_)
    for rows in trace.fragments():
        inside = np.flatnonzero(place[rows] >= 0)
        at = rows[inside]
        step = np.diff(place[at]) * np.where(backward[at[1:]], -1, 1)
        broken = (step < 1) | (step > MAX_SKIPPED + 1) | (backward[at[1:]] != backward[at[:-1]])
        for piece in np.split(rows, inside[1:][broken]):
            turned[piece] = backward[piece].any()
            order.append(piece[::-1] if turned[piece[0]] else piece)
    rows = np.concatenate(order)
    fragment = np.repeat(np.arange(len(order)), [len(piece) for piece in order])
    return rows, fragment, turned[rows]


def _reordered(trace: Trace, rows: Ints, fragment: Ints, turned: NDArray[np.bool_]) -> Trace:
    moved = trace.select(rows)
    back = turned[:, None]
    # What was taken for the N of a residue that runs the other way is rather its C.
    return replace(
        moved,
        fragment=fragment,
        forward=np.where(turned, -moved.forward, moved.forward),
        n_A=np.where(back, moved.c_A, moved.n_A),
        c_A=np.where(back, moved.n_A, moved.c_A),
    )
