"""The CTF and extraction panel, as a user works with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManifest
from npe2 import plugin_manager as pm
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_cryoai.core import edits
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.core.picks import PickTable, concatenate
from napari_cryoai.io.micrograph_ctf import read_micrograph_ctf, write_micrograph_ctf
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.particle_stacks import read_particles
from napari_cryoai.jobs.progress import Progress
from napari_cryoai.particles.ctf_job import CtfResult, FoundCtf
from napari_cryoai.ui.ctf import commands as ctf_commands
from napari_cryoai.ui.ctf import estimate as ctf_estimate
from napari_cryoai.ui.ctf import extract as extract_panel
from napari_cryoai.ui.ctf.limits import Limits
from napari_cryoai.ui.ctf.panel import CtfExtraction
from napari_cryoai.ui.ctf.table import without_common_end
from napari_cryoai.ui.micrographs.panels import session_of
from napari_cryoai.ui.micrographs.store import ctf_as_notes, ctf_from_notes
from napari_cryoai.ui.particles.dock import particle_panel_of
from napari_cryoai.ui.picking.panel import PickParticles

pytestmark = pytest.mark.qt
PLUGIN = "napari-cryoai"
NAMES = ["mic0.mrc", "mic1.mrc", "mic2.mrc"]


def ctf(name: str, defocus_um: float = 1.5, reach_A: float = 5.0, **more: float) -> MicrographCtf:
    """Values of one micrograph, 300 A of astigmatism."""
    u, v = defocus_um * 1e4 + 150, defocus_um * 1e4 - 150
    values = {"fit_score": 0.2, "fit_resolution_A": reach_A} | more
    return MicrographCtf(name, u, v, 30.0, 300.0, 2.7, 0.1, 2.0, **values)


CTFS = [ctf("mic0.mrc", 2.0, 6.0), ctf("mic1.mrc", 1.0, 12.0), ctf("mic2.mrc", 3.0, 4.0)]


@pytest.fixture
def make_ctf_panel(on_viewer: Any, wait: Any) -> Callable[..., CtfExtraction]:
    def make(folder: Path | None = None, viewer: Any = None) -> CtfExtraction:
        panel = on_viewer(CtfExtraction, viewer)
        if folder is not None:
            panel.open([folder])
            wait(lambda: panel.canvas.layers.points is not None)
        return panel

    return make


@pytest.fixture
def panel(make_ctf_panel: Any, folder: Path, sim: Any) -> CtfExtraction:
    """Three micrographs with picks and CTF values, and no Pick particles panel."""
    panel = make_ctf_panel(folder)
    session = panel.session
    session.set_diameter(sim.diameter_A)
    found = concatenate(sim.table(name, i) for i, name in enumerate(NAMES))
    session.do(edits.AddPicks(found.renumbered(session.history.new_ids(len(found)))), "Pick")
    session.learn_ctf(CTFS)
    return panel


def shown(panel: CtfExtraction, column: int) -> list[str]:
    """A column of the table, from top to bottom."""
    rows = panel.table.rows
    return [rows.index(row, column).data() for row in range(rows.rowCount())]


# Opening ------------------------------------------------------------------------------------------


def test_without_micrographs_it_says_what_to_do(make_ctf_panel: Any) -> None:
    panel = make_ctf_panel()
    assert not panel.empty.isHidden()
    assert panel.working.isHidden()
    assert not panel.estimate.start.isEnabled()


def test_alone_it_opens_a_folder_and_shows_it(make_ctf_panel: Any, folder: Path) -> None:
    panel = make_ctf_panel(folder)
    assert panel.canvas.layers.image.name == "mic0.mrc"
    assert shown(panel, 0) == ["mic0", "mic1", "mic2"]
    assert panel.estimate.start.isEnabled()


def test_beside_the_pick_panel_it_works_on_the_same_session(panel: Any, wait: Any) -> None:
    picking = PickParticles(panel.viewer)
    try:
        assert picking.session is panel.session
        assert panel.canvas is None  # else both would draw
        wait(lambda: picking.layers.up_to_date)
        assert picking.list.rows.names == NAMES
        roles = [layer.metadata["cryoai"]["role"] for layer in panel.viewer.layers]
        assert sorted(roles) == ["excluded", "image", "points"]
        panel.table.selectRow(2)
        wait(lambda: picking.layers.image.name == "mic2.mrc")
    finally:
        picking.shut_down()


def test_when_the_pick_panel_goes_it_goes_on_with_everything(
    panel: CtfExtraction, wait: Any
) -> None:
    panel.session.set_flag("junk", True, "mic1.mrc")
    before = panel.session.document.picks
    picking = PickParticles(panel.viewer)
    old = panel.session
    panel.estimate.note()
    picking.shut_down()
    assert panel.session is not old
    wait(lambda: panel.session.micrographs)
    assert panel.session.document.picks == before
    assert panel.session.document.junk == {"mic1.mrc"}
    assert {c.name for c in panel.session.ctf.values()} == set(NAMES)
    old.set_flag("junk", False, "mic1.mrc")  # nobody hears of it
    wait(lambda: panel.canvas.layers.up_to_date)


def test_closed_under_the_pick_panel_it_hears_nothing_more(
    make_ctf_panel: Any, make_panel: Any, folder: Path
) -> None:
    picking = make_panel(folder)
    panel = make_ctf_panel(viewer=picking.viewer)
    assert shown(panel, 0) == ["mic0", "mic1", "mic2"]
    rows = panel.table.rows
    rows.waiting = set(NAMES)
    panel.shut_down()
    picking.session.learn_ctf(CTFS)
    assert rows.waiting == set(NAMES)
    assert session_of(picking.viewer) is picking.session
    assert picking.session.journal is not None


# Estimating ---------------------------------------------------------------------------------------


def test_values_arrive_one_by_one_and_failures_show_in_their_row(
    make_ctf_panel: Any, folder: Path, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = make_ctf_panel(folder)
    panel.session.go_to("mic1.mrc")
    asked = []

    def job(params: Any, micrographs: Any) -> Any:
        asked.extend(m.name for m in micrographs)
        problem = CryoAIError("is blank", path=micrographs[2].path, remedy="Leave it out")
        yield Progress(1, 3, "", FoundCtf(CTFS[1]))
        yield Progress(2, 3, "", FoundCtf(CTFS[0]))
        yield Progress(3, 3, "", problem=problem)
        return CtfResult(CTFS[:2], [problem])

    monkeypatch.setattr(ctf_estimate, "estimate_ctfs", job)
    panel.estimate.run()
    wait(lambda: not panel.estimate.runner.running)
    assert asked == ["mic1.mrc", "mic0.mrc", "mic2.mrc"]  # what is on screen comes first
    assert shown(panel, 1) == ["2.00", "1.00", ""]
    assert "blank" in panel.table.rows.describe("mic2.mrc")


def test_excluded_micrographs_are_not_estimated(
    panel: CtfExtraction, monkeypatch: pytest.MonkeyPatch, wait: Any
) -> None:
    asked = []

    def job(params: Any, micrographs: Any) -> Any:
        asked.extend(m.name for m in micrographs)
        yield Progress(0, 2)
        return CtfResult(CTFS[:1], [])

    monkeypatch.setattr(ctf_estimate, "estimate_ctfs", job)
    panel.exclude(["mic1.mrc"], True)
    panel.estimate.run()
    wait(lambda: not panel.estimate.runner.running)
    assert asked == ["mic0.mrc", "mic2.mrc"]


def test_cancel_ends_at_once_and_keeps_what_is_there(
    make_ctf_panel: Any, folder: Path, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = make_ctf_panel(folder)

    def endless(params: Any, micrographs: Any) -> Any:
        yield Progress(1, 3, "", FoundCtf(CTFS[0]))
        while True:
            yield Progress(1, 3)

    monkeypatch.setattr(ctf_estimate, "estimate_ctfs", endless)
    panel.estimate.run()
    wait(lambda: panel.session.ctf)
    panel.estimate.job.cancel.click()
    assert not panel.estimate.runner.running
    assert panel.estimate.start.isEnabled()
    assert list(panel.session.ctf) == ["mic0.mrc"]


def test_values_of_another_program_are_imported_by_its_names(
    make_ctf_panel: Any, folder: Path, tmp_path: Path, wait: Any
) -> None:
    panel = make_ctf_panel(folder)
    foreign = [replace(c, name=f"MotionCorr/job002/{c.name}") for c in CTFS[:2]]
    write_micrograph_ctf(tmp_path / "c.star", [*foreign, ctf("elsewhere.mrc")])
    panel.estimate.import_values(tmp_path / "c.star")
    wait(lambda: len(panel.session.ctf) == 2)
    assert shown(panel, 1) == ["2.00", "1.00", ""]
    text = panel.banners.messages()[0].text
    assert "2 micrographs" in text
    assert "1 micrograph still without" in text


def test_values_of_none_of_these_micrographs_are_refused(
    make_ctf_panel: Any, folder: Path, tmp_path: Path, wait: Any
) -> None:
    panel = make_ctf_panel(folder)
    write_micrograph_ctf(tmp_path / "c.star", [ctf("elsewhere.mrc")])
    panel.estimate.import_values(tmp_path / "c.star")
    wait(lambda: any("none that is open" in b.text for b in panel.banners.messages()))
    assert not panel.session.ctf


def test_saved_values_are_those_of_the_micrographs_in_use(
    panel: CtfExtraction, tmp_path: Path, wait: Any
) -> None:
    panel.exclude(["mic1.mrc"], True)
    panel.estimate.write(tmp_path / "out.star")
    wait((tmp_path / "out.star").exists)
    rows = read_micrograph_ctf(tmp_path / "out.star")
    assert [Path(row.name).name for row in rows] == ["mic0.mrc", "mic2.mrc"]
    assert rows[0].defocus_A == pytest.approx(20_000, abs=0.1)


def test_values_survive_a_restart(
    panel: CtfExtraction, make_ctf_panel: Any, folder: Path, wait: Any
) -> None:
    panel.shut_down()
    again = make_ctf_panel(folder)
    wait(lambda: len(again.session.ctf) == 3)
    assert again.session.ctf["mic1.mrc"] == CTFS[1]


def test_noted_values_that_nobody_told_stay_untold_and_damage_is_left_out() -> None:
    untold = ctf("a.mrc", fit_score=float("nan"))
    notes = ctf_as_notes([untold])
    assert "fit_score" not in notes[0]
    assert np.isnan(ctf_from_notes(notes)[0].fit_score)
    assert ctf_from_notes([{"name": "b"}, 7, notes[0]])[0].name == "a.mrc"
    assert ctf_from_notes(None) == []


# The table and exclusion --------------------------------------------------------------------------


def test_the_table_sorts_by_value_with_the_unknown_last(panel: CtfExtraction) -> None:
    panel.session.ctf.pop("mic0.mrc")
    panel.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert shown(panel, 0) == ["mic2", "mic1", "mic0"]
    panel.table.sortByColumn(3, Qt.SortOrder.AscendingOrder)
    assert shown(panel, 3) == ["4.0", "12.0", ""]


def test_a_click_goes_to_the_micrograph_and_back_again(panel: CtfExtraction, wait: Any) -> None:
    panel.table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    panel.table.selectRow(0)
    assert panel.session.current == "mic1.mrc"
    wait(lambda: panel.canvas.layers.image.name == "mic1.mrc")
    panel.session.go_to("mic2.mrc")
    assert panel.table.selected() == ["mic2.mrc"]


def test_a_key_excludes_a_micrograph_and_undo_takes_it_in_again(panel: CtfExtraction) -> None:
    panel.table.selectRow(1)
    QTest.keyClick(panel.table, Qt.Key.Key_X)
    assert panel.session.document.junk == {"mic1.mrc"}
    assert "mic1.mrc" in panel.session.micrographs
    panel.undo()
    assert not panel.session.document.junk
    panel.redo()
    QTest.keyClick(panel.table, Qt.Key.Key_X)
    assert not panel.session.document.junk


def test_limits_mark_at_once_and_exclude_in_one_step(panel: CtfExtraction) -> None:
    panel.limits.resolution.setValue(10)
    panel.limits.high.setValue(2.5)
    assert panel.table.rows.beyond == {
        "mic1.mrc": frozenset({"resolution"}), "mic2.mrc": frozenset({"defocus"}),
    }  # fmt: skip
    assert not panel.session.document.junk
    assert "2" in panel.limits.exclude.text()
    panel.limits.exclude.click()
    assert panel.session.document.junk == {"mic1.mrc", "mic2.mrc"}
    assert not panel.limits.exclude.isEnabled()
    panel.undo()
    assert not panel.session.document.junk


def test_a_value_that_nobody_told_breaks_no_limit() -> None:
    untold = ctf("a", reach_A=float("nan"))
    assert not Limits(resolution_A=5).broken_by(untold)
    assert Limits(astigmatism_A=299).broken_by(untold) == {"astigmatism"}
    assert not Limits(astigmatism_A=301, low_um=1.5, high_um=1.5).broken_by(untold)


def test_names_lose_the_ending_they_share_and_nothing_else() -> None:
    assert without_common_end(["a/x_01_ali.mrc", "b/x_21_ali.mrc"]) == {
        "a/x_01_ali.mrc": "x_01", "b/x_21_ali.mrc": "x_21",
    }  # fmt: skip
    assert without_common_end(["x/a.mrc", "y/a.mrc"]) == {}
    assert without_common_end(["only.mrc"]) == {"only.mrc": "only.mrc"}


# The rings ----------------------------------------------------------------------------------------


def test_rings_of_right_values_continue_in_the_model_and_of_wrong_ones_do_not(
    make_ctf_panel: Any, tmp_path: Path, wait: Any
) -> None:
    (tmp_path / "m").mkdir()
    true = ctf("mic.mrc", 1.5)
    write_mrc(tmp_path / "m" / "mic.mrc", ringing(true, 800), pixel_size_A=2.0)
    panel = make_ctf_panel(tmp_path / "m")
    agreement = {}
    for defocus_um in (1.5, 1.9):
        panel.session.learn_ctf([ctf("mic.mrc", defocus_um)])
        wait(lambda: panel.rings.shown is not None)
        review = panel.rings.shown
        assert review.ctf.defocus_A == pytest.approx(defocus_um * 1e4)
        agreement[defocus_um] = float(np.median(review.agreement))
    assert agreement[1.5] > 0.9
    assert agreement[1.9] < 0.4
    assert set(panel.rings.curves.lines(panel.rings.rect())) == {"measured", "model", "agreement"}


def ringing(ctf: MicrographCtf, n: int) -> np.ndarray:
    """White noise under a CTF without noise of its own."""
    from napari_cryoai.particles.ctf_phase import Optics, directed_defocus_A, turns

    gy, gx = np.meshgrid(np.fft.fftfreq(n, 2.0), np.fft.rfftfreq(n, 2.0), indexing="ij")
    half, angle = ctf.astigmatism_A / 2, np.radians(2 * ctf.defocus_angle_deg)
    yx = (half * np.sin(angle), half * np.cos(angle))
    directed = directed_defocus_A(ctf.defocus_A, yx, turns(gy, gx))
    phase = Optics(ctf.voltage_kV, ctf.cs_mm, ctf.amplitude_contrast).phase(directed, gy**2 + gx**2)
    noise = np.fft.rfft2(np.random.default_rng(3).normal(0, 1, (n, n)))
    return np.fft.irfft2(noise * np.sin(phase), (n, n)).astype(np.float32)


# Extraction ---------------------------------------------------------------------------------------


def test_the_count_shown_is_the_count_written(
    panel: CtfExtraction, tmp_path: Path, wait: Any
) -> None:
    panel.session.preview_filters(threshold=0.3)
    panel.session.commit_filters()
    panel.session.set_state(panel.session.document.picks.id[:2], 1)
    panel.exclude(["mic1.mrc"], True)
    panel.extract.form.set("box_size_px", 24)
    wait(lambda: panel.extract.expected and panel.extract.expected.box_size_px == 24)
    expected = panel.extract.expected
    assert expected.micrographs == 2
    assert expected.particles == 30
    assert "<b>30</b>" in panel.extract.count.text()
    got = []
    panel.extract.extracted.connect(got.append)
    panel.extract.extract_to(tmp_path / "out")
    wait(lambda: got)
    written = read_particles(tmp_path / "out" / "particles.star")
    assert len(written) == 30
    assert {Path(n).name for n in written.names} == {"mic0.mrc", "mic2.mrc"}
    assert (tmp_path / "out" / "job.json").exists()
    defocus_A = (written.ctf.defocus_u_A + written.ctf.defocus_v_A) / 2
    assert set(np.round(defocus_A)) == {20_000, 30_000}


def test_micrographs_without_ctf_are_left_out_and_counted_so(
    panel: CtfExtraction, wait: Any
) -> None:
    panel.extract.form.set("box_size_px", 24)
    del panel.session.ctf["mic2.mrc"]
    panel.session.ctf_changed.emit(frozenset({"mic2.mrc"}))
    wait(lambda: panel.extract.expected and panel.extract.expected.micrographs == 2)
    assert "1 micrograph without CTF is left out" in panel.extract.advice.text()


def test_without_any_ctf_it_extracts_but_warns(panel: CtfExtraction, wait: Any) -> None:
    panel.extract.form.set("box_size_px", 24)
    panel.session.ctf.clear()
    panel.session.ctf_changed.emit(frozenset(NAMES))
    wait(lambda: panel.extract.expected and panel.extract.expected.micrographs == 3)
    wait(lambda: "No CTF values yet" in panel.extract.advice.text())
    assert panel.extract.start.isEnabled()


def test_imported_picks_without_a_diameter_get_the_session_s(
    make_ctf_panel: Any, folder: Path, sim: Any, wait: Any
) -> None:
    panel = make_ctf_panel(folder)
    assert not panel.extract.start.isEnabled()
    session = panel.session
    session.set_diameter(40.0)
    bare = PickTable.of_points("mic0.mrc", sim.positions(0))
    session.do(edits.AddPicks(bare), "Import")
    wait(lambda: panel.extract.expected is not None)
    assert panel.extract.expected.box_size_px == 30  # 1.5 times 20 pixels


def test_nothing_to_extract_says_why(panel: CtfExtraction, wait: Any) -> None:
    panel.extract.form.set("box_size_px", 512)
    wait(lambda: "boxes reach beyond" in panel.extract.advice.text())
    assert not panel.extract.start.isEnabled()


def test_an_extraction_can_be_cancelled(
    panel: CtfExtraction, tmp_path: Path, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*_: Any, **__: Any) -> Any:
        while True:
            yield Progress(1, 3, "mic0.mrc")

    monkeypatch.setattr(extract_panel, "extract", endless)
    wait(lambda: panel.extract.start.isEnabled())
    panel.extract.extract_to(tmp_path)
    assert not panel.extract.start.isEnabled()
    panel.extract.job.cancel.click()
    assert panel.extract.start.isEnabled()


def test_the_command_line_says_what_the_forms_say(panel: CtfExtraction, wait: Any) -> None:
    from qtpy.QtGui import QGuiApplication

    panel.estimate.form.set("voltage_kV", 200.0)
    panel.estimate.copy.copy()
    text = QGuiApplication.clipboard().text()
    assert text.startswith("cryoai ctf ")
    assert "--voltage-kV 200" in text
    assert "2" in text.split("--pixel-size-A")[1]
    panel.extract.form.set("box_size_px", 64)
    panel.extract.copy.copy()
    assert "--box-size-px 64" in QGuiApplication.clipboard().text()


# In a real window ---------------------------------------------------------------------------------


@pytest.fixture
def window(make_napari_viewer_proxy: Any) -> Any:
    if PLUGIN not in pm.instance():
        pm.instance().register(PluginManifest.from_distribution(PLUGIN), warn_disabled=False)
    return make_napari_viewer_proxy()


def test_from_micrographs_to_particles_in_a_window(
    window: Any, folder: Path, tmp_path: Path, sim: Any, wait: Any
) -> None:
    panel = ctf_commands.ctf_panel()
    assert ctf_commands.ctf_panel() is panel
    panel.open([folder])
    wait(lambda: panel.canvas.layers.points is not None)
    session = panel.session
    session.set_diameter(sim.diameter_A)
    found = sim.table("mic0.mrc", 0)
    session.do(edits.AddPicks(found.select(found.score > 0.3)), "Pick")
    session.learn_ctf(CTFS)
    wait(lambda: panel.extract.expected is not None)
    count = panel.extract.expected.particles
    panel.extract.extract_to(tmp_path / "out")
    wait(lambda: particle_panel_of(window) is not None)
    particles = particle_panel_of(window)
    wait(lambda: particles.particles is not None)
    assert len(particles.particles) == count
    assert particles.particles.linked.all()
    last = count - 1
    particles.locate(last)
    wait(lambda: len(panel.canvas.layers.selected_ids()))
    assert panel.canvas.layers.selected_ids().tolist() == [particles.particles.ids[last]]
    before = len(panel.canvas.layers.points.data)
    particles.grid.judged.emit(np.arange(3), True)
    wait(lambda: len(panel.canvas.layers.points.data) == before - 3)


def test_closing_the_docks_stops_everything_and_opens_again(
    window: Any, folder: Path, wait: Any
) -> None:
    dock, panel = window.window.add_plugin_dock_widget(PLUGIN, "CTF and extraction")
    panel.open([folder])
    wait(lambda: panel.session.micrographs)
    _, particles = window.window.add_plugin_dock_widget(PLUGIN, "Particles")
    window.window.remove_dock_widget(dock)
    assert panel.content is None
    assert session_of(window) is not panel.session
    assert particles.session is session_of(window)
    again = ctf_commands.ctf_panel()
    assert again is not panel
    wait(lambda: list(again.session.micrographs) == NAMES)
    particles.shut_down()
    again.shut_down()
