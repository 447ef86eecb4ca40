"""A job is a generator that says how far it is and returns its result."""

from __future__ import annotations

from napari_cryoai.jobs.progress import Progress, finish


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
