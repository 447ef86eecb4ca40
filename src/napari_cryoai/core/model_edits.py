"""Edits of a trace by hand. Each gives a new trace; rows are those of the one that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.amino_acids import LETTERS
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.trace import Trace

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

STEP_A = 3.8
"""From one CA to the next."""
NAMED = 0.98
"""Probability of an amino acid that the user names."""
BY_HAND = 1.0
"""Confidence of a residue that the user puts there."""

BY_HAND_FORWARD = 5.0
"""Log-odds of each residue of a fragment that the user has turned round."""


def moved(trace: Trace, rows: Rows, ca_A: Floats) -> Trace:
    """Residues elsewhere, `(k, 3)`; their N and C move along."""
    shift = np.zeros((len(trace), 3))
    shift[rows] = np.asarray(ca_A, float) - trace.ca_A[rows]
    n_A, c_A = trace.n_A + shift, trace.c_A + shift
    return replace(trace, ca_A=trace.ca_A + shift, n_A=n_A, c_A=c_A)


def deleted(trace: Trace, rows: Rows) -> Trace:
    """Without some residues; a fragment that loses some in its middle is two after that."""
    gone = np.zeros(len(trace), np.bool_)
    gone[rows] = True
    # What lay beyond a gap is a fragment of its own: count the gaps before each residue.
    starts = np.concatenate([[True], np.diff(trace.fragment) != 0])
    starts |= np.concatenate([[False], gone[:-1]])
    return _numbered(replace(trace, fragment=np.cumsum(starts)).select(np.flatnonzero(~gone)))


def inserted(trace: Trace, row: int, ca_A: Floats | None = None, *, before: bool = False) -> Trace:
    """One more residue next to another one, of which nothing is known but its place.

    Without a place it goes where the chain leads to: beyond an end, or between two residues.
    """
    at = row if before else row + 1
    place = _next_place(trace, row, before) if ca_A is None else np.asarray(ca_A, float)
    one = Trace.of_positions(place[None])
    one = replace(one, fragment=trace.fragment[[row]], confidence=np.array([BY_HAND]))
    columns = {
        f.name: np.concatenate(
            [getattr(trace, f.name)[:at], getattr(one, f.name), getattr(trace, f.name)[at:]]
        )
        for f in fields(Trace)
    }
    return Trace(**columns)


def cut(trace: Trace, row: int) -> Trace:
    """A fragment ends after a residue, and another one begins.

    Raises
    ------
    CryoAIError
        If it ends there already.
    """
    rows = _fragment_of(trace, row)
    if row == rows[-1]:
        raise CryoAIError(
            "the fragment ends at this residue already", remedy="Choose a residue inside it"
        )
    fragment = trace.fragment + (np.arange(len(trace)) > row)
    return _numbered(replace(trace, fragment=fragment))


def joined(trace: Trace, one: int, other: int) -> Trace:
    """Two fragments become one: the ends of them that lie nearest to the two residues are joined.

    Which way the chain runs is that of the longer fragment.

    Raises
    ------
    CryoAIError
        If both residues are of the same fragment, or one of them is no end.
    """
    first, second = _fragment_of(trace, one), _fragment_of(trace, other)
    if first[0] == second[0]:
        raise CryoAIError(
            "both residues are of the same fragment", remedy="Choose the ends of two fragments"
        )
    if len(second) > len(first):
        first, second, one, other = second, first, other, one
    after = one == first[-1]
    if not after and one != first[0]:
        raise _no_end()
    if other not in (second[0], second[-1]):
        raise _no_end()
    # The shorter one is turned round where its other end meets the longer one.
    if len(second) > 1 and (other == second[-1]) == after:
        trace = reversed_(trace, int(second[0]))
    parts = [first, second] if after else [second, first]
    rest = [rows for rows in trace.fragments() if rows[0] not in (first[0], second[0])]
    return _ordered(trace, [np.concatenate(parts), *rest])


def reversed_(trace: Trace, row: int) -> Trace:
    """The fragment of a residue runs the other way; what was taken for N is rather C."""
    rows = _fragment_of(trace, row)
    order = np.arange(len(trace))
    order[rows] = rows[::-1]
    turned = trace.select(order)
    back = np.isin(np.arange(len(trace)), rows)[:, None]
    return replace(
        turned,
        n_A=np.where(back, turned.c_A, turned.n_A),
        c_A=np.where(back, turned.n_A, turned.c_A),
        # The user knows better than any network.
        forward=np.where(back[:, 0], BY_HAND_FORWARD, turned.forward),
    )


def named(trace: Trace, rows: Rows, letters: Sequence[str] | str) -> Trace:
    """Residues are the amino acids that the user says; X leaves one as it is."""
    types = trace.types.copy()
    for row, letter in zip(np.asarray(rows).tolist(), letters, strict=True):
        at = LETTERS.find(letter.upper())
        if at >= 0:
            types[row] = (1 - NAMED) / (len(LETTERS) - 1)
            types[row, at] = NAMED
    return replace(trace, types=types)


def fragment_of(trace: Trace, row: int) -> Rows:
    """The rows of the fragment that a residue is in, from the N to the C terminus."""
    return _fragment_of(trace, row)


def _fragment_of(trace: Trace, row: int) -> Rows:
    starts = np.concatenate([[True], np.diff(trace.fragment) != 0])
    number = np.cumsum(starts)
    return np.flatnonzero(number == number[row])


def _numbered(trace: Trace) -> Trace:
    """Fragments numbered from 0."""
    if not len(trace):
        return trace
    starts = np.concatenate([[0], (np.diff(trace.fragment) != 0).astype(np.intp)])
    return replace(trace, fragment=np.cumsum(starts))


def _ordered(trace: Trace, fragments: list[Rows]) -> Trace:
    rows = np.concatenate(fragments)
    number = np.repeat(np.arange(len(fragments)), [len(part) for part in fragments])
    return replace(trace.select(rows), fragment=number)


def _next_place(trace: Trace, row: int, before: bool) -> Floats:
    rows = _fragment_of(trace, row)
    way = -1 if before else 1
    ahead, behind = row + way, row - way
    if rows[0] <= ahead <= rows[-1]:
        return np.asarray((trace.ca_A[row] + trace.ca_A[ahead]) / 2)
    if rows[0] <= behind <= rows[-1]:
        step = trace.ca_A[row] - trace.ca_A[behind]
        return np.asarray(trace.ca_A[row] + STEP_A * step / max(float(np.linalg.norm(step)), 1e-6))
    return trace.ca_A[row] + np.array([STEP_A, 0.0, 0.0])


def _no_end() -> CryoAIError:
    return CryoAIError(
        "a residue inside a fragment cannot be joined", remedy="Choose the ends of two fragments"
    )
