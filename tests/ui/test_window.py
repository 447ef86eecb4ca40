"""The plugin in a real napari window: manifest, readers, writers, sample data, keys."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManifest
from npe2 import plugin_manager as pm

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.picks import read_picks, write_picks
from napari_cryoai.physics.simulators import demo
from napari_cryoai.ui.kit.keys import CheatSheet
from napari_cryoai.ui.micrographs import sample_data
from napari_cryoai.ui.micrographs.panels import panel_of
from napari_cryoai.ui.picking import commands

pytestmark = pytest.mark.qt
PLUGIN = "napari-cryoai"


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_distribution(PLUGIN)


@pytest.fixture
def viewer(make_napari_viewer_proxy: Any) -> Any:
    if PLUGIN not in pm.instance():
        pm.instance().register(PluginManifest.from_distribution(PLUGIN), warn_disabled=False)
    made = make_napari_viewer_proxy()
    yield made
    panel = panel_of(made)
    if panel is not None:
        panel.shut_down()


def test_every_command_of_the_manifest_leads_to_something(manifest: PluginManifest) -> None:
    for command in manifest.contributions.commands or ():
        assert callable(_imported(str(command.python_name))), command.id


def test_commands_of_the_palette_need_no_arguments(manifest: PluginManifest) -> None:
    names = [str(command.python_name) for command in manifest.contributions.commands or ()]
    for name in names:
        if ".commands:" in name:
            assert not inspect.signature(_imported(name)).parameters, name


def test_without_the_panel_micrographs_open_as_layers_in_angstrom(
    viewer: Any, folder: Path, sim: Any
) -> None:
    layers = viewer.open(str(folder / "mic0.mrc"), plugin=PLUGIN)
    assert layers[0].scale.tolist() == [sim.pixel_A] * 2
    assert str(layers[0].units[0]) == "angstrom"
    picks = PickTable.of_points("mic0.mrc", sim.positions(0), score=np.linspace(0, 1, 16))
    write_picks(picks, folder / "p.csv")
    points = viewer.open(str(folder / "p.csv"), plugin=PLUGIN)[0]
    assert points.data == pytest.approx(sim.positions(0))
    assert points.scale.tolist() == [sim.pixel_A] * 2


def test_with_the_panel_open_what_is_dropped_on_the_window_goes_there(
    viewer: Any, folder: Path, wait: Any, sim: Any
) -> None:
    panel = commands.panel()
    assert panel_of(viewer) is panel
    viewer.open(str(folder), plugin=PLUGIN)
    wait(lambda: panel.layers.points is not None)
    assert len(panel.session.micrographs) == 3
    write_picks(PickTable.of_points("mic0.mrc", sim.positions(0)), folder / "p.csv")
    viewer.open(str(folder / "p.csv"), plugin=PLUGIN)
    wait(lambda: panel.session.counts().get("mic0.mrc") == sim.count)
    assert len(panel.layers.points.data) == sim.count
    assert panel.minimumSizeHint().width() <= 400


def test_a_layer_saved_by_napari_holds_what_is_drawn(
    viewer: Any, folder: Path, wait: Any, sim: Any, tmp_path: Path
) -> None:
    panel = commands.panel()
    panel.open([folder])
    wait(lambda: panel.layers.points is not None)
    panel.layers.points.add(sim.positions(0))
    panel.layers.points.selected_data = {0, 1}
    panel.actions_.do("reject")
    panel.layers.points.save(str(tmp_path / "layer.star"), plugin=PLUGIN)
    saved = read_picks(tmp_path / "layer.star", micrographs=[*panel.session.micrographs.values()])
    assert saved.counts()["mic0.mrc"] == sim.count - 2


def test_the_sample_is_small_and_has_a_truth(tmp_path: Path, monkeypatch: Any) -> None:
    models = demo.demo_set(3)[:1]
    monkeypatch.setattr(demo, "demo_set", lambda seed: models)
    folder = sample_data.sample_folder(tmp_path)
    truth = read_picks(folder / demo.TRUTH)
    assert len(truth) > 50
    made = (folder / demo.TRUTH).stat().st_mtime_ns
    assert sample_data.sample_folder(tmp_path) == folder
    assert (folder / demo.TRUTH).stat().st_mtime_ns == made


def test_closing_the_panel_and_opening_it_again_continues(
    viewer: Any, folder: Path, wait: Any
) -> None:
    panel = commands.panel()
    panel.open([folder])
    wait(lambda: panel.layers.points is not None)
    panel.layers.points.add([[20.0, 20.0]])
    n_layers = len(viewer.layers)
    viewer.window.remove_dock_widget(panel)  # as the cross of the dock does
    wait(lambda: panel_of(viewer) is None)
    again = commands.panel()
    wait(lambda: len(again.session.document.picks) == 1 and again.layers.points is not None)
    wait(lambda: len(again.layers.points.data) == 1)
    assert len(viewer.layers) == n_layers


def test_without_a_window_a_command_says_so() -> None:
    with pytest.raises(CryoAIError, match="no napari window"):
        commands.next_micrograph()


def test_the_cheat_sheet_fits_a_small_screen(qtbot: Any) -> None:
    sheet = CheatSheet(commands.COMMANDS)
    qtbot.addWidget(sheet)
    assert sheet.sizeHint().width() < 1200
    assert sheet.sizeHint().height() < 700


def _imported(python_name: str) -> Any:
    from importlib import import_module

    module, name = python_name.split(":")
    return getattr(import_module(module), name)
