"""Two maps compared in the Map panel, on viewers that have no window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QLabel
from scipy import ndimage

from napari_cryoai.core.contour import contour_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.ui.kit.keys import CheatSheet
from napari_cryoai.ui.maps.commands import COMMANDS
from napari_cryoai.ui.maps.compare_slices import GAP_PX, compose
from napari_cryoai.ui.maps.panel import MapPanel
from napari_cryoai.ui.picking.commands import COMMANDS as PICKING

pytestmark = pytest.mark.qt
SIDE, PIXEL_A, ORIGIN_A = 48, 2.0, (100.0, -50.0, 7.0)


def molecule(noise: float, gain: float = 1.0) -> DensityMap:
    """Lumps, in noise."""
    rng = np.random.default_rng(3)
    lumps = np.zeros((SIDE,) * 3)
    lumps[tuple(rng.integers(14, 34, (3, 120)))] = 1
    lumps = ndimage.gaussian_filter(lumps, 1.6)
    values = lumps / lumps.max() + noise * rng.normal(size=lumps.shape)
    return DensityMap((gain * values).astype(np.float32), PIXEL_A, ORIGIN_A)


@pytest.fixture
def panel(qtbot: Any, wait: Any) -> Iterator[MapPanel]:
    """With a noisy map, and a clean one in other units."""
    panel = MapPanel(ViewerModel())
    for name, density in (("raw", molecule(0.06)), ("clean", molecule(0.0, 40.0))):
        panel.session.add(name, density, contour_of(density))
    wait(lambda: len(panel.layers.surfaces) == 2 and panel.idle)
    yield panel
    panel.shut_down()
    panel.close()


def enclosed(opened: Any) -> float:
    return float((opened.density.data > opened.level).sum())


def shown(panel: MapPanel) -> list[bool]:
    """Of the two surfaces."""
    return [bool(panel.layers.surfaces[opened].visible) for opened in panel.session.maps]


def test_one_slider_moves_both_levels_at_equal_volume(panel: MapPanel, wait: Any) -> None:
    raw, clean = panel.session.maps
    before = clean.level
    panel.session.set_level(raw, 0.35)
    assert clean.level == before  # maps that are not compared have nothing to do with each other
    panel.comparison.take("swipe")
    assert enclosed(raw) == pytest.approx(enclosed(clean), rel=0.03)
    for level in (0.3, 0.5):
        panel.session.set_level(raw, level, final=False)
        assert enclosed(clean) == pytest.approx(enclosed(raw), rel=0.03)
    panel.session.set_level(clean, 0.4 * 40)
    assert enclosed(raw) == pytest.approx(enclosed(clean), rel=0.03)
    panel.compare.linked.setChecked(False)
    before = raw.level
    panel.session.set_level(clean, 0.6 * 40)
    assert raw.level == before
    wait(lambda: panel.idle)


def test_the_key_flips_between_the_two_and_leaving_restores_what_was_shown(
    panel: MapPanel, wait: Any
) -> None:
    raw, clean = panel.session.maps
    assert shown(panel) == [True, True]
    panel.actions_.do("flip")
    assert shown(panel) == [False, True]
    assert panel.session.current is clean
    panel.actions_.do("flip")
    assert shown(panel) == [True, False]
    assert panel.session.current is raw
    panel.session.choose(clean)  # turning to a map in the list flips too
    assert shown(panel) == [False, True]
    panel.compare.buttons["flip"].click()
    assert panel.comparison.layout == "off"
    assert shown(panel) == [True, True]


def test_a_flip_finds_the_hidden_surface_at_the_level_of_now(panel: MapPanel, wait: Any) -> None:
    raw, clean = panel.session.maps
    panel.comparison.flip()
    panel.session.set_level(clean, 0.6 * 40)
    wait(lambda: panel.idle)
    made = []
    panel.maker.made.connect(lambda *_: made.append(1))
    panel.comparison.flip()
    assert not made
    vertices = panel.layers.surfaces[raw].data[0][2:]
    at = ndimage.map_coordinates(raw.density.data, vertices.T, order=1)
    np.testing.assert_allclose(at, raw.level, atol=0.05)
    wait(lambda: panel.idle)


@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (20.0, 50.0, -70.0)])
@pytest.mark.parametrize("fraction", [0.3, 0.5, 0.8])
def test_a_swipe_shows_each_map_on_its_side_of_the_divider(
    panel: MapPanel, angles: tuple[float, ...], fraction: float
) -> None:
    camera = panel.viewer.scene.camera
    camera.angles = angles
    panel.comparison.take("swipe")
    panel.comparison.move_divider(fraction)
    right = np.cross(camera.view_direction, camera.up_direction)
    width = panel.viewer.canvas.size[1]
    for opened, side in zip(panel.session.maps, (-1, 1), strict=True):
        (plane,) = panel.layers.surfaces[opened].experimental_clipping_planes
        np.testing.assert_allclose(plane.normal, side * right, atol=1e-6)
        from_centre = (np.array(plane.position) - camera.center) @ right * camera.zoom
        assert from_centre == pytest.approx((fraction - 0.5) * width, abs=1e-3)
    panel.comparison.take("off")
    assert not any(len(s.experimental_clipping_planes) for s in panel.layers.surfaces.values())


def test_the_divider_stays_on_screen_when_the_camera_moves(panel: MapPanel) -> None:
    panel.comparison.take("swipe")
    camera, layer = panel.viewer.scene.camera, panel.layers.surfaces[panel.session.maps[0]]
    before = np.array(layer.experimental_clipping_planes[0].normal)
    camera.angles = (0, 90, 0)
    after = np.array(layer.experimental_clipping_planes[0].normal)
    assert abs(before @ after) < 0.9
    camera.center = (10.0, 20.0, 30.0)
    position = np.array(layer.experimental_clipping_planes[0].position)
    assert (position - camera.center) @ after == pytest.approx(0, abs=1e-6)


def test_a_cut_and_a_swipe_hold_together(panel: MapPanel) -> None:
    raw = panel.session.maps[0]
    panel.session.show(raw, slice_axis="z", cut=True)
    panel.comparison.take("swipe")
    assert len(panel.layers.surfaces[raw].experimental_clipping_planes) == 2
    panel.viewer.scene.camera.angles = (180, 0, 90)
    panel.comparison.take("off")
    (plane,) = panel.layers.surfaces[raw].experimental_clipping_planes
    assert plane.normal[0] * panel.viewer.scene.camera.view_direction[0] > 0


def test_side_by_side_moves_the_maps_apart_on_screen_and_back(panel: MapPanel) -> None:
    raw, clean = panel.session.maps
    camera = panel.viewer.scene.camera
    camera.angles = (20, 50, -70)
    zoom = camera.zoom
    panel.comparison.take("beside")
    right = np.cross(camera.view_direction, camera.up_direction)
    apart = np.subtract(
        panel.layers.surfaces[clean].translate, panel.layers.surfaces[raw].translate
    )
    assert apart @ right > SIDE * PIXEL_A
    np.testing.assert_allclose(apart - (apart @ right) * right, 0, atol=1e-6)
    assert camera.zoom < zoom
    panel.comparison.take("off")
    for opened in (raw, clean):
        np.testing.assert_allclose(panel.layers.surfaces[opened].translate, ORIGIN_A)
    assert camera.zoom == pytest.approx(zoom)


def test_two_sections_in_one_image() -> None:
    first, second = np.zeros((1, 4, 6), np.float32), np.ones((1, 4, 6), np.float32)
    split = compose([first, second], "swipe", 2, 2.0, second_shown=True)
    np.testing.assert_array_equal(split[0, 0], [0, 0, 1, 1, 1, 1])
    beside = compose([first, second], "beside", 2, 2.0, second_shown=True)
    assert beside.shape == (1, 4, 12 + GAP_PX)
    np.testing.assert_array_equal(beside[..., -6:], second)
    assert compose([first, second], "flip", 2, 0.0, second_shown=False) is first


@pytest.mark.parametrize(("axis", "at"), [("z", 0), ("y", 1), ("x", 2)])
def test_slices_side_by_side_are_those_of_the_slider_and_equally_grey(
    panel: MapPanel, axis: str, at: int
) -> None:
    viewer = panel.viewer
    panel.comparison.show_slices(True, axis)
    assert viewer.dims.ndisplay == 2
    assert shown(panel) == [False, False]
    viewer.dims.set_point(at, ORIGIN_A[at] + 20 * PIXEL_A)
    image = panel.comparison.slices.layer
    along = 1 if axis == "x" else 2
    assert image.data.shape[at] == 1
    assert image.data.shape[along] == 2 * SIDE + GAP_PX
    assert image.translate[at] == pytest.approx(ORIGIN_A[at] + 20 * PIXEL_A)
    left = image.data.take(range(SIDE), along)
    right = image.data.take(range(SIDE + GAP_PX, 2 * SIDE + GAP_PX), along)
    truth = panel.session.maps[1].density.data.take([20], at)
    assert np.corrcoef(right.ravel(), truth.ravel())[0, 1] > 0.9999
    assert np.median(np.abs(left - right)) < 0.3  # though their units differ 40 times


def test_leaving_the_slices_brings_back_view_and_surfaces(panel: MapPanel) -> None:
    viewer = panel.viewer
    viewer.scene.camera.angles = (10, 20, 30)
    panel.comparison.take("swipe")
    before = viewer.scene.camera.center, viewer.scene.camera.zoom, viewer.scene.camera.angles
    panel.comparison.show_slices(True, "x")
    panel.comparison.take("beside")
    panel.comparison.take("swipe")
    panel.comparison.show_slices(False)
    camera = viewer.scene.camera
    np.testing.assert_allclose(
        np.hstack(before), np.hstack([camera.center, camera.zoom, camera.angles])
    )
    assert viewer.dims.order == (0, 1, 2)
    assert viewer.dims.ndisplay == 3
    assert len(viewer.layers) == 2
    assert shown(panel) == [True, True]


def test_naparis_own_button_leaves_the_slices_too(panel: MapPanel) -> None:
    panel.comparison.show_slices(True)
    panel.viewer.dims.ndisplay = 3
    assert not panel.comparison.in_slices
    assert panel.comparison.slices.layer is None


def test_maps_on_other_grids_are_compared_where_they_lie(panel: MapPanel) -> None:
    clean = molecule(0.0)
    part = DensityMap(clean.data[8:40, 10:40, 12:44], PIXEL_A, (116.0, -30.0, 31.0))
    other = panel.session.add("part", part, contour_of(part))
    panel.comparison.choose(panel.session.maps[1], other)
    panel.comparison.show_slices(True)
    panel.viewer.dims.set_point(0, ORIGIN_A[0] + 22 * PIXEL_A)
    image = panel.comparison.slices.layer.data
    one, two = image[0, 10:40, 12:44], image[0, 10:40, SIDE + GAP_PX + 12 : SIDE + GAP_PX + 44]
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.999


def test_ticking_a_map_by_hand_ends_the_comparison(panel: MapPanel, wait: Any) -> None:
    panel.comparison.flip()
    panel.session.show(panel.session.maps[0], visible=True)
    assert panel.comparison.layout == "off"
    assert shown(panel) == [True, True]


def test_closing_one_of_the_two_ends_it_and_one_map_alone_cannot_be_compared(
    panel: MapPanel,
) -> None:
    panel.comparison.take("swipe")
    panel.session.remove(panel.session.maps[1])
    assert panel.comparison.layout == "off"
    assert not panel.comparison.ready
    panel.actions_.do("swipe")
    assert panel.comparison.layout == "off"
    assert "two maps" in panel.viewer.status
    assert not panel.compare.strip.isVisibleTo(panel)


def test_every_key_has_one_command_and_no_key_of_the_picker_but_undo() -> None:
    ours, theirs = ([k for c in table for k in c.keys.split()] for table in (COMMANDS, PICKING))
    assert set(ours) & set(theirs) == {"Control+Z", "Control+Shift+Z"}
    assert len(ours) == len(set(ours))


def test_keys_are_bound_while_the_panel_lives(qtbot: Any) -> None:
    viewer = ViewerModel()
    panel = MapPanel(viewer)
    names = {str(press) for press in viewer.keymap}
    assert {"D", "W", "Y"} <= names
    panel.shut_down()
    panel.close()
    assert not {"D", "W", "Y"} & {str(press) for press in viewer.keymap}


def test_the_keys_are_shown_on_a_page(qtbot: Any) -> None:
    sheet = CheatSheet(COMMANDS)
    qtbot.addWidget(sheet)
    words = " ".join(label.text() for label in sheet.findChildren(QLabel))
    assert all(command.what in words for command in COMMANDS if command.keys)


def test_the_level_follows_its_keys(panel: MapPanel, wait: Any) -> None:
    opened = panel.session.current
    before = opened.level
    panel.actions_.do("level_up")
    assert opened.level > before
    panel.actions_.do("level_down")
    assert opened.level == pytest.approx(before)
    wait(lambda: panel.idle)


def test_a_surface_takes_the_colours_of_another_map(panel: MapPanel, wait: Any) -> None:
    raw, clean = panel.session.maps
    panel.session.choose(raw)
    index = panel.colours.by.findText("Values of clean")
    panel.colours.choose("Values of clean")
    assert index > 0
    wait(lambda: panel.idle)
    layer = panel.layers.surfaces[raw]
    vertices, _, values = layer.data
    wanted = ndimage.map_coordinates(clean.density.data, vertices[2:].T, order=1, mode="nearest")
    np.testing.assert_allclose(values[2:], wanted, atol=1e-3)
    assert layer.colorbar.visible
    np.testing.assert_allclose(layer.contrast_limits, raw.colouring.limits)
    assert panel.colours.bar.isVisibleTo(panel.colours)
    panel.colours.bar.resize(300, 34)
    assert not panel.colours.bar.grab().isNull()
    panel.actions_.do("colour")
    panel.colours.choose("One colour")
    wait(lambda: panel.idle)
    assert not layer.colorbar.visible
    assert layer.colormap.name == f"map {raw.colour}"


def test_a_panel_opened_later_compares_the_same_maps(panel: MapPanel, qtbot: Any) -> None:
    panel.comparison.take("swipe")
    panel.shut_down()
    later = MapPanel(panel.viewer)
    assert later.comparison.ready
    assert shown(later) == [True, True]
    assert not any(len(s.experimental_clipping_planes) for s in later.layers.surfaces.values())
    later.shut_down()
    later.close()
