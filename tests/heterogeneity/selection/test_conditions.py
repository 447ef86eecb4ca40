"""Conditions on columns mean what they say, and run nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.heterogeneity.selection.conditions import Columns, rows_where

rng = np.random.default_rng(0)
COUNT = 200
Z1, Z2 = rng.normal(size=(2, COUNT))
CLUSTER = rng.integers(0, 5, COUNT).astype(np.float32)
DEFOCUS = rng.uniform(5e3, 3e4, COUNT)
COLUMNS = Columns.of({"z1": Z1, "z2": Z2, "cluster": CLUSTER, "defocus": DEFOCUS}, COUNT)

MEANINGS: dict[str, Callable[[], Any]] = {
    "z1 > 0.5 and cluster == 3 and not (defocus > 20000)": lambda: (
        (Z1 > 0.5) & (CLUSTER == 3) & ~(DEFOCUS > 20000)
    ),
    "z1 > 0 or z2 > 0 and cluster == 1": lambda: (Z1 > 0) | ((Z2 > 0) & (CLUSTER == 1)),
    "not z1 > 0 and z2 > 0": lambda: ~(Z1 > 0) & (Z2 > 0),
    "-1 < z1 <= 1": lambda: (Z1 > -1) & (Z1 <= 1),
    "0 < z1 < z2 < 2": lambda: (Z1 > 0) & (Z1 < Z2) & (Z2 < 2),
    "z1**2 + z2**2 < 1": lambda: Z1**2 + Z2**2 < 1,
    "sqrt(z1*z1 + z2*z2) >= 2": lambda: np.hypot(Z1, Z2) >= 2,
    "abs(z1 - z2) / 2 > 0.5": lambda: np.abs(Z1 - Z2) / 2 > 0.5,
    "cluster in (1, 3)": lambda: np.isin(CLUSTER, (1, 3)),
    "cluster not in [1, -3]": lambda: CLUSTER != 1,
    "cluster in (2,)": lambda: CLUSTER == 2,
    "2e4 >= defocus": lambda: DEFOCUS <= 2e4,
    "cluster != 0": lambda: CLUSTER != 0,
    "1 < 2": lambda: np.ones(COUNT, bool),
    "1 > 2 or\n z1 > 0": lambda: Z1 > 0,
    "+z1 > -z2": lambda: Z1 > -Z2,
}


@pytest.mark.parametrize("text", MEANINGS)
def test_a_condition_means_what_it_says(text):
    found = rows_where(text, COLUMNS)
    assert found.dtype == np.bool_
    assert np.array_equal(found, MEANINGS[text]())


def test_what_is_unknown_is_neither_chosen_nor_excluded_by_its_opposite():
    columns = Columns.of({"score": np.array([0.2, 0.8, np.nan]), "z1": np.arange(3.0)}, 3)
    assert rows_where("score > 0.5", columns).tolist() == [False, True, False]
    assert rows_where("not score > 0.5", columns).tolist() == [True, False, False]
    assert rows_where("score != 0.2", columns).tolist() == [False, True, False]
    assert rows_where("score > 0.5 or z1 == 2", columns).tolist() == [False, True, True]
    assert rows_where("not (score > 0.5 and z1 == 1)", columns).tolist() == [True, False, True]
    assert rows_where("score in (0.2,) or 0 < z1 < 1", columns).tolist() == [True, False, False]
    assert rows_where("score not in (0.2,)", columns).tolist() == [False, True, False]


def test_division_by_nothing_is_not_an_error():
    columns = Columns.of({"z1": np.array([0.0, 1.0, -1.0])}, 3)
    assert rows_where("1 / z1 > 0", columns).tolist() == [True, True, False]
    assert rows_where("0 / z1 == 0", columns).tolist() == [False, True, True]


WRONG = {
    "z3 > 0": (1, "there is no column 'z3', only z1, z2"),
    "z1 > 0 and clutser == 3": (12, "did you mean cluster?"),
    "qqq == 1": (1, "only z1, z2, cluster, defocus"),
    "z1 > ": (5, "not finished"),
    "z1 >> 0": (1, "no meaning"),
    "z1 = 0": (4, "not finished or misspelt"),
    "z1 > 0 & z2 > 0": (6, "write 'and' instead of '&'"),
    "z1 > 0 | z2 > 0": (6, "write 'or' instead of '&' or '|'"),
    "~(z1 > 0)": (1, "write 'not'"),
    "z1": (1, "it is a number, and a comparison was expected"),
    "z1 and z2 > 0": (1, "it is a number"),
    "not z1": (5, "it is a number"),
    "(z1 > 0) + 1 > 0": (2, "it is a comparison"),
    "cluster == 'a'": (12, "only numbers"),
    "cluster == True": (12, "only numbers"),
    "cluster in 3": (12, "in brackets"),
    "cluster in (z1, z2)": (12, "only numbers can be listed"),
    "z1 is 3": (7, "compare with <"),
    "sin(z1) > 0": (1, "the functions are abs, sqrt"),
    "abs(z1, z2) > 0": (1, "the functions are"),
    "abs(x=z1) > 0": (1, "the functions are"),
    "z1 @ z2 > 0": (1, "no meaning"),
    "z1 > 1" + "0" * 400: (6, "too large"),
    "": (1, "not finished"),
    "µ > 0 and z1 > 0": (1, "no column 'μ'"),
    "z1 > 0 and 'ü' == z2": (12, "only numbers"),
}


@pytest.mark.parametrize("text", WRONG)
def test_mistakes_are_named_with_their_place(text):
    place, why = WRONG[text]
    with pytest.raises(CryoAIError) as caught:
        rows_where(text, COLUMNS)
    assert f"at character {place} " in caught.value.problem
    assert why in caught.value.problem


HOSTILE = (
    "__import__('os').system('true')",
    "(lambda: 1)() > 0",
    "[x for x in (1,)] > 0",
    "z1.__class__ > 0",
    "z1[0] > 0",
    "(z1 := 3) > 0",
    "z1 if z2 else z1",
    "f'{z1}' > 0",
    "abs(*z1) > 0",
    "exec('1') > 0",
    "print(1) > 0",
    "z1 > 0; import os",
    "await z1",
    "yield",
    "{1: 2} > 0",
    "... > 0",
    "1j > 0",
    "b'a' > 0",
    "(" * 1500,
    "(" * 150 + "z1" + ")" * 150 + " > 0 and (z1)",
    "-" * 1500 + "1 > 0",
    "not " * 450 + "z1 > 0 and",
    "+".join(["z1"] * 3000) + " > 0",
    "z1\0 > 0",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_comparison_of_columns_is_refused(text):
    with pytest.raises(CryoAIError, match="condition"):
        rows_where(text, COLUMNS)


def test_deep_nesting_ends_in_a_message_or_an_answer():
    for text in ("-" * 1900 + "1 < 0", "not " * 480 + "z1 > 0", "+".join(["z1"] * 600) + " > 0"):
        try:
            assert rows_where(text, COLUMNS).shape == (COUNT,)
        except CryoAIError as error:
            assert "too deeply" in error.problem


def test_powers_of_powers_take_no_time():
    assert not rows_where("9**9**9**9**9 < 1", COLUMNS).any()


@given(st.text(max_size=40))
def test_any_text_ends_in_a_message_or_an_answer(text):
    with suppress(CryoAIError):
        assert rows_where(text, COLUMNS).shape == (COUNT,)


words = st.sampled_from(
    ["z1", "cluster", "1", "0.5", ">", "<", "==", "and", "or", "not", "(", ")", "+", "-", "in", ","]
)


@given(st.lists(words, max_size=12).map(" ".join))
def test_any_words_of_the_language_end_in_a_message_or_an_answer(text):
    with suppress(CryoAIError):
        assert rows_where(text, COLUMNS).shape == (COUNT,)
