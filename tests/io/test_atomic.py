"""A file is the old one or the new one, never half written."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from napari_cryoai.io.atomic import replacing, write_text


def test_the_new_file_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "new" / "picks.star"
    for text in ("old\n", "new µ\n"):
        write_text(path, text)
        assert path.read_bytes() == text.encode()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_a_write_that_is_stopped_leaves_the_old_file_and_nothing_else(tmp_path, stop):
    path = tmp_path / "picks.star"
    write_text(path, "old")
    with pytest.raises(stop), replacing(path) as part:
        part.write_text("half")
        assert path.read_text() == "old"
        raise stop
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_being_written_is_taken_for_no_format_of_ours(tmp_path):
    with replacing(tmp_path / "picks.star") as part:
        assert part.parent == tmp_path
        assert part.suffix == ".part"
        part.touch()


WRITER = """
import itertools, sys
from napari_cryoai.io.atomic import replacing

for number in itertools.count(int(sys.argv[2])):
    with replacing(sys.argv[1]) as part, part.open("w") as file:
        for _ in range(300):
            file.write(f"{number}\\n")
            file.flush()
    if number % 50 == 0:
        sys.stdout.write(".")
        sys.stdout.flush()
"""


def test_killed_at_any_moment_what_can_be_read_is_whole(tmp_path):
    path, random, last = tmp_path / "picks.star", np.random.default_rng(2), 0
    for _ in range(12):
        command = [sys.executable, "-c", WRITER, str(path), str(last)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.read(1)
            until = time.perf_counter() + random.uniform(0, 0.05)
            while time.perf_counter() < until:
                lines = path.read_text().splitlines()
                assert len(lines) == 300
                assert len(set(lines)) == 1
            writer.send_signal(signal.SIGKILL)
        lines = path.read_text().splitlines()
        assert len(lines) == 300
        assert len(set(lines)) == 1
        assert int(lines[0]) >= last
        last = (int(lines[0]) // 50 + 1) * 50
