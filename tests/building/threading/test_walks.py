"""The sums over all walks, against all walks one by one; and the joining of sections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_cryoai.building.threading.chain_graph import MAX_SKIPPED, ChainGraph, chain_graph
from napari_cryoai.building.threading.sections import Section, chains, sections, within_reach
from napari_cryoai.building.threading.walks import FIND, Seen, occupancy
from napari_cryoai.core.trace import Trace

Floats = NDArray[np.float64]


def small_trace() -> Trace:
    ca = np.array([[0, 0, 0], [3.8, 0, 0], [7.4, 1, 0], [7.6, 7.0, 0], [11, 8.5, 0]], float)
    return Trace.of_positions(ca, np.array([0, 0, 0, 1, 1]))


def all_walks(graph: ChainGraph, seen: Floats) -> Iterator[tuple[float, dict[int, int]]]:
    """Odds of each walk, and its state at each place that has one."""
    places, size = seen.shape
    steps = graph.steps.toarray()

    def lost(place: int, odds: float, at: dict[int, int]) -> Iterator[tuple[float, dict[int, int]]]:
        if place >= places:
            yield odds * (1 - FIND) ** (place == places), at
            return
        yield from lost(place + 1, odds * (1 - FIND), at)
        for state in range(size):
            now = odds * FIND * graph.enter[state] * seen[place, state]
            yield from found(place, state, now, at | {place: state})

    def found(
        place: int, state: int, odds: float, at: dict[int, int]
    ) -> Iterator[tuple[float, dict[int, int]]]:
        if odds == 0:
            return
        yield from lost(place + 2, odds * graph.leave[state], at)
        for skipped in range(MAX_SKIPPED + 1):
            following = place + skipped + 1
            if following < places:
                for target in range(size):
                    share = steps[target, (MAX_SKIPPED - skipped) * size + state]
                    now = odds * share * seen[following, target]
                    yield from found(following, target, now, at | {following: target})

    yield from lost(0, 1.0, {})


def test_forward_backward_is_the_sum_over_all_walks() -> None:
    graph = chain_graph(small_trace())
    seen = np.random.default_rng(0).uniform(0.1, 3, (4, len(graph)))
    total, at = 0.0, np.zeros_like(seen)
    for odds, states in all_walks(graph, seen):
        total += odds
        for place, state in states.items():
            at[place, state] += odds
    found = occupancy(graph, [Seen(row) for row in seen])
    np.testing.assert_allclose(found, at / total, rtol=1e-9)


def test_a_place_that_may_be_at_few_states_is_as_one_with_odds_of_nought() -> None:
    graph = chain_graph(small_trace())
    seen = [Seen(row) for row in np.random.default_rng(1).uniform(0.1, 3, (6, len(graph)))]
    only = np.array([2, 7])
    dense = np.zeros(len(graph))
    dense[only] = 2.0, 0.5
    few = occupancy(graph, [*seen[:3], Seen(np.array([2.0, 0.5]), only), *seen[4:]])
    np.testing.assert_allclose(few, occupancy(graph, [*seen[:3], Seen(dense), *seen[4:]]))


@pytest.mark.parametrize("odds", [1e-8, 1.0, 1e8])
def test_long_sequences_neither_overflow_nor_vanish(odds: float) -> None:
    graph = chain_graph(small_trace())
    share = occupancy(graph, [Seen(np.full(len(graph), odds))] * 3000)
    assert np.isfinite(share).all()
    assert (share.sum(1) <= 1 + 1e-9).all()
    np.testing.assert_allclose(share[1000], share[1001], rtol=1e-6)


def test_probabilities_of_the_steps_from_a_state_are_at_most_one() -> None:
    rng = np.random.default_rng(2)
    trace = Trace.of_positions(rng.uniform(0, 25, (60, 3)), np.repeat(np.arange(12), 5))
    graph = chain_graph(trace)
    out = np.asarray(graph.reversed_steps().sum(1)).ravel()
    assert (out + graph.leave <= 1 + 2e-4).all()
    assert graph.enter.sum() == pytest.approx(1)


def test_both_directions_are_alike() -> None:
    trace = small_trace()
    turned = replace(trace, ca_A=trace.ca_A[::-1], fragment=1 - trace.fragment[::-1])
    seen = np.random.default_rng(3).uniform(0.1, 3, (5, 10))
    there = occupancy(chain_graph(trace), [Seen(row) for row in seen])
    back = occupancy(chain_graph(turned), [Seen(np.roll(row, 5)) for row in seen])
    np.testing.assert_allclose(there, np.roll(back, 5, axis=1), rtol=1e-9)


def test_sections_end_where_the_chain_does() -> None:
    fragment = np.repeat([0, 1], 6)
    place = np.array([5, 6, -1, 7, 30, 31, 50, 49, 48, 47, 46, 45])
    backward = place > 40
    parts = sections(fragment, place, backward, np.ones(12))
    assert [part.places.tolist() for part in parts] == [[5, 6, 7], [30, 31], list(range(45, 51))]
    assert [part.rows[0] for part in parts] == [0, 4, 11]


def test_a_section_that_no_chain_can_reach_is_dropped_and_the_rest_stays_one_chain() -> None:
    ca = np.cumsum(np.tile([3.0, 1.5, 1.5], (30, 1)), axis=0)
    ca[10:14] += 200.0
    rows = [np.arange(0, 10), np.arange(10, 14), np.arange(14, 30)]
    parts = [Section(part, part, False) for part in rows]
    (chain,) = chains(parts, ca, np.ones(30), 1)
    assert [part.rows[0] for part in chain] == [0, 14]


def test_a_false_residue_at_an_end_does_not_take_its_section_with_it() -> None:
    ca = np.cumsum(np.tile([3.0, 1.5, 1.5], (30, 1)), axis=0)
    ca[15] += 40.0
    parts = [Section(part, part, False) for part in (np.arange(0, 15), np.arange(15, 30))]
    (chain,) = chains(parts, ca, np.ones(30), 1)
    kept = np.concatenate([part.rows for part in chain])
    np.testing.assert_array_equal(kept, np.delete(np.arange(30), 15))


def test_a_chain_spans_no_more_than_its_residues_do() -> None:
    assert within_reach(np.array(3.8 * 3), np.array(2))
    assert not within_reach(np.array(3.8 * 3 + 2.1), np.array(2))
