"""A job is a generator that says how far it is and returns its result."""

from __future__ import annotations

import pytest

from napari_cryoai.jobs.progress import Progress, finish, part


def job(log: list[str]):
    try:
        for done in range(3):
            yield Progress(done, 3)
    finally:
        log.append("cleaned up")
    return "picks"


def test_a_finished_job_gives_its_result():
    log: list[str] = []
    assert finish(job(log)) == "picks"
    assert log == ["cleaned up"]


def test_a_closed_job_cleans_up():
    log: list[str] = []
    running = job(log)
    next(running)
    running.close()
    assert log == ["cleaned up"]


def test_a_part_of_a_job_takes_its_share_of_the_whole():
    def job():
        yield Progress(0, 4, "begins")
        yield Progress(3, 4, "nearly")
        return "result"

    steps, running = [], part(job(), 20, 60)
    with pytest.raises(StopIteration) as ended:
        while True:
            steps.append(next(running))
    assert ended.value.value == "result"
    assert [(s.done, s.total, s.message) for s in steps] == [
        (20, 100, "begins"),
        (50, 100, "nearly"),
    ]
