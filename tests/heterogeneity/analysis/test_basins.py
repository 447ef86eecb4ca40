"""Hills of a density on a line, where one sees what is right."""

from __future__ import annotations

import numpy as np

from napari_cryoai.heterogeneity.analysis.basins import basins


def on_a_line(heights: list[float], prominence: float) -> tuple[list[int], list[int]]:
    n = len(heights)
    edges = np.stack([np.arange(n - 1), np.arange(1, n)], 1)
    found = basins(np.array(heights, float), edges, prominence)
    return found.labels.tolist(), found.summits.tolist()


def test_two_summits_divide_the_line_at_the_pass():
    labels, summits = on_a_line([1, 5, 2, 1, 2, 4, 1], 0.5)
    assert summits == [1, 5]
    assert labels[:3] == [0, 0, 0] and labels[4:] == [1, 1, 1]


def test_a_summit_that_stands_out_too_little_belongs_to_the_higher_one():
    heights = [1, 5, 3.8, 4, 1]
    assert on_a_line(heights, 0.1)[1] == [1, 3]
    assert on_a_line(heights, 0.5) == ([0] * 5, [1])


def test_prominence_counts_from_the_highest_pass_not_from_the_next():
    # The middle summit is 1 above its left pass; the right one 3 above.
    assert on_a_line([9, 5, 6, 3, 8], 2.0)[1] == [0, 4]


def test_a_chain_of_merges_ends_at_the_highest():
    assert on_a_line([1, 2, 1.9, 3, 2.9, 4, 3.9, 5], 0.5) == ([0] * 8, [7])


def test_a_plain_is_one_hill():
    assert on_a_line([2, 2, 2, 2], 0.1)[1] == [0]


def test_parts_without_a_way_between_them_stay_apart():
    found = basins(np.array([1.0, 2, 1, 2]), np.array([[0, 1], [2, 3]]), 9.0)
    assert len(found.summits) == 2
