"""The mask editor of the Map panel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_cryoai.core.contour import contour_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.physics import masks
from napari_cryoai.ui.maps import mask_panel
from napari_cryoai.ui.maps.mask_work import MaskWish, coarse, make_mask, outline
from napari_cryoai.ui.maps.panel import MapPanel

pytestmark = pytest.mark.qt
SIDE, PIXEL_A, ORIGIN_A = 64, 2.0, (100.0, -50.0, 7.0)


def shell(side: int = SIDE) -> DensityMap:
    """A hollow ball, as a capsid is, in noise."""
    r = np.linalg.norm(np.indices((side,) * 3) - side // 2, axis=0) * 64 / side
    values = np.exp(-(((r - 18) / 2.5) ** 2)) + np.random.default_rng(0).normal(0, 0.03, r.shape)
    return DensityMap(values.astype(np.float32), PIXEL_A * 64 / side, ORIGIN_A)


@pytest.fixture
def panel(qtbot: Any, wait: Any) -> Iterator[MapPanel]:
    panel = MapPanel(ViewerModel())
    panel.session.add("capsid", shell(), contour_of(shell()))
    wait(lambda: panel.layers.surfaces and panel.idle)
    yield panel
    panel.shut_down()
    panel.close()


def wish(**changes: Any) -> MaskWish:
    values = {"threshold": 0.4, "low_pass_A": 10.0, "dilate_A": 4.0, "edge_A": 6.0, "fill": False}
    return MaskWish(**(values | changes))


def test_a_cavity_is_filled_on_demand_and_the_outside_is_not() -> None:
    hollow, full = make_mask(shell(), wish()), make_mask(shell(), wish(fill=True))
    middle = (SIDE // 2,) * 3
    assert hollow.data[middle] == 0
    assert full.data[middle] == 1
    assert full.data[0, 0, 0] == 0
    outside = np.linalg.norm(np.indices(full.shape) - SIDE // 2, axis=0) > 18
    np.testing.assert_array_equal(full.data[outside], hollow.data[outside])


def test_widening_and_edge_are_in_angstrom() -> None:
    narrow = make_mask(shell(), wish(fill=True, dilate_A=0.0, edge_A=0.0))
    wide = make_mask(shell(), wish(fill=True, dilate_A=8.0, edge_A=0.0))
    soft = make_mask(shell(), wish(fill=True, dilate_A=8.0, edge_A=10.0))
    ray = np.s_[SIDE // 2, SIDE // 2, SIDE // 2 :]
    reach = [float((m.data[ray] > 0).sum()) * PIXEL_A for m in (narrow, wide, soft)]
    assert reach[1] - reach[0] == pytest.approx(8.0, abs=PIXEL_A)
    assert reach[2] - reach[1] == pytest.approx(10.0, abs=PIXEL_A + 0.1)
    assert set(np.unique(wide.data)) == {0.0, 1.0}


@pytest.mark.parametrize("side", [96, 97, 130])
def test_the_coarse_mask_lies_where_the_fine_one_does(side: int) -> None:
    density = shell(side)
    small = coarse(density)
    assert small.data.size <= 600_000
    fine, rough = make_mask(density, wish(fill=True)), make_mask(small, wish(fill=True))
    centres = [mask.world_of(np.argwhere(mask.data >= 0.5)).mean(0) for mask in (fine, rough)]
    np.testing.assert_allclose(centres[1], centres[0], atol=1.5)
    volumes = [(m.data >= 0.5).sum() * m.pixel_size_A**3 for m in (fine, rough)]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.12)


def test_moving_the_threshold_previews_and_making_the_mask_ends_the_preview(
    panel: MapPanel, wait: Any
) -> None:
    mask = panel.mask
    mask.suggest.click()
    wait(lambda: mask.view.layer is not None and mask.idle)
    layer = mask.view.layer
    assert layer in panel.viewer.layers
    assert layer.opacity < 0.6
    faces = len(layer.data[1])
    mask.dilate.setValue(20.0)
    wait(lambda: mask.idle and len(layer.data[1]) != faces)
    assert "nm³" in mask.facts.text()
    mask.make.click()
    wait(lambda: panel.choice.mask is not None)
    assert layer not in panel.viewer.layers
    made = panel.choice.opened("mask")
    assert made.name == "mask of capsid"
    assert not made.visible
    assert panel.session.current.name == "capsid"
    assert panel.fsc.mask.currentText() == panel.denoise.mask.currentText() == made.name
    np.testing.assert_allclose(made.density.data.max(), 1.0)
    assert made.density.origin_A == ORIGIN_A
    assert mask.map.findText(made.name) < 0  # no mask of a mask
    wait(lambda: panel.idle)


def test_the_preview_outlines_what_the_full_mask_will_be(panel: MapPanel) -> None:
    found = outline(panel.session.current.density, wish(fill=True))
    full = make_mask(panel.session.current.density, wish(fill=True))
    volume = float((full.data >= 0.5).sum()) * PIXEL_A**3
    assert found.volume_A3 == pytest.approx(volume, rel=0.1)
    assert not found.mesh.is_empty


def test_a_threshold_above_everything_is_told_in_the_panel(panel: MapPanel, wait: Any) -> None:
    mask = panel.mask
    mask.suggest.click()
    wait(lambda: mask.view.layer is not None and mask.idle)
    mask._range = (50.0, 60.0)
    mask.threshold.setValue(900)
    wait(lambda: "lower threshold" in mask.facts.text())
    assert mask.view.layer is None
    mask.preview.setChecked(False)


def test_closing_the_map_or_the_panel_takes_the_preview_away(panel: MapPanel, wait: Any) -> None:
    panel.actions_.do("mask")
    wait(lambda: panel.mask.view.layer is not None and panel.mask.idle)
    panel.shut_down()
    assert [layer.name for layer in panel.viewer.layers] == ["capsid"]


def test_the_fields_begin_with_what_the_mask_is_made_with_elsewhere() -> None:
    assert (mask_panel.LOW_PASS_A, mask_panel.DILATE_A, mask_panel.EDGE_A) == (
        masks.LOW_PASS_A,
        masks.DILATE_A,
        masks.EDGE_A,
    )
