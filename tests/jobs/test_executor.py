"""One function over many items, here and in other processes, gives the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.executor import default_workers, map_items, map_ticking


def processes() -> set[psutil.Process]:
    """Processes that this one has started, but for Python's own bookkeeper of them."""
    children = psutil.Process().children(recursive=True)
    return {p for p in children if "resource_tracker" not in " ".join(p.cmdline())}


@pytest.fixture(autouse=True)
def no_process_is_left_behind():
    before = processes()
    yield
    assert processes() <= before


# The functions are made inside others, so that they travel by value: worker processes cannot
# import this file.


def squares():
    def square(item: int) -> int:
        if item % 5 == 3:
            raise CryoAIError("the file is cut off", path=f"{item}.mrc", remedy="Copy it again")
        if item % 5 == 4:
            raise ValueError("nobody thought of this")
        if item % 5 == 2:
            raise MemoryError
        return item**2

    return square


def outcomes(workers: int | str) -> dict[int, object]:
    found = {}
    for index, result in map_items(squares(), range(10), workers=workers):
        assert index not in found
        found[index] = str(result) if isinstance(result, CryoAIError) else result
    return found


def test_one_worker_and_two_give_the_same_and_a_bad_file_stops_neither():
    here = outcomes(1)
    assert sorted(here) == list(range(10))
    assert {i: v for i, v in here.items() if isinstance(v, int)} == {0: 0, 1: 1, 5: 25, 6: 36}
    assert here[3] == "3.mrc: the file is cut off. Copy it again."
    assert "ValueError: nobody thought of this" in here[4]
    assert "memory" in here[2]
    assert outcomes(2) == here


def test_one_worker_works_in_this_very_process_and_in_order():
    pids = list(map_items(lambda _: os.getpid(), range(4)))
    assert pids == [(i, os.getpid()) for i in range(4)]
    assert list(map_items(lambda _: os.getpid(), [0], workers=4)) == [(0, os.getpid())]
    assert list(map_items(lambda _: os.getpid(), [], workers=4)) == []


def test_a_worker_that_is_killed_fails_its_own_item_only(tmp_path):
    attempts = str(tmp_path)

    def work(item: int) -> int:
        with open(f"{attempts}/{item}", "a") as file:  # noqa: PTH123
            file.write("x")
        always, once = item == 1, item == 4
        if always or (once and len(open(f"{attempts}/{item}").read()) == 1):  # noqa: PTH123, SIM115
            os.kill(os.getpid(), signal.SIGKILL)
        return -item

    found = dict(map_items(work, range(6), workers=2))
    error = found.pop(1)
    assert isinstance(error, CryoAIError)
    assert "memory" in str(error)
    assert found == {0: 0, 2: -2, 3: -3, 4: -4, 5: -5}
    assert Path(tmp_path / "1").read_text() == "xx"


def sleeper(seconds: float):
    def sleep(item: int) -> int:
        time.sleep(seconds if item else 0.0)
        return item

    return sleep


def test_it_ticks_while_it_waits_and_is_closed_within_a_second():
    with closing(map_ticking(sleeper(60), range(5), workers=2)) as running:
        assert next(running) == (0, 0)
        start = time.perf_counter()
        assert [next(running) for _ in range(3)] == [None] * 3
        assert time.perf_counter() - start < 2
        start = time.perf_counter()
    assert time.perf_counter() - start < 1


def test_it_works_from_a_thread_as_a_window_has_it():
    found: dict[int, object] = {}
    thread = threading.Thread(
        target=lambda: found.update(map_items(sleeper(0.0), range(4), workers=2))
    )
    thread.start()
    thread.join(30)
    assert found == {i: i for i in range(4)}


SCRIPT = """
import time
from napari_cryoai.jobs.executor import map_items

def sleep(item):
    time.sleep(60 * item)
    return item

if __name__ == "__main__":
    for outcome in map_items(sleep, range(4), workers=2):
        print(outcome, flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_the_one_that_started_it(tmp_path, how):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"(0, 0)\n"
        workers = psutil.Process(parent.pid).children(recursive=True)
        assert len(workers) >= 2
        if how == signal.SIGINT:
            press_ctrl_c(parent)
        else:
            parent.send_signal(how)
            parent.wait(5)
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert not alive


def press_ctrl_c(process):
    """As in a terminal; again if Python lost it in a destructor, as it does now and then."""
    for _ in range(5):
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(2.5)
            return
        except subprocess.TimeoutExpired:
            continue
    pytest.fail("Ctrl+C does not end it")


def test_a_scheduler_that_runs_already_does_the_work():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        assert dict(map_items(sleeper(0.0), range(4), scheduler=address)) == {
            i: i for i in range(4)
        }


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr("napari_cryoai.jobs.cluster._CONNECT_S", 0.3)
    for address in ("tcp://127.0.0.1:1", "nonsense://", "127.0.0.1:1"):
        with pytest.raises(CryoAIError, match=address):
            list(map_items(sleeper(0.0), range(4), scheduler=address))


def test_less_than_one_worker_is_refused():
    with pytest.raises(CryoAIError, match="at least one worker"):
        list(map_items(sleeper(0.0), range(4), workers=0))


def test_a_small_set_is_not_worth_a_cluster():
    assert default_workers(0) == default_workers(1) == default_workers(7) == 1
    for items in (8, 20, 10_000):
        assert 1 <= default_workers(items) <= min(items // 2, os.cpu_count() or 1)


def test_distributed_is_imported_by_those_only_who_need_it():
    code = (
        "import sys; from napari_cryoai.jobs.executor import map_items;"
        "list(map_items(abs, [1, 2])); assert 'distributed' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
