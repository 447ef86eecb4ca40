"""Denoising in the Map panel, through a filter of this package in the place of the networks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from napari.components import ViewerModel
from pydantic import Field
from qtpy.QtGui import QGuiApplication

from napari_cryoai.core.contour import contour_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.io.maps import read_map, write_map
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Job, Progress, finish
from napari_cryoai.maps.verdict import Finding, Verdict, not_verifiable
from napari_cryoai.physics.fsc import FscCurve, fsc
from napari_cryoai.physics.radial import weighted
from napari_cryoai.physics.sharpening import fsc_weight
from napari_cryoai.physics.simulators.demo_map import demo_maps
from napari_cryoai.ui.maps.denoise_curves import judged_result
from napari_cryoai.ui.maps.denoise_verdict import with_signs
from napari_cryoai.ui.maps.denoise_work import Engine, Inputs, denoise_sources, load_engine
from napari_cryoai.ui.maps.panel import MapPanel
from napari_cryoai.ui.maps.sources import Source

pytestmark = pytest.mark.qt


class FilterParams(Params):
    """Of the filter."""

    model: Literal["filter", "slow"] = Field("filter", title="Model", description="Which one.")
    power: float = Field(2.0, ge=0, le=4, title="Power", description="Of the weight.")


def fsc_filter(
    params: FilterParams, half1: DensityMap, half2: DensityMap | None, _mask: DensityMap | None
) -> Job[Any]:
    """Weights each half by its FSC; judges with the curves alone."""
    yield Progress(0, 2, "Filtering")
    while params.model == "slow":
        time.sleep(0.02)
        yield Progress(0, 2, "Filtering slowly")
    a = torch.from_numpy(half1.data)
    b = a if half2 is None else torch.from_numpy(half2.data)
    raw = fsc(a, b)
    weight = fsc_weight(raw) ** params.power if half2 is not None else torch.ones_like(raw)
    one, two = weighted(a, weight), weighted(b, weight)
    confidence = weighted(((one + two) / 2).abs(), torch.exp(-(torch.arange(61.0) ** 2) / 200))
    verdict = not_verifiable() if half2 is None else _verdict(a, b, one, two, half1.pixel_size_A)
    yield Progress(2, 2, "Done")
    return SimpleNamespace(
        full=half1.with_data(((one + two) / 2).numpy()),
        half1=half1.with_data(one.numpy()),
        half2=half1.with_data(two.numpy()),
        confidence=half1.with_data((confidence / confidence.max()).clamp(0, 1).numpy()),
        verdict=verdict,
    )


def _verdict(a: Any, b: Any, one: Any, two: Any, pixel_size_A: float) -> Verdict:
    n = max(a.shape)
    pairs = {"raw": (a, b), "denoised": (one, two), "cross": (one, b)}
    curves = {name: FscCurve(fsc(*pair), n, pixel_size_A) for name, pair in pairs.items()}
    curves |= {"raw_masked": curves["raw"]}
    return Verdict(
        verifiable=True,
        findings=(
            Finding("noise", "ok", "Pure noise stays nothing."),
            Finding("invented", "caution", "Beyond 4.8 A part of the resolution is invented."),
        ),
        named_curves=curves,
        figures={"resolution_A": 5.0},
        invented=(one - two).abs() / (one - two).abs().max(),
        spread=(one - two).abs(),
    )


@pytest.fixture(scope="module")
def maps() -> dict[str, DensityMap]:
    return demo_maps()


@pytest.fixture
def panel(qtbot: Any, maps: dict[str, DensityMap], wait: Any) -> Iterator[MapPanel]:
    """With two half maps open, of which nothing is drawn."""
    panel = MapPanel(ViewerModel())
    panel.denoise._load = lambda: Engine(FilterParams, fsc_filter)
    for name in ("half 1", "half 2"):
        opened = panel.session.add(name, maps[name], contour_of(maps[name]))
        panel.session.show(opened, visible=False)
    yield panel
    panel.shut_down()
    panel.close()


def denoised(panel: MapPanel, wait: Any) -> None:
    panel.denoise.run()
    wait(lambda: panel.denoise.outcome is not None and not panel.denoise.runner.running)
    wait(lambda: panel.idle)


def test_half_maps_become_a_raw_and_a_denoised_map_at_the_same_volume(
    panel: MapPanel, wait: Any, maps: dict[str, DensityMap]
) -> None:
    denoised(panel, wait)
    raw, clean = panel.comparison.first, panel.comparison.second
    assert raw.name.startswith("raw")
    assert clean.name == "denoised (filter)"
    mean = (maps["half 1"].data + maps["half 2"].data) / 2
    np.testing.assert_allclose(raw.density.data, mean, atol=1e-6)
    voxels = [(o.density.data > o.level).sum() for o in (raw, clean)]
    assert voxels[0] == pytest.approx(voxels[1], rel=0.03)
    assert panel.comparison.layout == "flip"
    assert [o.visible for o in panel.session.maps].count(True) == 1
    assert clean.visible
    assert panel.layers.surfaces.keys() >= {raw, clean}
    assert {"Confidence", "Invented density", "Spread over rotations"} <= clean.colourings.keys()


def test_the_same_halves_are_shown_raw_once(panel: MapPanel, wait: Any) -> None:
    denoised(panel, wait)
    raw = panel.comparison.first
    panel.denoise.outcome = None
    panel.denoise.more.set("power", 1.0)
    denoised(panel, wait)
    assert panel.comparison.first is raw
    assert [o.name for o in panel.session.maps][-1] == "denoised (filter) (2)"


def test_the_verdict_stands_in_one_sentence_with_the_gravest_finding_first(
    panel: MapPanel, wait: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    assert not panel.denoise.verdict.isVisibleTo(panel.denoise)
    denoised(panel, wait)
    view = panel.denoise.verdict
    assert view.isVisibleTo(panel.denoise)
    assert view.card.words.text().startswith("Use with care, to 5.0 Å")
    assert [f.severity for f in view.findings] == ["caution", "ok"]
    assert "Caution" in view.findings[0].accessibleName()  # told without the colour
    assert set(view.curves.curves) == {"raw masked", "denoised", "cross"}
    view.unmasked.setChecked(True)
    assert "raw" in view.curves.curves
    view.plot.resize(320, 280)
    assert not view.plot.grab().isNull()
    monkeypatch.setattr(
        "napari_cryoai.ui.maps.denoise_verdict.QFileDialog.getSaveFileName",
        lambda *_a, **_k: (str(tmp_path / "fsc.csv"), ""),
    )
    view.export.click()
    wait((tmp_path / "fsc.csv").exists)
    assert "raw_masked" in (tmp_path / "fsc.csv").read_text().splitlines()[0]


def test_units_are_written_as_the_screen_shows_them() -> None:
    assert with_signs("In 120 A^3 beyond 4.8 A: chain A") == "In 120 Å³ beyond 4.8 Å: chain A"


def test_a_single_map_is_marked_as_not_verifiable(panel: MapPanel, wait: Any) -> None:
    panel.choice.choose("half2", None)
    assert "not verifiable" in panel.denoise.advice.text()
    denoised(panel, wait)
    assert panel.comparison.second.name == "denoised (filter, not verifiable)"
    assert panel.comparison.first.name == "half 1"
    assert panel.denoise.verdict.card.words.text().startswith("Not verifiable")
    assert not panel.denoise.verdict.plot.isVisibleTo(panel.denoise)


def test_cancel_ends_at_once_and_leaves_nothing(panel: MapPanel, wait: Any) -> None:
    panel.denoise.load()
    wait(lambda: panel.denoise.engine is not None)
    panel.denoise.form.set("model", "slow")
    panel.denoise.run()
    assert not panel.denoise.start.isEnabled()
    wait(lambda: panel.denoise.job._latest is not None)
    panel.denoise.job.cancel.click()
    wait(lambda: not panel.denoise.runner.running)
    assert panel.denoise.start.isEnabled()
    assert len(panel.session.maps) == 2
    assert panel.denoise.outcome is None


def test_what_cannot_be_denoised_is_told(
    panel: MapPanel, wait: Any, maps: dict[str, DensityMap]
) -> None:
    small = DensityMap(maps["half 2"].data[:-2], maps["half 2"].pixel_size_A)
    other = panel.session.add("small", small, contour_of(small))
    panel.choice.choose_open("half2", other)
    panel.denoise.run()
    wait(lambda: panel.banners.messages())
    assert "boxes" in panel.banners.messages()[0].text
    wait(lambda: panel.denoise.start.isEnabled())


def test_the_same_half_twice_is_refused(maps: dict[str, DensityMap]) -> None:
    half = Source("half", maps["half 1"])
    engine = Engine(FilterParams, fsc_filter)
    with pytest.raises(Exception, match="are the same"):
        finish(denoise_sources(engine, FilterParams(), Inputs(half, half, None)))


def test_the_command_line_does_the_same(
    panel: MapPanel, wait: Any, tmp_path: Path, maps: dict[str, DensityMap]
) -> None:
    panel.denoise.load()
    wait(lambda: panel.denoise.engine is not None)
    panel.denoise.copy.click()
    assert "not in a file" in panel.banners.messages()[0].text
    for name, role in (("half 1", "half1"), ("half 2", "half2")):
        write_map(tmp_path / f"{name}.mrc", maps[name])
        panel.choice.add_file(tmp_path / f"{name}.mrc", role)
    panel.denoise.more.set("power", 1.0)
    panel.denoise.copy.click()
    command = QGuiApplication.clipboard().text()
    assert command == (
        f"cryoai denoise map '{tmp_path}/half 1.mrc' '{tmp_path}/half 2.mrc' "
        "--output denoised --power 1"
    )


def test_everything_is_saved_with_origin_and_report(
    panel: MapPanel, wait: Any, tmp_path: Path
) -> None:
    denoised(panel, wait)
    panel.denoise.write(tmp_path / "out")
    wait((tmp_path / "out" / "report.json").exists)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["verifiable"] is True
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"denoised.mrc", "denoised_half1.mrc", "denoised_half2.mrc", "confidence.mrc"} <= names
    back = read_map(tmp_path / "out" / "denoised.mrc")
    full = panel.denoise.outcome.result.full
    np.testing.assert_array_equal(back.data, full.data)
    assert back.origin_A == full.origin_A


def test_colours_of_the_denoised_surface_are_those_of_its_confidence(
    panel: MapPanel, wait: Any
) -> None:
    denoised(panel, wait)
    clean = panel.comparison.second
    panel.session.choose(clean)
    panel.actions_.do("colour")
    assert clean.coloured_by == "Confidence"
    wait(lambda: panel.idle)
    layer = panel.layers.surfaces[clean]
    assert layer.contrast_limits == [0, 1]
    values = layer.data[2][2:]
    assert 0 <= values.min() < values.max() <= 1


def test_local_resolution_of_the_halves_colours_any_map(panel: MapPanel, wait: Any) -> None:
    opened = panel.session.maps[0]
    panel.session.choose(opened)
    panel.session.show(opened, visible=True)
    panel.colours.choose("Local resolution")
    wait(lambda: opened.coloured_by == "Local resolution")
    wait(lambda: panel.idle)
    low, high = opened.colouring.limits
    assert 3.0 <= low < high < 20
    assert opened.colouring.unit == "Å"


def test_curves_of_a_map_without_a_second_half_are_none() -> None:
    assert judged_result(not_verifiable()) is None


def test_the_real_engine_has_the_parameters_that_the_form_begins_with() -> None:
    engine = load_engine()
    assert "model" in engine.params.model_fields
    assert engine.params().model is not None
