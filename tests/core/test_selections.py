"""Selections, their names and the way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.selection_set import SelectionSet
from napari_cryoai.core.selections import Selections

MASKS = st.integers(1, 40).flatmap(lambda n: st.tuples(arrays(bool, n), arrays(bool, n)))


@given(MASKS)
def test_combining_is_what_logic_says(masks):
    a, b = masks
    chosen = SelectionSet.empty(len(a)).select(a)
    assert np.array_equal(chosen.current, a)
    assert np.array_equal(chosen.select(b, "add").current, a | b)
    assert np.array_equal(chosen.select(b, "subtract").current, a & ~b)
    assert np.array_equal(chosen.select(b, "intersect").current, a & b)
    assert np.array_equal(chosen.select(b).current, b)
    assert np.array_equal(chosen.inverted().current, ~a)


@given(MASKS)
def test_the_count_is_the_number_of_selected_particles_whatever_was_done(masks):
    a, b = masks
    chosen = SelectionSet.empty(len(a)).select(a).inverted().select(b, "add").inverted()
    assert chosen.count == int(chosen.current.sum())
    assert chosen.inverted().count == len(a) - chosen.count


def test_a_value_is_not_changed_by_what_is_made_from_it():
    first = SelectionSet.empty(5).select(np.array([1, 0, 1, 0, 0], bool)).keep("open")
    mask = first.current
    mask[:] = True
    first.inverted()
    first.delete("open")
    assert first.count == 2
    assert first.counts() == {"open": 2}
    with pytest.raises(TypeError):
        first.named["other"] = b""  # type: ignore[index]


def test_a_named_selection_stays_what_it_was_when_it_was_named():
    selections = Selections(6)
    selections.select(np.arange(6) < 2)
    selections.keep("first two")
    selections.invert()
    assert selections.mask("first two").tolist() == [True] * 2 + [False] * 4
    selections.choose("first two", "add")
    assert selections.count == 6


ACTS = st.sampled_from(
    [
        "replace",
        "add",
        "subtract",
        "intersect",
        "invert",
        "keep",
        "rename",
        "delete",
        "choose",
        "all",
    ]
)


def act(selections: Selections, what: str, random: np.random.Generator) -> None:
    n = selections.state.n
    names = selections.names
    if what in ("replace", "add", "subtract", "intersect"):
        selections.select(random.random(n) < 0.5, what)  # type: ignore[arg-type]
    elif what == "invert":
        selections.invert()
    elif what == "all":
        selections.select_all()
    elif what == "keep":
        selections.keep(f"s{random.integers(1 << 40)}")
    elif names:
        name = names[random.integers(len(names))]
        if what == "rename":
            selections.rename(name, f"r{random.integers(1 << 40)}")
        else:
            getattr(selections, what)(name)


@given(st.lists(ACTS, max_size=25), st.integers(0, 1000))
def test_undo_goes_back_step_by_step_and_redo_forth(acts, seed):
    random, selections = np.random.default_rng(seed), Selections(19)
    seen = [selections.state]
    for what in acts:
        act(selections, what, random)
        if selections.state != seen[-1]:
            seen.append(selections.state)
    for state in reversed(seen[:-1]):
        assert selections.undo()
        assert selections.state == state
    assert selections.undo() is None
    for state in seen[1:]:
        assert selections.redo()
        assert selections.state == state
    assert selections.redo() is None


def test_a_new_step_forgets_what_had_been_undone():
    selections = Selections(4)
    selections.select_all()
    selections.undo()
    selections.invert()
    assert selections.redo_label is None
    assert selections.undo_label == "Invert the selection"


def test_a_step_that_changes_nothing_is_no_step():
    selections, heard = Selections(4), []
    selections.changed.connect(lambda: heard.append(1))
    selections.clear()
    selections.select(np.zeros(4, bool))
    assert (selections.undo_label, heard) == (None, [])
    selections.select_all()
    assert heard == [1]


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "x" * 101, "taken"])
def test_a_name_that_nobody_can_use_is_refused(name):
    selections = Selections(3)
    selections.keep("taken")
    with pytest.raises(CryoAIError):
        selections.keep(name)
    selections.keep("other")
    with pytest.raises(CryoAIError):
        selections.rename("other", name)
    assert selections.names == ("taken", "other")


def test_a_selection_may_be_renamed_to_its_own_name():
    selections = Selections(3)
    selections.keep("open")
    selections.rename("open", " open ")
    assert selections.names == ("open",)


def test_a_name_that_is_not_there_is_refused_with_those_that_are():
    selections = Selections(3)
    selections.keep("open")
    with pytest.raises(CryoAIError, match="open"):
        selections.choose("closed")


def test_a_long_history_of_a_million_particles_takes_little_memory():
    chosen = SelectionSet.empty(1_000_000)
    assert len(chosen.bits) == 125_000


def test_a_mask_of_other_particles_is_an_error_of_the_program():
    with pytest.raises(ValueError, match="mask"):
        Selections(3).select(np.ones(4, bool))
    with pytest.raises(ValueError, match="not 3"):
        Selections(3, SelectionSet.empty(4))
