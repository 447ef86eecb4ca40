"""The Explore heterogeneity panel in a real napari window."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManifest
from npe2 import plugin_manager as pm
from PIL import Image
from qtpy.QtCore import QTimer

from napari_cryoai.ui.explore import commands as explore_commands
from napari_cryoai.ui.latent.demo import demo
from napari_cryoai.ui.latent.session import latent_panel_of
from napari_cryoai.ui.maps.session import map_panel_of, map_session_of

pytestmark = pytest.mark.qt
PLUGIN = "napari-cryoai"


@pytest.fixture
def viewer(make_napari_viewer_proxy: Any) -> Any:
    if PLUGIN not in pm.instance():
        pm.instance().register(PluginManifest.from_distribution(PLUGIN), warn_disabled=False)
    made = make_napari_viewer_proxy(show=True)  # what is not shown is not drawn
    yield made
    for panel in (latent_panel_of(made), map_panel_of(made)):
        if panel is not None:
            panel.shut_down()


@pytest.fixture
def panel(viewer: Any, wait: Any) -> Any:
    panel = explore_commands.explore_panel()
    panel.show_source(demo(2000, 3))
    wait(lambda: panel.session.source is not None and panel.live.layers.surfaces and panel.idle)
    return panel


def test_the_window_answers_while_the_cursor_is_dragged(panel: Any, wait: Any) -> None:
    wait(lambda: panel.idle)
    ticks = [time.perf_counter()]
    timer = QTimer(interval=5)
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start()
    drawn = []
    panel.live.drawn.connect(lambda frame, fine: drawn.append(fine))
    for i in range(40):
        panel.session.move_to_point(np.array([-1 + 0.05 * i, 0.5]), final=i == 39)
        wait(lambda: True)
    wait(lambda: panel.idle and drawn and drawn[-1])
    timer.stop()
    # In software, on a loaded machine, drawing alone takes a tenth of a second.
    assert np.diff(ticks).max() < 1.0


def test_a_path_is_filmed_as_it_is_seen(panel: Any, wait: Any, tmp_path: Path) -> None:
    panel.path.count.setValue(3)
    angle = panel.session.model.table.columns["angle"]
    for row in (angle.argmin(), angle.argmax()):
        panel.path.path.add(panel.session.model.table.mean[row])
    panel.path.write_film(tmp_path / "path.gif")
    wait(lambda: (tmp_path / "path.gif").exists())
    with Image.open(tmp_path / "path.gif") as film:
        assert film.n_frames == 3
        first = np.asarray(film.convert("RGB")).astype(int)
        film.seek(2)
        last = np.asarray(film.convert("RGB")).astype(int)
    assert first.std() > 5
    assert np.abs(first - last).max() > 50


def test_a_kept_map_opens_the_map_panel_behind_the_explorer(panel: Any, wait: Any) -> None:
    explore_commands.keep_map_here()
    wait(lambda: map_panel_of(panel.viewer) is not None)
    wait(lambda: map_session_of(panel.viewer).maps)
    wait(lambda: map_panel_of(panel.viewer).layers.surfaces)
    wait(lambda: not panel.visibleRegion().isEmpty())
    assert map_panel_of(panel.viewer).visibleRegion().isEmpty()


def test_the_brush_paints_on_the_map_and_leaves_the_camera(panel: Any, viewer: Any) -> None:
    brush = panel.region.brush
    brush.turn(True)
    assert not viewer.scene.camera.mouse_pan
    centre = np.array(viewer.scene.camera.center, float)

    class Event:
        type = "mouse_press"
        modifiers: tuple[str, ...] = ()
        position = centre
        view_direction = np.array(viewer.scene.camera.view_direction)

    stroke = brush._drag(viewer, Event)
    next(stroke)
    Event.type = "mouse_release"
    assert next(stroke, None) is None
    assert brush.mask is not None
    assert brush.mask.any()
    assert "Painted region" in viewer.layers
    brush.turn(False)
    assert viewer.scene.camera.mouse_pan
