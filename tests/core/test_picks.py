"""The pick table: rows, ids and foreign columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cryoai.core.picks import COLUMNS, PickTable, Source, State, concatenate, merge


def table(name: str, n: int, first_id: int = 0, **columns: object) -> PickTable:
    yx = np.arange(2.0 * n).reshape(n, 2) + 100 * first_id
    return PickTable.of_points(name, yx, first_id=first_id, **columns)


counts_of_tables = st.lists(
    st.tuples(st.sampled_from(["a.mrc", "b.mrc", "c.mrc"]), st.integers(0, 5)), max_size=6
)


def test_a_pick_without_a_score_has_none_and_is_kept():
    picks = table("a.mrc", 2)
    assert np.isnan(picks.score).all()
    assert np.isnan(picks.diameter_px).all()
    assert set(picks.source) == {Source.IMPORTED}
    assert set(picks.state) == {State.KEPT}


@given(counts_of_tables)
def test_concatenation_loses_no_row_and_numbers_them_from_zero(parts):
    tables = [table(name, n) for name, n in parts]
    whole = concatenate(tables)
    assert whole.id.tolist() == list(range(sum(n for _, n in parts)))
    expected = [name for name, n in parts for _ in range(n)]
    assert whole.micrograph_names().tolist() == expected
    assert np.array_equal(
        whole.yx_px, np.concatenate([np.empty((0, 2))] + [t.yx_px for t in tables])
    )


@given(counts_of_tables)
def test_the_counts_per_micrograph_add_up(parts):
    whole = concatenate(table(name, n) for name, n in parts)
    assert sum(whole.counts().values()) == len(whole)
    for name in whole.names:
        assert whole.counts()[name] == len(whole.rows_of(name)) == len(whole.of(name))
    assert sum(whole.counts(np.zeros(len(whole), bool)).values()) == 0


def test_merging_orders_rows_by_id_whatever_the_order_of_the_tables():
    early, late = table("a.mrc", 3, 0), table("b.mrc", 3, 3)
    assert np.array_equal(merge([late, early]).id, np.arange(6))
    assert merge([late, early]).micrograph_names().tolist() == ["a.mrc"] * 3 + ["b.mrc"] * 3


def test_merging_rows_that_share_an_id_is_an_error():
    with pytest.raises(ValueError, match="share an id"):
        merge([table("a.mrc", 3, 0), table("b.mrc", 3, 2)])


def test_foreign_columns_are_empty_text_in_rows_of_tables_that_lack_them():
    with_class = table("a.mrc", 2, 0, extra={"_rlnClassNumber": ["3", "007"]})
    with_psi = table("b.mrc", 1, 2, extra={"_rlnAnglePsi": ["-0.50"]})
    both = merge([with_class, with_psi])
    assert both.extra["_rlnClassNumber"].tolist() == ["3", "007", ""]
    assert both.extra["_rlnAnglePsi"].tolist() == ["", "", "-0.50"]


def test_of_two_optics_tables_the_first_is_kept():
    first = table("a.mrc", 1, 0, sidecar={"optics": {"_rlnVoltage": ("300",)}})
    second = table("b.mrc", 1, 1, sidecar={"optics": {"_rlnVoltage": ("200",)}, "job": {}})
    assert merge([first, second]).sidecar == {"optics": {"_rlnVoltage": ("300",)}, "job": {}}


def test_no_tables_make_an_empty_one():
    assert merge([]) == concatenate([]) == PickTable.empty()
    assert PickTable.empty(["a.mrc"]).counts() == {"a.mrc": 0}


def test_selecting_keeps_ids_names_and_foreign_columns_in_step():
    whole = table("a.mrc", 4, 10, extra={"_rlnClassNumber": list("1234")})
    half = whole.select(np.array([False, True, False, True]))
    assert half.id.tolist() == [11, 13]
    assert half.extra["_rlnClassNumber"].tolist() == ["2", "4"]
    assert half.names == whole.names


def test_rows_are_found_by_id_and_a_missing_id_is_an_error():
    picks = table("a.mrc", 4, 10).select(np.array([0, 1, 3]))
    assert picks.rows_with(np.array([13, 10])).tolist() == [2, 0]
    assert picks.rows_with(np.array([], np.int64)).tolist() == []
    for missing in (12, 9, 99):
        with pytest.raises(LookupError):
            picks.rows_with(np.array([missing]))
    with pytest.raises(LookupError):
        PickTable.empty().rows_with(np.array([0]))


def test_a_micrograph_that_is_not_known_has_no_rows():
    picks = table("a.mrc", 2)
    assert len(picks.rows_of("b.mrc")) == 0
    assert len(picks.of("b.mrc")) == 0


@pytest.mark.parametrize("column", COLUMNS)
def test_tables_differ_when_one_value_of_one_column_does(column):
    picks, other = table("a.mrc", 3, 5, score=0.5), table("a.mrc", 3, 5, score=0.5)
    assert picks == other
    getattr(other, column)[1] = 1
    assert picks != other


def test_nan_equals_nan_and_names_and_foreign_columns_count():
    picks = table("a.mrc", 3)
    assert np.isnan(picks.score).all()
    assert picks == table("a.mrc", 3)
    assert picks != picks.with_names(["b.mrc"])
    assert picks != table("a.mrc", 3, extra={"_rlnClassNumber": ["1", "1", "1"]})
    assert picks != table("a.mrc", 3, sidecar={"optics": {}})
    assert picks != "a.mrc"
