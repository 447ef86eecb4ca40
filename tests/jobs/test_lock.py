"""One window, one journal."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.lock import FileLock


@pytest.fixture
def path(tmp_path):
    return tmp_path / "picks.journal"


def leave_lock(path, **owner):
    file = path.with_name(path.name + ".lock")
    file.write_text(json.dumps(owner))
    return file


def test_the_second_to_come_is_told_what_to_do(path):
    lock = FileLock(path)
    with pytest.raises(CryoAIError, match=r"another window.*delete picks\.journal\.lock"):
        FileLock(path)
    lock.release()
    FileLock(path).release()
    assert not list(path.parent.iterdir())


def test_the_lock_of_a_process_that_is_gone_is_taken_over(path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    leave_lock(path, pid=gone.pid, host=socket.gethostname())
    lock = FileLock(path)
    with pytest.raises(CryoAIError):
        FileLock(path)
    lock.release()
    assert not list(path.parent.iterdir())


def test_the_lock_of_a_number_that_another_process_has_by_now_is_taken_over(path):
    file = leave_lock(path, pid=os.getpid(), host=socket.gethostname())
    last_week = time.time() - 7 * 86400
    os.utime(file, (last_week, last_week))
    FileLock(path).release()


def test_the_lock_of_another_machine_stands(path):
    leave_lock(path, pid=1, host="another-machine")
    with pytest.raises(CryoAIError):
        FileLock(path)


def test_an_empty_lock_stands_for_a_minute_since_its_owner_may_be_writing_it(path):
    file = path.with_name(path.name + ".lock")
    file.touch()
    with pytest.raises(CryoAIError):
        FileLock(path)
    long_ago = time.time() - 3600
    os.utime(file, (long_ago, long_ago))
    FileLock(path).release()


def test_who_has_lost_the_lock_does_not_release_it_for_its_new_owner(path):
    lock = FileLock(path)
    file = leave_lock(path, pid=os.getpid(), host=socket.gethostname(), token="other")
    lock.release()
    assert file.exists()


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CryoAIError, match="cannot be written"):
        FileLock(tmp_path / "file" / "picks.journal")
