"""Items done once each, whatever happens to their neighbours."""

import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.batch import Batch, Store, over_items
from napari_cryoai.jobs.progress import finish


def halve(number):
    if number % 2:
        raise CryoAIError(f"{number} is odd", remedy="Give an even one")
    return number // 2


class Memory(Store):
    def __init__(self):
        self.kept = {}

    def load(self, name):
        return self.kept.get(name)

    def save(self, name, found):
        self.kept[name] = found


def test_a_bad_item_is_a_problem_and_the_others_go_on():
    job = over_items(halve, [2, 3, 4], ["two", "three", "four"])
    steps = []
    with pytest.raises(StopIteration) as end:
        while True:
            steps.append(next(job))
    batch = end.value.value
    assert batch.found == {0: 1, 2: 2}
    assert batch.ordered() == [1, 2]
    assert [(s.done, s.total) for s in steps] == [(1, 3), (2, 3), (3, 3)]
    assert steps[1].problem is batch.problems[0]
    assert steps[2].preview == 2


def test_what_is_stored_is_not_done_again():
    store, calls = Memory(), []

    def count(number):
        calls.append(number)
        return halve(number)

    finish(over_items(count, [2, 4], ["two", "four"], store=store))
    batch = finish(over_items(count, [2, 4, 6], ["two", "four", "six"], store=store))
    assert calls == [2, 4, 6]
    assert batch.ordered() == [1, 2, 3]


def test_a_problem_is_not_stored():
    store = Memory()
    finish(over_items(halve, [2, 3], ["two", "three"], store=store))
    assert store.kept == {"two": 1}


def test_if_all_fail_the_first_problem_is_the_error():
    with pytest.raises(CryoAIError, match="1 is odd"):
        finish(over_items(halve, [1, 3], ["one", "three"]))


def test_problems_from_before_count_and_are_told_first():
    before = CryoAIError("five is missing", remedy="Find it")
    job = over_items(halve, [2], ["two"], problems=[before])
    first = next(job)
    assert (first.done, first.total, first.problem) == (1, 2, before)
    assert finish(job).problems == [before]


def test_the_preview_may_depend_on_all_that_is_found_so_far():
    def total(_one, batch: Batch):
        return sum(batch.found.values())

    steps = list(over_items(halve, [2, 4], ["two", "four"], preview=total))
    assert [s.preview for s in steps] == [1, 3]
