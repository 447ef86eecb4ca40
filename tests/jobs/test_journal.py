"""The autosave: whatever happens, the document is there again up to the last whole line."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from io import FileIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

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
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.history import History
from napari_cryoai.core.picks import PickTable
from napari_cryoai.jobs.journal import Journal
from napari_cryoai.jobs.replay import FORMAT, pack, recover, snapshot

NAMES = ("a.mrc", "000001@sub/b.mrcs")


def new_history() -> History:
    return History(PickDocument(PickTable.empty(NAMES)))


def added(history: History, name: str, count: int = 3) -> AddPicks:
    first = history.new_ids(count)
    yx = np.arange(2.0 * count).reshape(count, 2) / 3 + first
    return AddPicks(PickTable.of_points(name, yx, score=0.1, first_id=first))


def steps(history: History) -> list:
    """Things a user does, every kind of edit among them; each is one line of the journal."""

    def picks() -> PickTable:
        return history.document.picks

    def set_column(column: str, value: object) -> None:
        edit = SetColumn.of(picks(), np.array([0, 2]), column, value)
        history.do(edit, f"set {column}")

    def group() -> None:
        reject = SetColumn.of(picks(), np.array([1]), "state", 1)
        history.do(Group((reject, SetFlag("junk", NAMES[1], True))), "lasso")

    def replace() -> None:
        after = picks().select(np.array([0])).renumbered(history.new_ids(1))
        history.do(ReplacePicks(picks(), after), "import")

    return [
        lambda: history.do(added(history, NAMES[0]), "pick all"),
        lambda: history.extend("pick all", added(history, NAMES[1])),
        lambda: set_column("yx_px", 7.25),
        lambda: set_column("state", 1),
        history.undo,
        history.undo,
        history.redo,
        lambda: history.extend("pick all", added(history, NAMES[0])),
        lambda: history.do(SetFilters(PickFilters(), PickFilters(0.3, 100.0)), "threshold"),
        lambda: history.do(SetStrokes(NAMES[0], (), (Stroke(((1.0, 2.0),), 9.0),)), "brush"),
        lambda: history.do(SetFlag("reviewed", NAMES[0], True), "reviewed"),
        group,
        history.undo,
        lambda: history.do(RemovePicks(picks().select(np.array([1]))), "remove"),
        replace,
        history.undo,
        history.undo,
    ]


def state(history: History) -> tuple:
    """Everything of a history that can be compared."""
    labels = [[entry.label for entry in stack] for stack in (history.done, history.undone)]
    return history.document, labels, history.next_id


def all_states(history: History) -> list[PickDocument]:
    """The documents that undoing to the first step and redoing to the last leads through."""
    seen = [history.document]
    while history.undo():
        seen.append(history.document)
    while history.redo():
        seen.append(history.document)
    return seen


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "picks.journal"


def test_a_journal_holds_the_document_its_undo_and_its_redo_steps(path):
    history = new_history()
    with Journal(path) as journal:
        journal.follow(history)
        for step in steps(history):
            step()
            assert state(recover(path).history) == state(history)
    found = recover(path)
    assert (found.lost_lines, found.damaged) == (0, False)
    assert all_states(found.history) == all_states(history)


def test_cut_off_at_any_byte_it_holds_the_document_after_the_last_whole_line(path):
    history = new_history()
    with Journal(path) as journal:
        journal.follow(history)
        states = {path.stat().st_size: state(history)}
        for step in steps(history)[:9]:
            step()
            states[path.stat().st_size] = state(history)
    whole, cut = path.read_bytes(), path.with_name("cut.journal")
    assert len(states) == 10
    for size in range(len(whole)):
        cut.write_bytes(whole[:size])
        found = recover(cut)
        last = max((end for end in states if end <= size), default=0)
        assert state(found.history) == states.get(last, state(History())), size
        assert found.lost_lines == (size > last)
        assert not found.damaged


def test_work_goes_on_after_a_line_that_was_cut_off(path):
    history = new_history()
    with Journal(path) as journal:
        journal.follow(history)
        for step in steps(history)[:3]:
            step()
    path.write_bytes(path.read_bytes()[:-5])
    with Journal(path) as journal:
        assert journal.recovered.lost_lines == 1
        assert journal.damaged_copy is None
        again = journal.recovered.history
        journal.follow(again)
        again.do(added(again, NAMES[0]), "one more")
    found = recover(path)
    assert found.lost_lines == 0
    assert state(found.history) == state(again)


def test_zeros_that_a_power_cut_left_at_the_end_are_dropped(path):
    history = new_history()
    with Journal(path) as journal:
        journal.follow(history)
        history.do(added(history, NAMES[0]), "pick all")
    path.write_bytes(path.read_bytes() + bytes(4096))
    assert state(recover(path).history) == state(history)


def test_a_line_damaged_in_the_middle_stops_the_replay_and_a_copy_is_kept(path):
    history = new_history()
    with Journal(path) as journal:
        journal.follow(history)
        documents = [history.document]
        for step in steps(history)[:6]:
            step()
            documents.append(history.document)
    lines = path.read_bytes().splitlines(keepends=True)
    for number in range(1, len(lines)):
        for place in (12, 30, len(lines[number]) - 4):
            bad = bytearray(lines[number])
            bad[place] ^= 1
            damaged = b"".join([*lines[:number], bytes(bad), *lines[number + 1 :]])
            path.write_bytes(damaged)
            found = recover(path)
            assert found.history.document == documents[number - 1]
            assert found.damaged
            assert found.lost_lines == len(lines) - number
    with Journal(path) as journal:
        copy = journal.damaged_copy
        assert copy is not None
        assert copy.read_bytes() == damaged
        journal.follow(journal.recovered.history)
    assert not recover(path).damaged
    path.write_bytes(damaged)
    with Journal(path) as journal:
        assert journal.damaged_copy not in (None, copy)


def test_one_digit_of_a_coordinate_that_changed_by_itself_is_noticed(path):
    history = new_history()
    with Journal(path) as journal:
        journal.follow(history)
        for step in steps(history)[:3]:
            step()
    content = path.read_bytes()
    assert content.count(b"7.25") == 4
    path.write_bytes(content.replace(b"7.25", b"7.35", 1))
    found = recover(path)
    assert found.damaged
    assert [entry.label for entry in found.history.done] == ["pick all"]


def test_a_line_swapped_in_from_elsewhere_does_not_replay(path):
    history = new_history()
    with Journal(path) as journal:
        journal.follow(history)
        for step in steps(history)[:4]:
            step()
    head, _, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([head, *rest]))
    found = recover(path)
    assert found.damaged
    assert len(found.history.document.picks) == 0


@pytest.mark.parametrize(
    "content",
    [
        b"data_particles\n",
        b"no newline at all",
        b"\x00" * 100,
        b"{}\n",
        b'{"crc":"00000000","line":{}}\n',
        b'{"crc":"99914b93","line":{}}\n{"crc":',
        b"\n",
    ],
)
def test_a_file_that_is_no_journal_is_refused_and_left_alone(path, content):
    path.write_bytes(content)
    with pytest.raises(CryoAIError, match=r"picks\.journal: this is not a journal"):
        Journal(path)
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_journal_of_a_newer_version_is_refused_and_left_alone(path):
    path.write_bytes(pack(snapshot(new_history(), {}) | {"format": FORMAT + 1}))
    with pytest.raises(CryoAIError, match="newer version"):
        Journal(path)


def test_the_last_view_is_remembered(path):
    with Journal(path) as journal:
        journal.note("zoom", 1.0)
        journal.follow(new_history())
        journal.note("zoom", 2.5)
        journal.note("micrograph", NAMES[1])
        size = path.stat().st_size
        journal.note("zoom", 2.5)
        assert path.stat().st_size == size
        with pytest.raises(ValueError, match="JSON"):
            journal.note("zoom", float("nan"))
    assert recover(path).notes == {"zoom": 2.5, "micrograph": NAMES[1]}
    with Journal(path) as journal:
        journal.follow(journal.recovered.history)
    assert recover(path).notes == {"zoom": 2.5, "micrograph": NAMES[1]}


def test_a_journal_that_grows_is_compacted_and_loses_nothing(path):
    history = new_history()
    sizes = []
    with Journal(path, compact_bytes=5000) as journal:
        journal.follow(history)
        history.do(added(history, NAMES[0]), "pick all")
        for number in range(300):
            history.do(SetFlag("junk", NAMES[0], number % 2 == 0), "junk")
            history.undo()
            journal.note("zoom", number)
            sizes.append(path.stat().st_size)
    assert max(sizes) <= 5000
    assert any(after < before for before, after in pairwise(sizes))
    found = recover(path)
    assert found.notes == {"zoom": 299}
    assert state(found.history) == state(history)
    assert all_states(found.history) == all_states(history)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_two_windows_cannot_have_the_same_journal(path):
    with Journal(path) as journal:
        journal.follow(new_history())
        with pytest.raises(CryoAIError, match="open in another window"):
            Journal(path)
    with Journal(path):
        pass


def test_a_closed_journal_follows_no_more(path):
    history = new_history()
    journal = Journal(path)
    journal.follow(history)
    journal.close()
    journal.close()
    size = path.stat().st_size
    history.do(added(history, NAMES[0]), "pick all")
    assert path.stat().st_size == size


def test_following_another_history_leaves_the_first(path):
    first, second = new_history(), new_history()
    with Journal(path) as journal:
        journal.follow(first)
        journal.follow(second)
        second.do(added(second, NAMES[0]), "pick all")
        first.do(SetFlag("junk", NAMES[0], True), "junk")
    assert state(recover(path).history) == state(second)


def test_a_full_disk_is_told_and_made_good_with_the_next_change(path, monkeypatch):
    history, told = new_history(), []
    with Journal(path) as journal:
        journal.failed.connect(told.append)
        journal.follow(history)

        def full(file: FileIO, data: memoryview) -> int:
            os.write(file.fileno(), data[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        class FullDisk(FileIO):
            write = full

        journal._file = FullDisk(path, "a")
        history.do(added(history, NAMES[0]), "pick all")
        assert len(told) == 1
        assert "No space left" in str(told[0])
        assert recover(path).lost_lines == 1
        history.do(added(history, NAMES[1]), "pick more")
    assert len(told) == 1
    assert state(recover(path).history) == state(history)


WRITER = """
import sys
import numpy as np
from napari_cryoai.core.document import PickDocument
from napari_cryoai.core.edits import AddPicks
from napari_cryoai.core.picks import PickTable
from napari_cryoai.core.history import History
from napari_cryoai.jobs.journal import Journal

