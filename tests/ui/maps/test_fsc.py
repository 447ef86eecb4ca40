"""FSC of half maps in the Map panel."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_cryoai.core.contour import contour_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.maps import write_map
from napari_cryoai.physics.simulators.demo_map import demo_maps
from napari_cryoai.ui.maps.fsc_work import correlate, words_for, write_csv
from napari_cryoai.ui.maps.panel import MapPanel
from napari_cryoai.ui.maps.sources import CHOOSE, Source, twin_names

pytestmark = pytest.mark.qt


@pytest.fixture(scope="module")
def halves() -> dict[str, DensityMap]:
    return demo_maps()


@pytest.fixture
def panel(qtbot: Any) -> Iterator[MapPanel]:
    panel = MapPanel(ViewerModel())
    yield panel
    panel.shut_down()
    panel.close()


def source(name: str, density: DensityMap) -> Source:
    return Source(name, density)


def ball(density: DensityMap, radius_A: float) -> DensityMap:
    """A soft mask."""
    r = np.linalg.norm(
        np.indices(density.shape) - np.array(density.shape).reshape(3, 1, 1, 1) // 2, axis=0
    )
    return density.with_data(1 / (1 + np.exp((r * density.pixel_size_A - radius_A) / 3)))


def test_the_curve_in_a_mask_is_corrected_and_better(halves: dict[str, DensityMap]) -> None:
    one, two = source("1", halves["half 1"]), source("2", halves["half 2"])
    plain = correlate(one, two, None)
    masked = correlate(one, two, source("mask", ball(halves["map"], 70)))
    assert set(plain.curves) == {"unmasked"}
    assert set(masked.curves) == {"unmasked", "masked", "randomised", "corrected"}
    assert masked.resolutions_A["corrected"][0.143] < plain.resolutions_A["unmasked"][0.143]
    assert plain.nyquist_A == pytest.approx(3.0)
    assert "Å at 0.143" in words_for(plain)


def test_the_same_map_twice_is_refused(halves: dict[str, DensityMap]) -> None:
    one = source("1", halves["half 1"])
    with pytest.raises(CryoAIError, match="the same"):
        correlate(one, one, None)


def test_maps_on_different_grids_are_refused(halves: dict[str, DensityMap]) -> None:
    other = DensityMap(halves["half 2"].data, 1.6)
    with pytest.raises(CryoAIError, match="voxel sizes"):
        correlate(source("1", halves["half 1"]), source("2", other), None)


def test_the_table_holds_what_the_curve_shows(
    halves: dict[str, DensityMap], tmp_path: Path
) -> None:
    result = correlate(source("1", halves["half 1"]), source("2", halves["half 2"]), None)
    write_csv(tmp_path / "fsc.csv", result)
    with (tmp_path / "fsc.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(result.frequencies)
    np.testing.assert_allclose(
        [float(r["unmasked"]) for r in rows], result.curves["unmasked"], atol=1e-6
    )


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("run_half1_class001_unfil.mrc", "run_half2_class001_unfil.mrc"),
        ("cryosparc_P1_J2_map_half_A.mrc", "cryosparc_P1_J2_map_half_B.mrc"),
        ("emd_1234_half_map_1.map.gz", "emd_1234_half_map_2.map.gz"),
        ("HalfMap1.mrc", "HalfMap2.mrc"),
    ],
)
def test_half_maps_of_all_programs_find_each_other(name: str, twin: str) -> None:
    assert twin_names(name) == [twin]


def test_other_maps_have_no_twin() -> None:
    assert twin_names("map_10.mrc") == []


def test_open_half_maps_are_proposed_and_compared(
    panel: MapPanel, halves: dict[str, DensityMap], wait: Any, tmp_path: Path
) -> None:
    for name in ("half 2", "half 1"):
        opened = panel.session.add(name, halves[name], contour_of(halves[name]))
        panel.session.show(opened, visible=False)
    fsc = panel.fsc
    assert (fsc.half1.currentText(), fsc.half2.currentText()) == ("half 1", "half 2")
    assert not fsc.export.isEnabled()
    fsc.compute.click()
    wait(lambda: fsc.result is not None)
    assert "Å at 0.143" in fsc.words.text()
    fsc.write(tmp_path / "fsc.csv")
    wait((tmp_path / "fsc.csv").exists)
    fsc.plot.resize(320, 240)
    assert not fsc.plot.grab().isNull()


def test_files_are_compared_without_being_drawn(
    panel: MapPanel, halves: dict[str, DensityMap], wait: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    fsc = panel.fsc
    for name, box in (("half 1", fsc.half1), ("half 2", fsc.half2)):
        path = tmp_path / f"{name}.mrc"
        write_map(path, halves[name])
        monkeypatch.setattr(
            "napari_cryoai.ui.maps.sources.QFileDialog.getOpenFileName",
            lambda *_a, p=path, **_k: (str(p), ""),
        )
        box.setCurrentIndex(box.findText(CHOOSE))
        box.activated.emit(box.findText(CHOOSE))
        assert box.currentText() == path.name
    fsc.compute.click()
    wait(lambda: fsc.result is not None)
    assert not len(panel.viewer.layers)


def test_what_cannot_be_compared_is_told(
    panel: MapPanel, halves: dict[str, DensityMap], wait: Any
) -> None:
    small = DensityMap(halves["half 2"].data[:-2], 1.5)
    panel.session.add("half 1", halves["half 1"], contour_of(halves["half 1"]))
    panel.session.add("half 2", small, contour_of(small))
    panel.fsc.compute.click()
    wait(lambda: panel.banners.messages())
    assert "boxes" in panel.banners.messages()[0].text
    assert panel.fsc.compute.isEnabled()
