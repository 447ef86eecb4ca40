"""A job on the command line."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys

import pytest
from rich.console import Console

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.progress import Progress, finish
from napari_cryoai.jobs.run import run_to_console

ERROR = CryoAIError("it [is] cut off", path="a.mrc", remedy="Copy it again")


def job(log: list[str], *, fails: bool = False, interrupted: bool = False):
    try:
        yield Progress(0, 3, "reading")
        yield Progress(1, 3, "[bold]a.mrc[/]")
        yield Progress(1, 3, "[bold]a.mrc[/]")
        yield Progress(2, 3, "b.mrc", problem=ERROR)
        if fails:
            raise ERROR
        if interrupted:
            raise KeyboardInterrupt
        yield Progress(3, 3, "c.mrc")
    finally:
        log.append("closed")
    return 42


def console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, force_terminal=terminal, width=100, legacy_windows=False), stream


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("json_lines", [True, False])
def test_the_result_is_what_the_job_returns(terminal, json_lines, capsys):
    out, _ = console(terminal=terminal)
    assert run_to_console(job([]), "Picking", json_lines=json_lines, console=out) == 42
    assert finish(job([])) == 42


def test_a_log_file_gets_a_line_per_step_and_none_twice():
    out, stream = console(terminal=False)
    run_to_console(job([]), "Picking", console=out)
    assert stream.getvalue().splitlines() == [
        "0/3 reading",
        "1/3 [bold]a.mrc[/]",
        "Error: a.mrc: it [is] cut off. Copy it again.",
        "3/3 c.mrc",
    ]


def test_a_terminal_gets_a_bar_and_keeps_the_errors():
    out, stream = console(terminal=True)
    run_to_console(job([]), "Picking", console=out)
    assert "Picking c.mrc" in stream.getvalue()
    assert "3/3" in stream.getvalue()
    assert "it [is] cut off" in stream.getvalue()


def test_machines_get_one_json_object_per_line_and_nothing_else(capsys):
    out, stream = console(terminal=True)
    with pytest.raises(SystemExit):
        run_to_console(job([], fails=True), json_lines=True, console=out)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {"done": 0, "total": 3, "message": "reading"}
    assert lines[3]["problem"] == ERROR.as_json()
    assert lines[-1] == {"error": ERROR.as_json()}
    assert stream.getvalue() == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_bad_input_is_told_in_a_sentence_and_exits_with_2(terminal):
    out, stream = console(terminal=terminal)
    log: list[str] = []
    with pytest.raises(SystemExit) as ended:
        run_to_console(job(log, fails=True), console=out)
    assert ended.value.code == 2
    assert "a.mrc: it [is] cut off. Copy it again." in stream.getvalue()
    assert "Traceback" not in stream.getvalue()
    assert log == ["closed"]


def test_ctrl_c_inside_the_job_closes_it_and_exits_with_130():
    out, stream = console(terminal=False)
    log: list[str] = []
    with pytest.raises(SystemExit) as ended:
        run_to_console(job(log, interrupted=True), console=out)
    assert ended.value.code == 130
    assert log == ["closed"]
    assert stream.getvalue().endswith("Cancelled\n")


def test_ctrl_c_while_the_bar_is_drawn_closes_the_job_too(monkeypatch):
    out, _ = console(terminal=False)
    log: list[str] = []

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_cryoai.jobs.run._Lines.report", interrupt)
    with pytest.raises(SystemExit) as ended:
        run_to_console(job(log), console=out)
    assert ended.value.code == 130
    assert log == ["closed"]


def test_a_defect_of_ours_is_not_hidden():
    def broken():
        yield Progress(0, 1)
        raise ZeroDivisionError

    out, _ = console(terminal=False)
    with pytest.raises(ZeroDivisionError):
        run_to_console(broken(), console=out)


SCRIPT = """
import time, sys
from napari_cryoai.jobs.executor import map_ticking
from napari_cryoai.jobs.progress import Progress
from napari_cryoai.jobs.run import run_to_console

def sleep(item):
    time.sleep(60 * item)
    return item

def job():
    try:
        for outcome in map_ticking(sleep, range(4), workers=2):
            yield Progress(1, 4, "waiting" if outcome is None else repr(outcome))
    finally:
        sys.stdout.write("closed\\n")

if __name__ == "__main__":
    run_to_console(job())
"""


def test_ctrl_c_in_a_terminal_ends_quietly_whatever_the_workers_are_doing(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "1/4 (0, 0)\n"
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert out == "closed\n"
    *before, last = err.splitlines()
    assert last == "Cancelled"
    assert set(before) <= {"1/4 (0, 0)", "1/4 waiting"}


def test_ctrl_c_that_a_destructor_swallows_is_not_lost(capsys, monkeypatch):
    swallowed = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: swallowed.append(what.exc_type))

    class Swallows:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    def job():
        yield Progress(0, 2)
        thing = Swallows()
        del thing  # Python reports the KeyboardInterrupt as ignored, and goes on
        yield Progress(1, 2)
        pytest.fail("it went on")

    with pytest.raises(SystemExit) as end:
        run_to_console(job())
    assert swallowed == [KeyboardInterrupt]
    assert end.value.code == 130
    assert "Cancelled" in capsys.readouterr().err