journal = Journal(sys.argv[1], compact_bytes=20_000)
history = journal.recovered.history
journal.follow(history)
history.redo()  # the one before may have died between undo and redo
while True:
    first = history.new_ids(5)
    rows = PickTable.of_points("a.mrc", np.full((5, 2), first / 3), first_id=first)
    history.do(AddPicks(rows), str(first))
    sys.stdout.write(f"{first}\\n")
    sys.stdout.flush()
    if len(history.done) % 7 == 0:
        history.undo()
        history.redo()
"""


def test_killed_at_any_moment_no_edit_that_was_made_is_lost(path):
    random = np.random.default_rng(0)
    acknowledged = -1
    for _ in range(6):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            made = [int(writer.stdout.readline())]
            time.sleep(random.uniform(0, 0.25))
            writer.send_signal(signal.SIGKILL)
            made += [int(line) for line in writer.stdout.read().splitlines() if line]
        assert made[0] > acknowledged
        acknowledged = made[-1]
        found = recover(path)
        found.history.redo()  # it may have died between the undo and the redo
        picks = found.history.document.picks
        assert acknowledged <= picks.id[-1] - 4 <= acknowledged + 5
        assert np.array_equal(picks.id, np.arange(len(picks)))
        assert np.array_equal(picks.yx_px[:, 0], np.repeat(np.arange(0, len(picks), 5), 5) / 3)
        assert not found.damaged
    assert len(found.history.done) > 30
    with Journal(path):
        left = {file.name for file in path.parent.iterdir()}
    assert left == {path.name, path.name + ".lock"}
