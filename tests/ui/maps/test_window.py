"""The Map panel in a real napari window: manifest, reader, and that the window never waits."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManifest
from npe2 import plugin_manager as pm
from qtpy.QtCore import QPoint, Qt, QTimer

from napari_cryoai.core.contour import contour_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.io.maps import write_map
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.ui.maps import commands
from napari_cryoai.ui.maps.compare_swipe import Divider
from napari_cryoai.ui.maps.reader import get_map_reader
from napari_cryoai.ui.maps.session import map_panel_of
from napari_cryoai.ui.micrographs.reader import get_micrograph_reader

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
    assert commands.panel() is panel


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
    panel = commands.panel()
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


@pytest.fixture
def two(viewer: Any, wait: Any) -> Any:
    """The panel of a window with a map and its noisy copy."""
    panel = commands.panel()
    one = blob(48)
    noise = np.random.default_rng(0).normal(0, 0.02, one.shape)
    for name, density in (("raw", one.with_data(one.data + noise)), ("denoised", one)):
        panel.session.add(name, density, contour_of(density))
    wait(lambda: len(panel.layers.surfaces) == 2 and panel.idle)
    return panel


def test_the_divider_is_dragged_on_the_canvas(two: Any, qtbot: Any) -> None:
    commands.swipe_maps()
    overlay = two.overlay
    canvas, divider = overlay.canvas, overlay.divider
    assert divider.isVisibleTo(canvas)
    assert [name.text() for name in overlay.names] == ["raw", "denoised"]
    middle = divider.geometry().center()
    assert middle.x() == pytest.approx(canvas.width() / 2, abs=2)
    qtbot.mousePress(divider, Qt.MouseButton.LeftButton, pos=divider.rect().center())
    qtbot.mouseMove(divider, divider.rect().center() - QPoint(100, 0))
    assert two.comparison.fraction == pytest.approx((middle.x() - 100) / canvas.width(), abs=0.02)
    assert divider.geometry().center().x() == pytest.approx(middle.x() - 100, abs=2)
    before = two.comparison.fraction
    qtbot.keyClick(divider, Qt.Key.Key_Right)
    assert two.comparison.fraction > before
    assert two.compare.place.value() == round(two.comparison.fraction * 1000)
    commands.swipe_maps()
    assert not divider.isVisibleTo(canvas)
    assert not any(name.isVisibleTo(canvas) for name in overlay.names)


def test_names_on_the_canvas_say_what_is_shown_and_go_with_the_panel(
    two: Any, viewer: Any, wait: Any
) -> None:
    commands.flip_maps()
    canvas, names = two.overlay.canvas, two.overlay.names
    assert [name.isVisibleTo(canvas) for name in names] == [False, True]
    commands.flip_maps()
    assert [name.isVisibleTo(canvas) for name in names] == [True, False]
    commands.maps_side_by_side()
    assert all(name.isVisibleTo(canvas) for name in names)
    assert names[0].x() < canvas.width() / 2 < names[1].x()
    viewer.window.remove_dock_widget(two)
    wait(lambda: not canvas.findChildren(Divider))


def test_commands_reach_the_map_panel(two: Any, wait: Any) -> None:
    before = two.session.current.density
    commands.flip_hand()
    wait(lambda: two.session.current.density is not before and not two.edit.busy)
    commands.undo_map_edit()
    assert two.session.current.density is before
    commands.redo_map_edit()
    assert two.session.current.density is not before
    commands.compare_slices()
    assert two.comparison.in_slices
    commands.compare_slices()
    commands.make_mask()
    wait(lambda: two.mask.view.layer is not None)
    commands.crop_map()
    assert "mask first" in two.viewer.status
    wait(lambda: two.idle)


def test_the_panel_fits_a_small_screen(two: Any, viewer: Any, wait: Any) -> None:
    for section in two.sections.values():
        section.set_open(True)
    assert two.minimumSizeHint().width() < 420
    assert two.minimumSizeHint().height() < 700
    for section in two.sections.values():
        assert section.minimumSizeHint().width() < 380


def test_the_window_answers_while_a_map_is_denoised_and_judged(viewer: Any, wait: Any) -> None:
    panel = commands.panel()
    panel.open_sample()
    wait(lambda: len(panel.session.maps) == 3 and panel.idle)
    commands.denoise_map()  # brings the engine, and begins
    panel.denoise.runner.cancel()
    wait(lambda: panel.denoise.form is not None)
    panel.denoise.runner.cancel()
    panel.denoise.form.set("model", "wiener")
    ticks = [time.perf_counter()]
    timer = QTimer(interval=5)
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start()
    panel.denoise.run()
    wait(lambda: panel.denoise.job._latest is not None and panel.denoise.job._latest.done > 0)
    panel.denoise.job.cancel.click()
    wait(lambda: not panel.denoise.runner.running)
    timer.stop()
    assert np.diff(ticks).max() < 1.0


def test_a_closed_panel_hears_nothing_of_what_a_later_one_does(
    two: Any, viewer: Any, wait: Any, qtbot: Any
) -> None:
    viewer.window.remove_dock_widget(two)
    two.deleteLater()
    qtbot.wait(50)
    later = commands.panel()
    assert later is not two
    wait(lambda: later.idle)
    one = blob(40)
    later.session.add("half1", one, contour_of(one))
    later.session.add("half2", one, contour_of(one))
    assert later.choice.half1 is not None
    before = later.session.current.density
    commands.flip_hand()
    wait(lambda: later.session.current.density is not before and not later.edit.busy)
    commands.undo_map_edit()
    commands.flip_maps()
    later.session.set_level(later.session.current, 0.4)
    later.session.remove(later.session.current)
    wait(lambda: later.idle)
