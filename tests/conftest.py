"""What the tests need of the place they run in."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import settings

WINDOW_FIXTURES = {"qapp", "qtbot", "make_napari_viewer", "make_napari_viewer_proxy"}


def pytest_configure() -> None:
    # In the background of a shell Ctrl+C is ignored, also by the programs that tests interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # How long an example takes says nothing on a machine that others use too.
    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what opens a window where there is no display: Qt would end the whole run."""
    # Continuous integration has to have a display; there, a missing one is to be noticed.
    if sys.platform != "linux" or os.environ.get("CI"):
        return
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    skip = pytest.mark.skip(reason="no display; install Xvfb (.ci/run does) to run it")
    for item in items:
        if WINDOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def as_two() -> Callable[[str, str], None]:
    """Run a script twice at the same time, as `torchrun` would; it is given one argument."""

    def run(script: str, argument: str) -> None:
        shared = os.environ | {
            "WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(_free_port()),
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
        }
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", script, argument],
                env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in (0, 1)
        ]
        try:
            for process in processes:
                _, complaint = process.communicate(timeout=300)
                assert process.returncode == 0, complaint
        finally:
            for process in processes:
                process.kill()

    return run


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
