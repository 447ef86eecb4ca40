"""Long calls inside a job: they tell that they live, and can be left."""

from __future__ import annotations

import threading
import time

import pytest

from napari_cryoai.jobs.progress import Progress, finish
from napari_cryoai.jobs.waiting import beside, waiting


def test_a_call_is_waited_for_and_its_result_returned():
    gate = threading.Event()
    job = waiting(lambda: gate.wait(5) and 7, Progress(1, 2, "busy"))
    assert [next(job).message for _ in range(3)] == ["busy"] * 3
    gate.set()
    assert finish(job) == 7


def test_what_a_call_raises_is_raised_by_the_job():
    for error in (ValueError("no"), TimeoutError("late")):

        def fail(error=error):
            raise error

        with pytest.raises(type(error), match=str(error)):
            finish(waiting(fail, Progress(0, 1)))


def test_a_job_that_is_closed_does_not_wait_for_its_call():
    gate = threading.Event()
    job = waiting(lambda: gate.wait(5), Progress(0, 1))
    next(job)
    start = time.monotonic()
    job.close()
    assert time.monotonic() - start < 0.5
    gate.set()


def test_the_steps_of_a_job_are_told_in_their_order_while_others_last():
    def slow():
        for i in range(3):
            time.sleep(0.3)
            yield Progress(i, 3, f"step {i}")
        return "done"

    job, told = beside(slow()), []
    with pytest.raises(StopIteration) as ended:
        while True:
            told.append(next(job).message)
    assert ended.value.value == "done"
    assert list(dict.fromkeys(told)) == ["", "step 0", "step 1", "step 2"]
    assert len(told) > 4
