"""The Map panel in a real napari window: manifest, reader, and that the window never waits."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManifest
from npe2 import plugin_manager as pm
from qtpy.QtCore import QTimer

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.io.maps import write_map
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.ui import commands
from napari_cryoai.ui.map_reader import get_map_reader
from napari_cryoai.ui.map_session import map_panel_of
from napari_cryoai.ui.reader import get_micrograph_reader

pytestmark = pytest.mark.qt
PLUGIN = "napari-cryoai"


def blob(n: int) -> DensityMap:
    """A lumpy molecule that fills a third of its box."""
    rng = np.random.default_rng(0)
    z, y, x = np.indices((n,) * 3, np.float32) / n - 0.5
    values = np.zeros((n,) * 3, np.float32)
    for cz, cy, cx in rng.normal(0, 0.08, (12, 3)):
        values += np.exp(-((z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2) / 0.003)
    return DensityMap(values, 1.2, (10.0, 20.0, 30.0))


@pytest.fixture
def viewer(make_napari_viewer_proxy: Any) -> Any:
    if PLUGIN not in pm.instance():
        pm.instance().register(PluginManifest.from_distribution(PLUGIN), warn_disabled=False)
    made = make_napari_viewer_proxy()
    yield made
    panel = map_panel_of(made)
    if panel is not None:
        panel.shut_down()


def test_a_map_dropped_on_napari_opens_the_panel(viewer: Any, tmp_path: Path, wait: Any) -> None:
    write_map(tmp_path / "blob.mrc", blob(48))
    viewer.open(str(tmp_path / "blob.mrc"), plugin=PLUGIN)
    panel = map_panel_of(viewer)
    wait(lambda: panel.layers.surfaces and panel.idle)
    layer = viewer.layers["blob.mrc"]
    assert layer.translate.tolist() == [10.0, 20.0, 30.0]
    assert layer.scale.tolist() == [1.2] * 3
    assert commands.map_panel() is panel


def test_readers_share_the_ending_mrc(tmp_path: Path) -> None:
    write_map(tmp_path / "map.mrc", blob(16))
    write_mrc(tmp_path / "micrograph.mrc", blob(16).data[0], 1.0)
    write_mrc(tmp_path / "stack.mrcs", blob(16).data, 1.0)
    for name, is_map in (("map.mrc", True), ("micrograph.mrc", False), ("stack.mrcs", False)):
        assert (get_map_reader(str(tmp_path / name)) is not None) == is_map
        assert (get_micrograph_reader(str(tmp_path / name)) is None) == is_map


def test_without_a_window_maps_are_surface_layers(tmp_path: Path) -> None:
    write_map(tmp_path / "map.mrc", blob(32))
    ((data, options, kind),) = get_map_reader(str(tmp_path / "map.mrc"))(str(tmp_path / "map.mrc"))
    assert kind == "surface"
    assert options["scale"] == (1.2,) * 3
    assert len(data[1]) > 100


def test_the_window_answers_while_a_large_map_is_opened_and_its_level_moves(
    viewer: Any, tmp_path: Path, wait: Any
) -> None:
    write_map(tmp_path / "large.mrc", blob(200))
    panel = commands.map_panel()
    ticks = [time.perf_counter()]
    timer = QTimer(interval=5)
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start()
    panel.open([tmp_path / "large.mrc"])
    wait(lambda: panel.layers.surfaces and panel.idle)
    ticks[:] = [time.perf_counter()]  # the first draw compiles shaders
    opened = panel.session.current
    for level in np.linspace(opened.level, opened.level * 1.5, 12):
        panel.session.set_level(opened, float(level), final=False)
    panel.session.set_level(opened, opened.level)
    wait(lambda: panel.idle)
    timer.stop()
    # In software, on a loaded machine, drawing alone takes a tenth of a second.
    assert np.diff(ticks).max() < 1.0


def test_dropping_a_map_on_a_window_whose_panel_was_closed_opens_it_again(
    viewer: Any, tmp_path: Path, wait: Any
) -> None:
    write_map(tmp_path / "blob.mrc", blob(32))
    viewer.open(str(tmp_path / "blob.mrc"), plugin=PLUGIN)
    first = map_panel_of(viewer)
    wait(lambda: first.layers.surfaces and first.idle)
    viewer.window.remove_dock_widget(first)
    assert map_panel_of(viewer) is None
    viewer.open(str(tmp_path / "blob.mrc"), plugin=PLUGIN)
    second = map_panel_of(viewer)
    assert second is not first
    wait(lambda: len(second.layers.surfaces) == 2 and second.idle)
