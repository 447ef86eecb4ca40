"""The Particles panel: pages, order, rejection, and the way back to the picks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_cryoai.core import edits
from napari_cryoai.core.particle_ctf import ParticleCtf
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.core.picks import PickTable, State
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.particle_stacks import read_particles
from napari_cryoai.particles.extract import extract
from napari_cryoai.particles.extract_plan import ExtractParams
from napari_cryoai.ui.micrographs.panels import session_of
from napari_cryoai.ui.micrographs.session import Session
from napari_cryoai.ui.particles.panel import ParticlePanel
from napari_cryoai.ui.particles.review import NOT_LINKED, ParticleSet, linked_picks

pytestmark = pytest.mark.qt
BOX = 16


class Numbered:
    """Images that all have the value of their number, and a note of which were read."""

    def __init__(self, numbers: np.ndarray):
        self.numbers = numbers
        self.asked: list[int] = []

    box_size_px = BOX

    def __len__(self) -> int:
        return len(self.numbers)

    def read(self, indices: np.ndarray) -> np.ndarray:
        self.asked += np.asarray(indices).tolist()
        values = self.numbers[indices].astype(np.float32)
        return np.broadcast_to(values[:, None, None], (len(values), BOX, BOX)).copy()

    def take(self, indices: np.ndarray) -> Numbered:
        return Numbered(self.numbers[indices])

    def names(self) -> None:
        return None


def numbered(n: int, **columns: Any) -> ParticleStack:
    return ParticleStack.of_images(Numbered(np.arange(n)), 2.0, **columns)


@pytest.fixture
def make_viewer(on_viewer: Any, wait: Any) -> Callable[..., ParticlePanel]:
    def make(stack: ParticleStack | None = None, viewer: Any = None) -> ParticlePanel:
        panel = on_viewer(ParticlePanel, viewer)
        panel.resize(700, 400)
        panel.show()
        if stack is not None:
            panel.show_stack(stack)
            wait(lambda: panel.particles is not None and all_there(panel))
        return panel

    return make


@pytest.fixture
def extracted(folder: Path, tmp_path: Path, sim: Any) -> tuple[Session, Path, ViewerModel]:
    """Particles extracted from the picks of a session, as files."""
    viewer = ViewerModel()
    session = session_of(viewer)
    micrographs, _ = open_micrographs([folder])
    session.open(micrographs)
    tables = [sim.table(m.name, i) for i, m in enumerate(micrographs)]
    for table in tables:
        kept = table.select(table.score > 0.3)
        session.do(edits.AddPicks(kept.renumbered(session.history.new_ids(len(kept)))), "Pick")
    run(extract(ExtractParams(box_size_px=24), session.export_table(), micrographs, tmp_path / "x"))
    return session, tmp_path / "x" / "particles.star", viewer


def run(job: Any) -> Any:
    try:
        while True:
            next(job)
    except StopIteration as end:
        return end.value


def all_there(panel: ParticlePanel) -> bool:
    page = panel.grid.on_page().tolist()
    return bool(page) and all(panel.grid.has(row) for row in page)


def click(panel: ParticlePanel, place: int) -> None:
    centre: QPoint = panel.grid.cell(place).center()
    QTest.mouseClick(panel.grid, Qt.MouseButton.LeftButton, pos=centre)


# Pages and order ----------------------------------------------------------------------------------


def test_only_the_page_in_view_and_the_next_are_read(make_viewer: Any, wait: Any) -> None:
    stack = numbered(10_000)
    panel = make_viewer(stack)
    size = panel.grid.page_size
    sample = 64  # for the contrast
    wait(lambda: len(stack.images.asked) >= sample + 2 * size)
    assert len(stack.images.asked) == sample + 2 * size
    assert sorted(stack.images.asked[sample:]) == list(range(2 * size))
    wait(lambda: all(panel.grid.has(row) for row in range(2 * size)))
    panel.foot.on.click()
    assert all_there(panel)  # without waiting
    assert panel.grid.on_page()[0] == size
    QTest.keyClick(panel.grid, Qt.Key.Key_End)
    assert panel.grid.on_page()[-1] == 9_999
    assert not panel.foot.on.isEnabled()
    wait(lambda: all_there(panel))
    QTest.keyClick(panel.grid, Qt.Key.Key_PageUp)
    assert panel.grid.page == panel.grid.pages - 2


def test_each_place_shows_the_image_of_its_row_in_one_contrast(make_viewer: Any) -> None:
    panel = make_viewer(numbered(200))
    rows = panel.grid.on_page().tolist()
    low, high = panel.pages.contrast
    for row in rows[1:]:
        grey = panel.grid.image(row).pixelColor(3, 3).red()
        assert grey == pytest.approx((row - low) / (high - low) * 255, abs=1)


def test_it_sorts_by_score_defocus_and_micrograph(make_viewer: Any, wait: Any) -> None:
    n = 6
    ctf = ParticleCtf.of_values(n, defocus_u_A=[3e4, 1e4, 2e4, 6e4, 5e4, 4e4], defocus_v_A=1e4,
                                defocus_angle_deg=0.0)  # fmt: skip
    score = [0.3, np.nan, 0.9, 0.1, 0.5, 0.7]
    names, micrograph = ("b.mrc", "a.mrc"), [1, 1, 0, 0, 1, 0]
    panel = make_viewer(numbered(n, ctf=ctf, score=score, names=names, micrograph=micrograph))
    expected = {
        "file": [0, 1, 2, 3, 4, 5], "score": [3, 0, 4, 5, 2, 1],
        "defocus": [1, 2, 0, 5, 4, 3], "micrograph": [2, 3, 5, 0, 1, 4],
    }  # fmt: skip
    for place, (by, order) in enumerate(expected.items()):
        panel.head.sort.setCurrentIndex(place)
        assert panel.grid.on_page().tolist() == order, by
    panel.head.sort.setCurrentIndex(1)
    panel.head.down.setChecked(True)
    assert panel.grid.on_page().tolist() == [2, 5, 4, 0, 3, 1]  # the unscored one stays last


def test_the_grid_keeps_its_images_inside_whatever_its_size(make_viewer: Any) -> None:
    panel = make_viewer(numbered(500))
    for width, height, side in ((700, 300, 72), (190, 90, 48), (1200, 500, 240), (500, 90, 240)):
        panel.grid.resize(width, height)
        panel.grid.set_side(side)
        last = panel.grid.cell(panel.grid.page_size - 1)
        assert panel.grid.rect().contains(last), (width, height, side)
        assert panel.grid.page_size >= 1


# Rejection ----------------------------------------------------------------------------------------


def test_a_click_rejects_and_restores(make_viewer: Any) -> None:
    panel = make_viewer(numbered(50))
    click(panel, 3)
    assert panel.particles.rejected.nonzero()[0].tolist() == [3]
    assert "<b>49</b> of 50" in panel.foot.count.text()
    click(panel, 3)
    assert not panel.particles.rejected.any()
    panel.undo()
    assert panel.particles.rejected.nonzero()[0].tolist() == [3]


def test_a_rejected_particle_is_dimmed_and_crossed(make_viewer: Any) -> None:
    panel = make_viewer(numbered(200))
    place = len(panel.grid.on_page()) - 1
    before = panel.grid.grab().toImage()
    click(panel, place)
    after = panel.grid.grab().toImage()
    cell = panel.grid.cell(place)
    edge, centre = cell.topLeft() + QPoint(9, 4), cell.center()
    ratio = panel.grid.devicePixelRatioF()
    edge, centre = edge * ratio, centre * ratio
    assert after.pixelColor(edge).lightness() < before.pixelColor(edge).lightness()
    cross = after.pixelColor(centre)
    assert cross.red() > cross.blue() + 60


def test_a_drag_rejects_all_it_passes_in_one_step(make_viewer: Any, extracted: Any) -> None:
    session, path, viewer = extracted
    panel = make_viewer(read_particles(path), viewer)
    steps = len(session.history.done)
    a, b, c = (panel.grid.cell(i).center() for i in (0, 1, 2))
    QTest.mousePress(panel.grid, Qt.MouseButton.LeftButton, pos=a)
    QTest.mouseMove(panel.grid, b)
    QTest.mouseMove(panel.grid, c)
    QTest.mouseRelease(panel.grid, Qt.MouseButton.LeftButton, pos=c)
    assert panel.particles.rejected[:4].tolist() == [True, True, True, False]
    assert len(session.history.done) == steps + 1


def test_keys_walk_and_reject(make_viewer: Any) -> None:
    panel = make_viewer(numbered(500))
    columns = panel.grid.columns
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_X):
        QTest.keyClick(panel.grid, key)
    assert panel.particles.rejected.nonzero()[0].tolist() == [columns + 1]
    for _ in range(panel.grid.lines):
        QTest.keyClick(panel.grid, Qt.Key.Key_Down)
    assert panel.grid.page == 1


def test_all_after_one_can_be_rejected_in_the_order_shown(make_viewer: Any) -> None:
    score = np.linspace(0, 1, 100)
    panel = make_viewer(numbered(100, score=score))
    panel.head.sort.setCurrentIndex(1)
    panel.head.down.setChecked(True)
    row = int(panel.grid.rows[10])
    actions = {a.text(): a for a in panel.grid.menu(row).actions()}
    next(a for text, a in actions.items() if "after it" in text).trigger()
    assert panel.particles.kept == 10
    assert score[~panel.particles.rejected].min() > score[panel.particles.rejected].max()


# The way back to the picks ------------------------------------------------------------------------


def test_every_extracted_particle_finds_the_pick_it_came_from(extracted: Any) -> None:
    session, path, _ = extracted
    stack = read_particles(path)
    ids = linked_picks(stack, session)
    assert (ids != NOT_LINKED).all()
    assert len(set(ids.tolist())) == len(stack)
    picks = session.document.picks
    rows = picks.rows_with(ids)
    centre = stack.yx_px + stack.shifts_yx_A / 2.0
    np.testing.assert_allclose(picks.yx_px[rows], centre, atol=0.01)
    for name, foreign in zip(picks.micrograph_names()[rows], stack.micrograph, strict=True):
        assert Path(stack.names[foreign]).name == name


def test_rejecting_a_particle_rejects_its_pick_and_undo_takes_both_back(
    make_viewer: Any, extracted: Any
) -> None:
    session, path, viewer = extracted
    panel = make_viewer(read_particles(path), viewer)
    click(panel, 5)
    pick = panel.particles.ids[5]
    assert session.document.picks.state[session.document.picks.id == pick] == State.REJECTED
    assert len(session.export_table()) == len(panel.particles) - 1
    panel.undo()
    assert len(session.export_table()) == len(panel.particles)
    assert not panel.particles.rejected.any()
    panel.redo()
    assert panel.particles.rejected[5]


def test_a_pick_rejected_on_the_micrograph_is_rejected_in_the_grid(
    make_viewer: Any, extracted: Any
) -> None:
    session, path, viewer = extracted
    panel = make_viewer(read_particles(path), viewer)
    session.set_state(panel.particles.ids[[7]], State.REJECTED)
    assert panel.particles.rejected.nonzero()[0].tolist() == [7]
    assert f"<b>{len(panel.particles) - 1}</b>" in panel.foot.count.text()


def test_a_refined_shift_leads_to_the_pick_it_points_at(extracted: Any, sim: Any) -> None:
    session, _, _ = extracted
    picks = session.document.picks.of("mic1.mrc")
    here, there = picks.yx_px[0], picks.yx_px[5]
    shift_A = (there - here) * sim.pixel_A
    stack = numbered(
        1, names=("job/mic1.mrc",), micrograph=0, yx_px=here[None], shifts_yx_A=shift_A[None]
    )
    assert linked_picks(stack, session).tolist() == [picks.id[5]]


def test_particles_of_other_micrographs_change_no_picks(make_viewer: Any, extracted: Any) -> None:
    session, _, viewer = extracted
    stack = numbered(5, names=("elsewhere.mrc",), micrograph=0, yx_px=[[30.0, 30.0]] * 5)
    panel = make_viewer(stack, viewer)
    before = session.document.picks
    click(panel, 0)
    assert panel.particles.kept == 4
    assert session.document.picks == before


def test_a_particle_far_from_any_pick_is_not_linked_to_one(extracted: Any) -> None:
    session, path, _ = extracted
    stack = read_particles(path)
    far = replace(stack, shifts_yx_A=stack.shifts_yx_A + 24.0)  # half a diameter in y and in x
    near = replace(stack, shifts_yx_A=stack.shifts_yx_A + 8.0)
    assert (linked_picks(far, session) == NOT_LINKED).all()
    np.testing.assert_array_equal(linked_picks(near, session), linked_picks(stack, session))


def test_particles_follow_when_the_micrographs_are_picked_anew(
    make_viewer: Any, extracted: Any, wait: Any
) -> None:
    session, path, viewer = extracted
    panel = make_viewer(read_particles(path), viewer)
    old, before = session.document.picks, panel.particles.ids
    session.do(edits.RemovePicks(old), "Pick again")
    wait(lambda: not panel.particles.linked.any())
    session.do(edits.AddPicks(old.renumbered(session.history.new_ids(len(old)))), "Pick again")
    wait(lambda: panel.particles.linked.all())
    assert not np.isin(panel.particles.ids, before).any()
    click(panel, 0)
    assert len(session.export_table()) == len(panel.particles) - 1


def test_the_way_to_the_micrograph(make_viewer: Any, extracted: Any) -> None:
    session, path, viewer = extracted
    panel = make_viewer(read_particles(path), viewer)
    row = len(panel.particles) - 1
    panel.locate(row)
    assert session.current == "mic2.mrc"
    stack = panel.particles.stack
    centre_A = stack.yx_px[row] * 2.0 + stack.shifts_yx_A[row]
    assert viewer.scene.camera.center[-2:] == pytest.approx(tuple(centre_A), abs=0.05)


# Files --------------------------------------------------------------------------------------------


def test_what_is_kept_is_saved_and_the_count_is_right(
    make_viewer: Any, extracted: Any, tmp_path: Path, wait: Any
) -> None:
    _, path, viewer = extracted
    panel = make_viewer(viewer=viewer)
    panel.open(path)
    wait(lambda: panel.particles is not None and all_there(panel))
    for place in (0, 4, 9):
        click(panel, place)
    panel.save(tmp_path / "kept.star")
    wait((tmp_path / "kept.star").exists)
    whole, kept = read_particles(path), read_particles(tmp_path / "kept.star")
    left = np.delete(np.arange(len(whole)), [0, 4, 9])
    assert len(kept) == panel.particles.kept == len(left)
    np.testing.assert_array_equal(kept.images.read(np.arange(5)), whole.images.read(left[:5]))
    wait(lambda: f"Wrote {len(left)} particles" in panel.banners.messages()[0].text)


def test_a_file_without_particles_is_refused_and_the_panel_stays(
    make_viewer: Any, tmp_path: Path, wait: Any
) -> None:
    panel = make_viewer(numbered(20))
    (tmp_path / "no.star").write_text("nothing\n")
    panel.open(tmp_path / "no.star")
    wait(lambda: panel.banners.messages())
    assert "20 particles" in panel.head.title.text()


def test_a_broken_stack_says_so(make_viewer: Any, extracted: Any, wait: Any) -> None:
    _, path, _ = extracted
    stack = read_particles(path)
    path.with_suffix(".mrcs").unlink()
    panel = make_viewer()
    panel.show_stack(stack)
    wait(lambda: panel.banners.messages())
    assert "particles.mrcs" in panel.banners.messages()[0].text
    assert panel.head.title.text() == "No particles yet"


# Without a window ---------------------------------------------------------------------------------


def test_a_set_without_a_session_keeps_its_own_judgement() -> None:
    particles = ParticleSet(numbered(4), None, Session())
    heard = []
    particles.judged.connect(lambda: heard.append(particles.kept))
    particles.judge(np.array([1, 2]), reject=True)
    particles.judge(np.array([1]), reject=False)
    particles.undo()
    assert heard == [2, 3, 2]
    assert particles.order("file", show="rejected").tolist() == [1, 2]
    assert particles.order("file", show="kept").tolist() == [0, 3]
    assert isinstance(particles.session.document.picks, PickTable)


def test_it_fits_into_the_column_of_panels(make_viewer: Callable[..., ParticlePanel]) -> None:
    panel = make_viewer(numbered(5000))
    panel.head.title.setText("run_it025_data_of_the_second_refinement.star: 123,456 particles")
    assert panel.minimumSizeHint().width() <= 360
