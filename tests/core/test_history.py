"""Undo and redo, over random sequences of every kind of edit there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_cryoai.core.document import PickDocument, PickFilters, Stroke
from napari_cryoai.core.edits import (
    AddPicks,
    Group,
    RemovePicks,
    ReplacePicks,
    SetColumn,
    SetFilters,
    SetFlag,
    SetStrokes,
)
from napari_cryoai.core.history import History
from napari_cryoai.core.picks import PickTable, State, concatenate

NAMES = ("May08_03.05.02.bin.mrc", "sub/May08_03.06.mrc", "000001@stack.mrcs")
JOB = "Pick all"
ONE_EDIT = (
    "add",
    "remove",
    "move",
    "reject",
    "rescore",
    "resize",
    "junk_mask",
    "filters",
    "brush",
    "flag",
    "group",
)
STEPS = (*ONE_EDIT, *ONE_EDIT, "import", "job", "job", "job", "undo", "undo", "redo")


class User:
    """Makes the edits that a user, or a job beside her, could make now."""

    def __init__(self) -> None:
        rows = [
            PickTable.of_points(
                name,
                np.arange(12).reshape(6, 2) / 7,
                score=np.linspace(-1, 1, 6),
                extra={"_rlnClassNumber": list("123456")},
                sidecar={"optics": {"_rlnOpticsGroup": ("1",)}},
            )
            for name in NAMES[:2]
        ]
        picks = concatenate(rows).with_names(NAMES)
        self.history = History(PickDocument(picks))
        self.job_runs = False

    def act(self, step: str, seed: int) -> None:
        history, random = self.history, np.random.default_rng(seed)
        if step == "undo":
            entry = history.undo()
            self.job_runs &= entry is None or entry.label != JOB
        elif step == "redo":
            history.redo()
        elif step == "job":
            self._job(random)
        else:
            self.job_runs &= step != "import"
            history.do(self.edit(step, random, history.document), step)

    def edit(self, step: str, random: np.random.Generator, document: PickDocument):
        picks = document.picks
        some = np.flatnonzero(random.random(len(picks)) < 0.2)
        name = NAMES[random.integers(len(NAMES))]
        match step:
            case "add":
                return AddPicks(self._rows(name, random))
            case "remove":
                return RemovePicks(picks.select(some))
            case "move":
                return SetColumn.of(picks, some, "yx_px", picks.yx_px[some] + random.normal())
            case "reject":
                return SetColumn.of(picks, some, "state", random.integers(2))
            case "rescore":
                return SetColumn.of(picks, some, "score", random.choice([np.nan, 0.3]))
            case "resize":
                return SetColumn.of(picks, some, "diameter_px", random.uniform(10, 400))
            case "junk_mask":
                return SetColumn.of(picks, some, "in_junk", random.random(len(some)) < 0.5)
            case "filters":
                after = PickFilters(random.normal(), random.uniform(0, 200))
                return SetFilters(document.filters, after)
            case "brush":
                before = document.strokes.get(name, ())
                stroke = Stroke(((1.5, 2.0), tuple(random.random(2))), 30.0, seed_bit(random))
                after = () if seed_bit(random) else (*before, stroke)
                return SetStrokes(name, before, after)
            case "flag":
                flag = "junk" if seed_bit(random) else "reviewed"
                return SetFlag(flag, name, name not in getattr(document, flag))
            case "group":
                first = self.edit("add", random, document)
                second = self.edit("move", random, first.apply(document))
                return Group((first, second))
            case "import":
                rows = self._rows(name, random, extra={"_rlnAnglePsi": ["-0.50"] * 4})
                return ReplacePicks(picks, rows.with_names(NAMES))
        raise AssertionError(step)

    def _job(self, random: np.random.Generator) -> None:
        added = AddPicks(self._rows(NAMES[random.integers(len(NAMES))], random))
        if self.job_runs:
            assert self.history.extend(JOB, added)
        else:
            self.history.do(added, JOB)
            self.job_runs = True

    def _rows(self, name: str, random: np.random.Generator, **columns: object) -> PickTable:
        first = self.history.new_ids(4)
        return PickTable.of_points(name, random.random((4, 2)), first_id=first, **columns)


def seed_bit(random: np.random.Generator) -> bool:
    return bool(random.random() < 0.5)


def sequences(length: int, *, at_least: int = 1) -> st.SearchStrategy:
    step = st.tuples(st.sampled_from(STEPS), st.integers(0, 255))
    return st.lists(step, min_size=at_least, max_size=length)


def undo_all_and_redo_all(steps: list[tuple[str, int]]) -> None:
    user = User()
    history, start = user.history, user.history.document
    for step, seed in steps:
        user.act(step, seed)
    end, count = history.document, len(history.done)
    while history.undo():
        pass
    assert history.document == start
    for _ in range(count):
        history.redo()
    assert history.document == end


@settings(deadline=None, max_examples=80)
@given(sequences(25))
def test_any_edits_undone_and_redone_give_the_identical_document(steps):
    undo_all_and_redo_all(steps)


@settings(
    deadline=None,
    max_examples=12,
    suppress_health_check=[HealthCheck(kind) for kind in HealthCheck],
)
@given(sequences(1000, at_least=1000))
def test_a_thousand_edits_undone_and_redone_give_the_identical_document(steps):
    undo_all_and_redo_all(steps)


@settings(deadline=None, max_examples=60)
@given(sequences(25))
def test_an_id_is_never_given_twice(steps):
    user, given_ids = User(), set()
    for step, seed in steps:
        user.act(step, seed)
        first = user.history.new_ids(1)
        assert first not in given_ids
        assert first not in user.history.document.picks.id
        given_ids.add(first)


def test_every_single_step_back_shows_the_state_before_it():
    user, seen = User(), []
    for number, step in enumerate(ONE_EDIT):
        seen.append(user.history.document)
        user.act(step, number)
    for before in reversed(seen):
        user.history.undo()
        assert user.history.document == before


def test_a_new_edit_forgets_what_was_undone():
    user = User()
    user.act("reject", 1)
    user.history.undo()
    assert user.history.redo_label == "reject"
    user.act("move", 2)
    assert user.history.redo_label is None
    assert user.history.redo() is None


def test_a_job_of_many_micrographs_is_one_step_and_one_undo():
    names = [f"{i}.mrc" for i in range(1500)]
    history = History(PickDocument(PickTable.empty(names)))
    empty = history.document
    for name in names:
        rows = PickTable.of_points(name, [[1.0, 2.0]], first_id=history.new_ids(1))
        if not history.extend(JOB, AddPicks(rows)):
            history.do(AddPicks(rows), JOB)
    assert len(history.document.picks) == 1500
    assert len(history.done) == 1
    history.undo()
    assert history.document == empty
    history.redo()
    assert history.document.picks.counts() == dict.fromkeys(names, 1)


def test_a_job_that_replaces_picks_of_many_micrographs_is_undone_at_once():
    history = User().history
    before = history.document
    filters = before.filters
    for number, name in enumerate(NAMES[:2]):
        rows = PickTable.of_points(name, [[number, 1.0]], first_id=history.new_ids(1))
        old = history.document.picks.of(name)
        now = PickFilters(threshold=number / 10)
        edit = Group((RemovePicks(old), AddPicks(rows), SetFilters(filters, now)))
        filters = now
        if not history.extend(JOB, edit):
            history.do(edit, JOB)
    (entry,) = history.done
    kinds = [type(part) for part in entry.edit.edits]
    assert kinds == [RemovePicks, AddPicks, SetFilters, SetFilters]
    after = history.document
    assert len(after.picks) == 2
    history.undo()
    assert history.document == before
    history.redo()
    assert history.document == after


def test_rows_that_a_step_brought_may_be_taken_away_by_it():
    history = User().history
    before = history.document
    rows = PickTable.of_points(NAMES[0], [[0.0, 1.0]], first_id=history.new_ids(1))
    history.do(AddPicks(rows), JOB)
    for edit in (RemovePicks(rows), AddPicks(rows), RemovePicks(rows)):
        assert history.extend(JOB, edit)
    assert history.document == before
    history.undo()
    assert history.document == before


def test_a_step_may_be_extended_by_an_edit_of_its_own_rows():
    user = User()
    before = user.history.document
    user.act("job", 0)
    rows = before.picks.id.size + np.arange(4)
    user.history.extend(JOB, SetColumn.of(user.history.document.picks, rows, "score", 0.5))
    after = user.history.document
    user.history.undo()
    assert user.history.document == before
    user.history.redo()
    assert user.history.document == after


def test_a_job_cannot_extend_a_step_that_the_user_has_undone():
    user = User()
    user.act("job", 0)
    user.history.undo()
    before = user.history.document
    rows = PickTable.of_points(NAMES[0], [[1.0, 2.0]], first_id=user.history.new_ids(1))
    assert not user.history.extend(JOB, AddPicks(rows))
    assert user.history.document == before


def test_an_edit_that_cannot_be_applied_changes_nothing():
    user = User()
    user.act("move", 3)
    user.history.undo()
    before = user.history.document
    gone = SetColumn("state", np.array([10**9]), np.array([0]), np.array([1]))
    with pytest.raises(LookupError):
        user.history.do(gone, "reject a pick that is not there")
    with pytest.raises(ValueError, match="share an id"):
        user.history.do(AddPicks(before.picks), "the same ids again")
    assert user.history.document is before
    assert user.history.undo_label is None
    assert user.history.redo_label == "move"


def test_listeners_hear_of_each_change_after_it_was_made():
    user, heard = User(), []
    user.history.changed.connect(
        lambda verb, entry: heard.append((verb, entry.label, user.history.undo_label))
    )
    for step in ("reject", "undo", "redo", "job", "job"):
        user.act(step, 5)
    assert heard == [
        ("do", "reject", "reject"),
        ("undo", "reject", None),
        ("redo", "reject", "reject"),
        ("do", JOB, JOB),
        ("extend", JOB, JOB),
    ]


def test_deleting_a_pick_keeps_its_row_and_score():
    user = User()
    picks = user.history.document.picks
    user.history.do(SetColumn.of(picks, np.array([2]), "state", State.REJECTED), "reject")
    after = user.history.document.picks
    assert len(after) == len(picks)
    assert after.state[2] == State.REJECTED
    assert after.score[2] == picks.score[2]
