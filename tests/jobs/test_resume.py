"""A killed job goes on where it was, with the very same results."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.resume import ItemStore, fingerprint, safe_name


class PickParams(Params):
    diameter_A: float = 120.0
    workers: int = 1


NAMES = ["a.mrc", "000001@a.mrc", "sub/a.mrc", "sub_a.mrc", "../../a.mrc", "/a.mrc", "μ Å.mrc"]


def store(folder: Path, mark: str = "", **options: object) -> ItemStore:
    return ItemStore(folder, mark, suffix=".txt", **options)


def save(items: ItemStore, name: str, text: str) -> None:
    items.save(name, lambda path: path.write_text(text))


def load(items: ItemStore, name: str) -> str | None:
    return items.load(name, Path.read_text)


def test_results_are_found_again_each_under_its_own_name(tmp_path):
    for name in NAMES:
        assert not store(tmp_path).done(name)
        save(store(tmp_path), name, name)
    assert [load(store(tmp_path), name) for name in NAMES] == NAMES
    assert len(list((tmp_path / ".partial").iterdir())) == len(NAMES)


def test_a_changed_parameter_finds_nothing_and_changed_back_finds_it_again(tmp_path):
    save(store(tmp_path, "120 A"), "a.mrc", "old")
    assert load(store(tmp_path, "97 A"), "a.mrc") is None
    save(store(tmp_path, "97 A"), "a.mrc", "new")
    assert load(store(tmp_path, "97 A"), "a.mrc") == "new"
    assert load(store(tmp_path, "120 A"), "a.mrc") == "old"


@pytest.mark.parametrize("change", ["size", "time", "place"])
def test_a_changed_input_finds_nothing(tmp_path, change):
    source, other = tmp_path / "a.mrc", tmp_path / "b.mrc"
    for file in (source, other):
        file.write_bytes(bytes(10))
        os.utime(file, ns=(10**18, 10**18))
    items = store(tmp_path, sources={"a.mrc": source})
    save(items, "a.mrc", "x")
    assert items.done("a.mrc")
    if change == "size":
        source.write_bytes(bytes(11))
        os.utime(source, ns=(10**18, 10**18))
    elif change == "time":
        os.utime(source, ns=(10**18, 10**18 + 1000))
    else:
        items = store(tmp_path, sources={"a.mrc": other})
    assert not items.done("a.mrc")


def test_a_result_that_cannot_be_read_is_made_again(tmp_path):
    items = store(tmp_path)
    save(items, "a.mrc", "x")

    def broken(path: Path) -> str:
        raise CryoAIError("it is cut off", path=path, remedy="Make it again")

    assert items.load("a.mrc", broken) is None
    assert not items.done("a.mrc")


def test_a_write_that_fails_keeps_nothing(tmp_path):
    items = store(tmp_path)

    def interrupted(path: Path) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        items.save("a.mrc", interrupted)
    assert not list((tmp_path / ".partial").iterdir())


def test_a_complete_job_leaves_nothing_behind(tmp_path):
    items = store(tmp_path)
    save(items, "a.mrc", "x")
    items.remove()
    items.remove()
    assert not list(tmp_path.iterdir())


def test_the_fingerprint_knows_what_matters_and_ignores_what_does_not():
    def mark(**values: object) -> str:
        return fingerprint(PickParams(**values), without={"workers"}, seed=1)

    assert mark(workers=1) == mark(workers=8)
    assert mark(diameter_A=120.0) != mark(diameter_A=np.nextafter(120.0, 121))
    assert fingerprint(PickParams(), seed=1) != fingerprint(PickParams(), seed=2)


@given(st.text())
def test_a_safe_name_stays_in_its_folder_whatever_the_micrograph_is_called(name):
    safe = safe_name(name)
    assert Path(safe).name == safe
    assert 0 < len(safe.encode()) <= 80
    assert not safe.startswith(".")


JOB = """
import sys, time
from pathlib import Path
from napari_cryoai.jobs.resume import ItemStore

items = ItemStore(sys.argv[1], "same", suffix=".txt")
for number in range(40):
    name = f"micrograph/{number}.mrc"
    if not items.done(name):
        def write(path):
            with path.open("w") as file:
                for line in range(200):
                    file.write(f"{number} {line}\\n")
                    file.flush()
        items.save(name, write)
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
"""


def test_killed_at_any_moment_no_half_result_is_found_and_none_is_made_twice(tmp_path):
    random = np.random.default_rng(1)
    made: list[int] = []
    finished = False
    for _ in range(40):
        with subprocess.Popen(
            [sys.executable, "-S", "-c", JOB_PATH + JOB, str(tmp_path)], stdout=subprocess.PIPE
        ) as job:
            assert job.stdout is not None
            first = job.stdout.readline()
            time.sleep(random.uniform(0, 0.01))
            job.send_signal(signal.SIGKILL)
            made += [int(line) for line in (first + job.stdout.read()).splitlines()]
        for file in (tmp_path / ".partial").glob("*.txt"):
            number = file.name.split("_")[1].split(".")[0]
            expected = "".join(f"{number} {line}\n" for line in range(200))
            assert file.read_text() == expected
        if not first:
            finished = True
            break
    assert finished
    # What was finished but not yet said when the kill came is not made again either.
    assert len(made) == len(set(made))
    items = store(tmp_path, "same")
    assert all(items.done(f"micrograph/{number}.mrc") for number in range(40))
    assert not list((tmp_path / ".partial").glob(".*"))


JOB_PATH = f"import sys; sys.path[:] = {sys.path!r}\n"
