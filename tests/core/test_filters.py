"""What is shown is what is exported: the live filters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_cryoai.core.document import PickDocument, PickFilters, Stroke
from napari_cryoai.core.filters import above_threshold, candidates, painted, shown
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, State, concatenate


def micrograph(name: str, pixel_size_A: float | None = 2.0) -> Micrograph:
    return Micrograph(name, Path(name), (100, 200), pixel_size_A, lambda: np.zeros((100, 200)))


MICROGRAPHS = {name: micrograph(name) for name in ("a.mrc", "b.mrc")}
PICKS = concatenate(
    [
        PickTable.of_points("a.mrc", [[50, 50], [50, 56], [3, 100]], score=[0.5, 0.9, 0.7]),
        PickTable.of_points("b.mrc", [[50, 50], [90, 190]], score=[0.2, np.nan]),
    ]
)


def show(document: PickDocument | None = None, **filters: object) -> list[bool]:
    document = replace(document or PickDocument(PICKS), filters=PickFilters(**filters))
    return shown(document, MICROGRAPHS).tolist()


def test_without_filters_every_kept_pick_shows():
    assert show() == [True] * 5


def test_rejected_picks_do_not_show():
    state = np.array([State.KEPT, State.REJECTED, State.KEPT, State.KEPT, State.KEPT], np.uint8)
    assert show(PickDocument(replace(PICKS, state=state))) == [True, False, True, True, True]


def test_picks_below_the_threshold_hide_and_those_without_a_score_stay():
    assert show(threshold=0.5) == [True, True, True, False, True]
    assert show(threshold=2.0) == [False, False, False, False, True]


def test_a_pick_that_scores_the_threshold_itself_shows():
    score = np.array([0.1, 0.7, 0.3], np.float32)
    picks = PickTable.of_points("a.mrc", np.zeros((3, 2)), score=score)
    for value in score:
        mask = above_threshold(picks, PickFilters(threshold=float(value)))
        assert mask[score == value].all()


def test_the_minimum_distance_is_in_angstrom_and_the_better_pick_stays():
    assert show(min_distance_A=12.0) == [True, True, True, True, True]
    assert show(min_distance_A=12.1) == [False, True, True, True, True]


def test_picks_of_different_micrographs_never_crowd_each_other():
    assert show(min_distance_A=1e5) == [False, True, False, False, True]


def test_a_rejected_pick_does_not_crowd_out_its_neighbour():
    state = np.array([0, State.REJECTED, 0, 0, 0], np.uint8)
    document = PickDocument(replace(PICKS, state=state))
    assert show(document, min_distance_A=20.0) == [True, False, True, True, True]


def test_the_edge_margin_is_in_angstrom_and_counts_from_the_outermost_pixel_centres():
    assert show(edge_margin_A=6.0) == [True] * 5
    assert show(edge_margin_A=6.1) == [True, True, False, True, True]
    assert show(edge_margin_A=18.1) == [True, True, False, True, False]


def test_filters_in_angstrom_need_a_pixel_size_and_wait_for_it():
    unknown = {name: micrograph(name, None) for name in MICROGRAPHS}
    document = PickDocument(PICKS, PickFilters(min_distance_A=1e5, edge_margin_A=1e5))
    assert shown(document, unknown).all()
    assert shown(document, {}).all()


def test_junk_hides_by_mask_and_by_micrograph():
    in_junk = np.array([True, False, False, False, False])
    document = PickDocument(replace(PICKS, in_junk=in_junk), junk=frozenset({"b.mrc"}))
    assert show(document) == [False, True, True, False, False]
    assert show(document, hide_junk=False) == [True, True, True, False, False]


def test_the_brush_excludes_and_the_eraser_includes_again_in_the_order_of_strokes():
    along = Stroke(((50.0, 0.0), (50.0, 199.0)), 5.0)
    spot = Stroke(((50.0, 56.0),), 3.0, erase=True)
    document = PickDocument(PICKS, strokes={"a.mrc": (along, spot)})
    assert show(document) == [False, True, True, True, True]
    document = PickDocument(PICKS, strokes={"a.mrc": (spot, along)})
    assert show(document) == [False, False, True, True, True]


def test_a_stroke_paints_all_along_its_path_and_not_beyond_its_radius():
    stroke = Stroke(((0.0, 0.0), (0.0, 100.0), (100.0, 100.0)), 10.0)
    points = np.array([[10, 50], [10.1, 50], [50, 110], [50, 110.1], [107, 107], [108, 108]])
    assert painted(points.astype(float), [stroke]).tolist() == [True, False] * 3


def test_nothing_is_painted_without_strokes_or_points():
    assert not painted(np.zeros((3, 2)), []).any()
    assert painted(np.empty((0, 2)), [Stroke(((0.0, 0.0),), 1.0)]).shape == (0,)


@given(
    threshold=st.one_of(st.none(), st.floats(-1, 1)),
    distance=st.floats(0, 400),
    margin=st.floats(0, 100),
)
def test_a_filter_only_hides_and_the_threshold_does_not_bring_back(threshold, distance, margin):
    document = PickDocument(PICKS, PickFilters(threshold, distance, margin))
    visible = shown(document, MICROGRAPHS)
    without = candidates(document, MICROGRAPHS)
    assert not np.any(visible & ~without)
    assert not np.any(without & ~candidates(PickDocument(PICKS), MICROGRAPHS))
