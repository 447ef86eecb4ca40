"""Without a display Qt would end the whole run: tests that open a window are skipped instead."""

from __future__ import annotations

import os
import sys

import pytest

WINDOW_FIXTURES = {"qapp", "qtbot", "make_napari_viewer", "make_napari_viewer_proxy"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Continuous integration has to have a display; there, a missing one is to be noticed.
    if sys.platform != "linux" or os.environ.get("CI"):
        return
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    skip = pytest.mark.skip(reason="no display; install Xvfb (.ci/run does) to run it")
    for item in items:
        if WINDOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(skip)
