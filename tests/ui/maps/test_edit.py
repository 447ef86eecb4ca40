"""Edits of maps in the Map panel: sharpen, hand, box, undo, save."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from napari.components import ViewerModel
from scipy import ndimage

from napari_cryoai.core.contour import contour_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.io.maps import read_map
from napari_cryoai.maps.edit import flip_hand
from napari_cryoai.physics.sharpening import apply_b_factor
from napari_cryoai.ui.maps.colouring import Colouring
from napari_cryoai.ui.maps.history import Content, MapHistory
from napari_cryoai.ui.maps.panel import MapPanel
from napari_cryoai.ui.maps.session import MapSession
from napari_cryoai.ui.maps.sharpen import prepare, preview

pytestmark = pytest.mark.qt
SIDE, PIXEL_A, ORIGIN_A = 40, 1.5, (100.0, -50.0, 7.0)


def molecule(seed: int = 0, side: int = SIDE) -> DensityMap:
    rng = np.random.default_rng(seed)
    lumps = np.zeros((side,) * 3)
    lumps[tuple(rng.integers(side // 4, 3 * side // 4, (3, 90)))] = 1
    values = ndimage.gaussian_filter(lumps, 1.5)
    values = values / values.max() + rng.normal(0, 0.01, lumps.shape)
    return DensityMap(values.astype(np.float32), PIXEL_A, ORIGIN_A)


@pytest.fixture
def panel(qtbot: Any, wait: Any) -> Iterator[MapPanel]:
    panel = MapPanel(ViewerModel())
    density = molecule()
    panel.session.add("molecule", density, contour_of(density))
    wait(lambda: panel.layers.surfaces and panel.idle)
    yield panel
    panel.shut_down()
    panel.close()


def settle(panel: MapPanel, wait: Any) -> None:
    wait(lambda: not panel.edit.busy and panel.edit.latest.idle and panel.idle)


def enclosed(opened: Any) -> float:
    return float((opened.density.data > opened.level).sum())


def test_the_hand_is_flipped_on_screen_and_undone(panel: MapPanel, wait: Any) -> None:
    opened = panel.session.current
    before, level = opened.density, opened.level
    vertices = panel.layers.surfaces[opened].data[0][2:].copy()
    panel.edit.flip.click()
    settle(panel, wait)
    np.testing.assert_array_equal(opened.density.data, flip_hand(before).data)
    flipped = panel.layers.surfaces[opened].data[0][2:]
    assert flipped[:, 0].mean() == pytest.approx(SIDE - vertices[:, 0].mean(), abs=0.05)
    assert opened.level == level
    panel.actions_.do("undo")
    settle(panel, wait)
    assert opened.density is before
    assert "Undone: Flip hand" in panel.viewer.status
    np.testing.assert_allclose(
        panel.layers.surfaces[opened].data[0][2:].mean(0), vertices.mean(0), atol=1e-3
    )
    panel.actions_.do("redo")
    settle(panel, wait)
    assert opened.density is not before


def test_what_colours_a_map_is_flipped_with_it(panel: MapPanel, wait: Any) -> None:
    opened = panel.session.current
    values = opened.density.with_data(np.random.default_rng(0).random(opened.density.shape))
    opened.colourings["Confidence"] = Colouring("Confidence", values, (0, 1))
    panel.edit.flip_hand()
    settle(panel, wait)
    np.testing.assert_array_equal(
        opened.colourings["Confidence"].density.data, flip_hand(values).data
    )
    panel.actions_.do("undo")
    assert opened.colourings["Confidence"].density is values
    settle(panel, wait)


def test_a_new_box_leaves_the_molecule_in_its_place(panel: MapPanel, wait: Any) -> None:
    opened = panel.session.current
    layer = panel.layers.surfaces[opened]
    place = (layer.data[0][2:] * layer.scale + layer.translate).mean(0)
    slice_A = opened.density.origin_A[0] + opened.slice_index["z"] * PIXEL_A
    for side in (32, 50):
        panel.edit.side.setValue(side)
        panel.edit.to_box.click()
        settle(panel, wait)
        assert opened.density.shape == (side,) * 3
        now = (layer.data[0][2:] * layer.scale + layer.translate).mean(0)
        np.testing.assert_allclose(now, place, atol=0.3)
        at = opened.density.origin_A[0] + opened.slice_index["z"] * PIXEL_A
        assert at == pytest.approx(slice_A)
    assert panel.facts.labels["Box"].text().startswith("50")


def test_a_surface_of_voxels_that_are_gone_is_not_drawn(panel: MapPanel, wait: Any) -> None:
    opened, made = panel.session.current, []
    panel.maker.made.connect(lambda _map, mesh, _fine, _values: made.append(mesh))
    panel.maker.make(opened, fine=True)
    flat = DensityMap(np.zeros((8, 8, 8), np.float32), PIXEL_A, ORIGIN_A)
    panel.session.replace(opened, Content.of(flat, 0.5))
    settle(panel, wait)
    assert [len(mesh.faces) for mesh in made] == [0]


def test_all_maps_on_the_grid_are_cropped_to_the_mask_as_one_step(
    panel: MapPanel, wait: Any
) -> None:
    session, one = panel.session, panel.session.current
    other_grid = molecule(2, 24)
    two = session.add("two", molecule(1), contour_of(molecule(1)))
    odd = session.add("odd", other_grid, contour_of(other_grid))
    inside = np.zeros(one.density.shape, np.float32)
    inside[14:26, 14:26, 14:26] = 1
    mask_density = one.density.with_data(inside)
    mask = session.add("mask", mask_density, contour_of(mask_density))
    assert not panel.edit.to_mask.isEnabled()
    panel.choice.choose_open("mask", mask)
    session.choose(one)
    panel.edit.all.setChecked(True)
    panel.edit.to_mask.click()
    settle(panel, wait)
    assert one.density.shape == two.density.shape == mask.density.shape == (24, 24, 24)
    assert one.density.origin_A == two.density.origin_A != ORIGIN_A
    assert odd.density is other_grid
    assert panel.choice.mask is not None
    assert panel.choice.mask.density is mask.density
    panel.actions_.do("undo")
    assert one.density.shape == two.density.shape == (SIDE,) * 3
    settle(panel, wait)


def test_a_mask_of_another_grid_is_refused_with_a_reason(panel: MapPanel, wait: Any) -> None:
    one = panel.session.current
    other = panel.session.add("other", molecule(0, 24), contour_of(molecule(0, 24)))
    panel.choice.choose_open("mask", other)
    panel.session.choose(one)
    panel.edit.crop_to_mask()
    wait(lambda: panel.banners.messages())
    assert "boxes" in panel.banners.messages()[0].text
    assert panel.session.history.undo_label is None
    settle(panel, wait)


def test_sharpening_is_from_the_map_as_it_came_and_keeps_the_volume(
    panel: MapPanel, wait: Any
) -> None:
    opened = panel.session.current
    raw, volume = opened.density, enclosed(opened)
    for b_factor in (-40, -80):
        panel.edit.b_factor.setValue(b_factor)
        settle(panel, wait)
    wanted = apply_b_factor(torch.from_numpy(raw.data), -80, PIXEL_A).numpy()
    np.testing.assert_allclose(opened.density.data, wanted, atol=1e-4)
    assert enclosed(opened) == pytest.approx(volume, rel=0.03)
    panel.actions_.do("undo")
    settle(panel, wait)
    assert panel.edit.b_factor.value() == -40
    panel.actions_.do("undo")
    settle(panel, wait)
    assert opened.density is raw
    assert panel.edit.slider.value() == 0
    panel.edit.b_factor.setValue(-60)
    settle(panel, wait)
    panel.edit.b_factor.setValue(0)
    settle(panel, wait)
    assert opened.density is raw


def test_the_slider_draws_a_coarse_surface_before_it_is_let_go(panel: MapPanel, wait: Any) -> None:
    opened, drawn = panel.session.current, []
    panel.edit.draw = lambda o, mesh: drawn.append((o, mesh))
    panel.edit.slider.setSliderDown(True)
    panel.edit.slider.setValue(-60)
    wait(lambda: drawn)
    assert panel.session.history.undo_label is None
    panel.edit.slider.setSliderDown(False)
    wait(lambda: panel.session.history.undo_label is not None)
    settle(panel, wait)
    assert drawn[0][0] is opened


@pytest.mark.parametrize("side", [120, 121, 130])
def test_the_coarse_surface_lies_where_the_fine_one_does(side: int) -> None:
    r = np.linalg.norm(np.indices((side,) * 3) - np.array([50, 62, 71]).reshape(3, 1, 1, 1), axis=0)
    density = DensityMap((1 / (1 + np.exp((r - 20) / 2))).astype(np.float32), 1.0)
    mesh = preview(prepare(Content.of(density, 0.5)), 0.0)
    np.testing.assert_allclose(mesh.vertices.mean(0), [50, 62, 71], atol=0.4)
    radius = np.linalg.norm(mesh.vertices - mesh.vertices.mean(0), axis=1).mean()
    assert radius == pytest.approx(20, abs=0.4)


def test_a_map_is_saved_as_it_is_shown_with_its_place(
    panel: MapPanel, wait: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    opened = panel.session.current
    panel.edit.side.setValue(30)
    panel.edit.to_box.click()
    settle(panel, wait)
    path = tmp_path / "cropped.mrc"
    monkeypatch.setattr(
        "napari_cryoai.ui.maps.edit_panel.QFileDialog.getSaveFileName",
        lambda *_a, **_k: (str(path), ""),
    )
    panel.edit.save.click()
    wait(path.exists)
    wait(lambda: panel.banners.messages())
    back = read_map(path)
    np.testing.assert_array_equal(back.data, opened.density.data)
    np.testing.assert_allclose(back.origin_A, opened.density.origin_A, atol=1e-4)
    assert back.pixel_size_A == PIXEL_A
    panel.edit.write(tmp_path / "no_suffix")
    wait((tmp_path / "no_suffix.mrc").exists)


def test_the_history_forgets_the_oldest_steps_when_memory_is_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = MapSession()
    density = molecule(0, 16)
    opened = session.add("a", density, contour_of(density))
    monkeypatch.setattr("napari_cryoai.ui.maps.history.MAX_BYTES", 3 * density.data.nbytes)
    history: MapHistory = session.history
    for i in range(6):
        history.do(f"step {i}", {opened: Content.of(flip_hand(opened.density), 0.1)})
    labels = [history.undo() for _ in range(4)]
    assert labels == ["step 5", "step 4", "step 3", None]
    assert history.redo_label == "step 3"
    history.do("another", {opened: Content.of(flip_hand(opened.density), 0.1)})
    assert history.redo_label is None
    assert history.redo() is None
    session.remove(opened)
    assert history.undo_label is None
