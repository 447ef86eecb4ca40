"""What the tests need of the place they run in."""

from __future__ import annotations

import os
import signal
import sys

import pytest

WINDOW_FIXTURES = {"qapp", "qtbot", "make_napari_viewer", "make_napari_viewer_proxy"}


def pytest_configure() -> None:
    # In the background of a shell Ctrl+C is ignored, also by the programs that tests interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
