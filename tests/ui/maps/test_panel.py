"""The Map panel on viewers that have no window."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.io.maps import write_map
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.ui.maps.panel import MapPanel

pytestmark = pytest.mark.qt
SIDE, PIXEL_A, ORIGIN_A = 40, 2.0, (100.0, -50.0, 7.0)
CENTRE = np.array([20.0, 16.0, 24.0])


def blob(seed: int = 0) -> DensityMap:
    """A round molecule that does not lie in the middle of its box, in noise."""
    r = np.linalg.norm(np.indices((SIDE,) * 3) - CENTRE.reshape(3, 1, 1, 1), axis=0)
    noise = np.random.default_rng(seed).normal(0, 0.05, r.shape)
    values = 1 / (1 + np.exp((r - 8) / 0.7)) + noise
    return DensityMap(values.astype(np.float32), PIXEL_A, ORIGIN_A)


@pytest.fixture
def map_file(tmp_path: Path) -> Path:
    write_map(tmp_path / "blob.mrc", blob())
    return tmp_path / "blob.mrc"


@pytest.fixture
def make_map_panel(on_viewer: Any) -> Callable[..., MapPanel]:
    return partial(on_viewer, MapPanel)


@pytest.fixture
def panel(make_map_panel: Any, map_file: Path, wait: Any) -> MapPanel:
    panel = make_map_panel()
    panel.open([map_file])
    wait(lambda: panel.layers.surfaces and panel.idle)
    return panel


def surface_of(panel: MapPanel) -> Any:
    return panel.layers.surfaces[panel.session.current]


def corners_in_space(layer: Any) -> np.ndarray:
    """Vertices of the triangles of a surface, in Angstrom; not those that only mark the box."""
    vertices, faces = layer.data[:2]
    return vertices[np.unique(faces)] * layer.scale + layer.translate


def test_the_surface_lies_where_the_molecule_is_in_angstrom(panel: MapPanel) -> None:
    layer = surface_of(panel)
    assert [str(unit) for unit in layer.units] == ["angstrom"] * 3
    centre = CENTRE * PIXEL_A + ORIGIN_A
    np.testing.assert_allclose(corners_in_space(layer).mean(0), centre, atol=1.0)
    assert panel.viewer.dims.ndisplay == 3


def test_the_hand_is_kept(panel: MapPanel) -> None:
    """Triangles run round the molecule in one sense, seen with z, y, x as napari draws them."""
    vertices, faces = surface_of(panel).data[:2]
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    outwards = np.einsum("ij,ij->i", np.cross(b - a, c - a), a - CENTRE.astype(np.float32))
    assert (outwards > 0).mean() > 0.99 or (outwards < 0).mean() > 0.99


def test_the_layer_is_as_large_as_the_box_whatever_the_level(panel: MapPanel, wait: Any) -> None:
    before = surface_of(panel).extent.world.copy()
    opened = panel.session.current
    faces = len(surface_of(panel).data[1])
    panel.session.set_level(opened, 0.8)
    wait(lambda: panel.idle)
    assert len(surface_of(panel).data[1]) < faces
    np.testing.assert_array_equal(surface_of(panel).extent.world, before)


def test_level_fields_and_marker_say_the_same_in_both_units(panel: MapPanel, wait: Any) -> None:
    opened, fields = panel.session.current, panel.surface
    fields.sigma.setValue(3.0)
    assert opened.level == pytest.approx(opened.density.mean + 3 * opened.density.sigma, rel=1e-3)
    assert fields.level.value() == pytest.approx(opened.level, rel=1e-3)
    fields.level.setValue(0.5)
    assert fields.sigma.value() == pytest.approx(opened.to_sigma(0.5), abs=0.01)
    fields.suggested.click()
    assert opened.level == opened.contour.suggested
    wait(lambda: panel.idle)


def test_dragging_draws_coarse_surfaces_and_letting_go_a_fine_one(
    panel: MapPanel, wait: Any, qtbot: Any
) -> None:
    made: list[bool] = []
    panel.maker.made.connect(lambda _map, _mesh, fine: made.append(fine))
    histogram = panel.surface.histogram
    histogram.resize(300, 90)
    for x in range(100, 200, 5):
        histogram._drag_to(float(x))
    assert panel.session.current.level == pytest.approx(
        np.interp(195, [8, 292], panel.session.current.contour.span), rel=0.01
    )
    histogram.released.emit()
    wait(lambda: panel.idle)
    assert made[-1] is True
    assert 1 <= made.count(False) < 20  # wishes that were overtaken are not made


def test_arrow_keys_move_the_level(panel: MapPanel, wait: Any, qtbot: Any) -> None:
    before = panel.session.current.level
    qtbot.keyClick(panel.surface.histogram, Qt.Key.Key_Right)
    assert panel.session.current.level > before
    wait(lambda: panel.idle)


def test_a_level_without_a_surface_says_so(panel: MapPanel, wait: Any) -> None:
    opened = panel.session.current
    panel.session.set_level(opened, float(opened.contour.edges[-1]) + 1)
    wait(lambda: panel.idle)
    assert "Nothing lies above" in panel.surface.thinned.text()
    assert panel.surface.thinned.isVisibleTo(panel)


def test_slices_hold_the_density_of_their_place(panel: MapPanel) -> None:
    panel.slices.way.setCurrentText("Across Y")
    panel.slices.sliders["y"].setValue(13)
    image = panel.layers.slices[panel.session.current, "y"]
    np.testing.assert_array_equal(image.data, panel.session.current.density.data[:, 13:14])
    world = np.add(ORIGIN_A, (0, 13 * PIXEL_A, 0))
    np.testing.assert_allclose(image.translate, world)
    assert panel.slices.places["y"].text() == "-24.0 Å"
    panel.slices.way.setCurrentText("All three")
    assert len(panel.layers.slices) == 3
    panel.slices.way.setCurrentText("None")
    assert not panel.layers.slices
    assert len(panel.viewer.layers) == 1


def test_the_cut_takes_away_the_side_towards_the_user(panel: MapPanel) -> None:
    panel.slices.way.setCurrentText("Across Z")
    panel.slices.cut.setChecked(True)
    surface = surface_of(panel)
    camera = panel.viewer.scene.camera
    for angles in ((0, 0, 90), (180, 0, 90)):
        camera.angles = angles
        plane = surface.experimental_clipping_planes[0]
        assert plane.position[0] == ORIGIN_A[0] + (20 + plane.normal[0] / 2) * PIXEL_A
        assert plane.normal[0] * camera.view_direction[0] > 0
    panel.slices.cut.setChecked(False)
    assert not len(surface.experimental_clipping_planes)


def test_in_a_cut_the_solvent_is_clear_and_the_molecule_is_not(panel: MapPanel) -> None:
    opened = panel.session.current
    panel.slices.way.setCurrentText("Across Z")
    image = panel.layers.slices[opened, "z"]
    assert image.colormap.name == "gray"
    panel.slices.cut.setChecked(True)
    for level in (0.5, 0.7):
        panel.session.set_level(opened, level, final=False)
        low, high = image.contrast_limits
        alpha = image.colormap.map((np.array([level - 0.1, level + 0.01]) - low) / (high - low))
        assert alpha[0, 3] == 0
        assert alpha[1, 3] == 1
    panel.slices.cut.setChecked(False)
    assert image.colormap.name == "gray"


def test_in_2d_naparis_slider_moves_the_slice(panel: MapPanel) -> None:
    panel.slices.way.setCurrentText("Across Z")
    panel.viewer.dims.ndisplay = 2
    panel.viewer.dims.set_point(0, ORIGIN_A[0] + 9 * PIXEL_A)
    assert panel.session.current.slice_index["z"] == 9
    assert panel.slices.sliders["z"].value() == 9


def test_colours_and_ticks_reach_the_layer_and_the_list(panel: MapPanel) -> None:
    colour = "#7fc4a3"
    panel.surface.swatches.swatches[colour].click()
    assert surface_of(panel).colormap.name.endswith(colour)
    panel.list.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert not surface_of(panel).visible
    surface_of(panel).visible = True
    assert panel.list.item(0).checkState() == Qt.CheckState.Checked


def test_deleting_the_layer_closes_the_map_and_closing_the_map_deletes_it(
    panel: MapPanel, map_file: Path, wait: Any
) -> None:
    panel.slices.way.setCurrentText("Across X")
    panel.viewer.layers.remove(surface_of(panel))
    assert not panel.session.maps
    assert not len(panel.viewer.layers)
    panel.open([map_file])
    wait(lambda: panel.layers.surfaces and panel.idle)
    panel.close_map.click()
    assert not len(panel.viewer.layers)


def test_a_renamed_layer_is_still_the_maps(panel: MapPanel, wait: Any) -> None:
    surface_of(panel).name = "something else"
    faces = len(surface_of(panel).data[1])
    panel.session.set_level(panel.session.current, 0.8)
    wait(lambda: panel.idle)
    assert len(surface_of(panel).data[1]) != faces


def test_a_panel_opened_later_goes_on_with_the_maps(
    panel: MapPanel, make_map_panel: Any, wait: Any
) -> None:
    panel.session.set_level(panel.session.current, 0.7)
    wait(lambda: panel.idle)
    panel.shut_down()
    later = make_map_panel(panel.viewer)
    assert later.session is panel.session
    assert surface_of(later) in later.viewer.layers
    assert later.surface.level.value() == pytest.approx(0.7)
    assert len(later.viewer.layers) == 1


def test_an_unknown_voxel_size_is_asked_for_and_other_maps_open(
    make_map_panel: Any, tmp_path: Path, map_file: Path, wait: Any, monkeypatch: Any
) -> None:
    write_mrc(tmp_path / "unknown.mrc", blob().data, None)
    panel = make_map_panel()
    panel.open([tmp_path / "unknown.mrc", map_file])
    wait(lambda: panel.layers.surfaces and panel.idle)
    banner = panel.banners.messages()[0]
    assert "voxel size" in banner.text
    monkeypatch.setattr(
        "napari_cryoai.ui.maps.opening.QInputDialog.getDouble", lambda *a, **k: (1.25, True)
    )
    banner.buttons["Give the voxel size…"].click()
    wait(lambda: len(panel.layers.surfaces) == 2)
    assert panel.session.current.density.pixel_size_A == 1.25


def test_the_sample_draws_its_map_and_keeps_the_noisy_halves_hidden(
    make_map_panel: Any, wait: Any
) -> None:
    panel = make_map_panel()
    panel.open_sample()
    wait(lambda: len(panel.session.maps) == 3 and panel.layers.surfaces and panel.idle)
    assert [m.visible for m in panel.session.maps] == [True, False, False]
    assert len(panel.layers.surfaces) == 1
    panel.list.item(1).setCheckState(Qt.CheckState.Checked)
    wait(lambda: len(panel.layers.surfaces) == 2)


def test_full_detail_on_demand(make_map_panel: Any, tmp_path: Path, wait: Any) -> None:
    noise = np.random.default_rng(0).normal(size=(64,) * 3).astype(np.float32)
    write_map(tmp_path / "noise.mrc", DensityMap(noise, 1.0))
    panel = make_map_panel()
    panel.open([tmp_path / "noise.mrc"])
    wait(lambda: panel.layers.surfaces and panel.idle)
    panel.session.set_level(panel.session.current, 0.5)
    wait(lambda: panel.idle)
    assert "every second voxel" in panel.surface.thinned.text()
    panel.surface.all_detail.click()
    wait(lambda: panel.idle and len(surface_of(panel).data[1]) > 250_000)
    assert not panel.surface.thinned.isVisibleTo(panel)
