"""The session, without Qt and without napari."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core import edits
from napari_cryoai.core.document import Stroke
from napari_cryoai.core.filters import shown
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, Source, State, concatenate
from napari_cryoai.ui.micrographs.session import Session


def micrograph(name: str) -> Micrograph:
    return Micrograph(name, Path(name), (1000, 1000), 2.0, lambda: np.zeros((1000, 1000)))


@pytest.fixture
def session() -> Session:
    made = Session()
    made.open([micrograph("a"), micrograph("b"), micrograph("c")])
    made.go_to("a")
    made.set_diameter(100.0)
    rng = np.random.default_rng(0)
    picks = concatenate(
        PickTable.of_points(
            name, rng.uniform(0, 1000, (50, 2)), score=rng.random(50), source=Source.AUTO
        )
        for name in "abc"
    )
    made.do(edits.AddPicks(picks.renumbered(made.history.new_ids(len(picks)))), "Pick")
    return made


def consistent(session: Session) -> bool:
    """Whether what is shown incrementally is what the filters say from scratch."""
    return np.array_equal(session.shown(), shown(session.live, session.micrographs))


def test_it_needs_neither_qt_nor_napari() -> None:
    code = "import sys, napari_cryoai.ui.micrographs.session;"
    code += "print(sorted({m.split('.')[0] for m in sys.modules} & {'qtpy', 'napari', 'PyQt6'}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_threshold_hides_and_never_deletes(session: Session) -> None:
    before = session.document.picks
    session.preview_filters(threshold=0.5)
    assert session.shown().sum() == (before.score >= 0.5).sum()
    session.commit_filters()
    assert session.document.picks == before
    session.preview_filters(threshold=0.0)
    assert session.shown().all()


def test_a_drag_of_a_slider_is_one_step(session: Session) -> None:
    for threshold in np.linspace(0, 0.6, 30):
        session.preview_filters(threshold=float(threshold))
    session.commit_filters()
    assert session.history.undo_label == "Change filters"
    session.undo()
    assert session.filters.threshold is None
    assert session.history.undo_label == "Pick"


def test_a_manual_pick_has_no_score_and_is_never_hidden_by_the_threshold(session: Session) -> None:
    session.preview_filters(threshold=0.99)
    session.commit_filters()
    n = session.counts()["a"]
    session.add(np.array([[10.0, 20.0]]))
    new = session.document.picks.select(np.array([-1]))
    assert np.isnan(new.score[0])
    assert new.source[0] == Source.MANUAL
    assert new.diameter_px[0] == 50
    assert session.counts()["a"] == n + 1


def test_rejected_picks_stay_as_rows_and_keep_their_score(session: Session) -> None:
    picks = session.document.picks
    ids = picks.id[picks.rows_of("a")[:5]]
    assert session.set_state(ids, State.REJECTED) == 5
    after = session.document.picks
    assert len(after) == len(picks)
    assert np.array_equal(after.score, picks.score)
    assert session.counts()["a"] == 45
    assert session.set_state(ids, State.KEPT) == 5
    assert session.document.picks == picks


def test_a_moved_pick_is_the_users_own(session: Session) -> None:
    ids = session.document.picks.id[:1]
    session.move(ids, np.array([[1.0, 2.0]]))
    picks = session.document.picks
    assert picks.yx_px[0].tolist() == [1, 2]
    assert picks.source[0] == Source.MANUAL
    session.undo()
    assert session.document.picks.source[0] == Source.AUTO


def test_undo_goes_to_the_micrograph_concerned(session: Session) -> None:
    session.go_to("b")
    session.add(np.array([[5.0, 5.0]]))
    session.go_to("c")
    session.undo()
    assert session.current == "b"
    session.go_to("a")
    session.redo()
    assert session.current == "b"


def test_paint_leaves_out_what_it_covers_until_it_is_erased(session: Session) -> None:
    session.paint(Stroke(((500.0, 0.0), (500.0, 1000.0)), 200.0))
    y = session.document.picks.of("a").yx_px[:, 0]
    assert session.counts()["a"] == np.sum(np.abs(y - 500) > 200)
    assert session.counts()["b"] == 50
    session.paint(Stroke(((500.0, 0.0), (500.0, 1000.0)), 300.0, erase=True))
    assert session.counts()["a"] == 50


def test_nothing_of_a_junk_micrograph_is_exported(session: Session) -> None:
    session.set_flag("junk", True)
    assert session.counts()["a"] == 0
    assert set(session.export_table().micrograph_names()) == {"b", "c"}
    session.set_flag("junk", False)
    assert session.counts()["a"] == 50


def test_picks_of_micrographs_that_are_not_open_are_not_counted(session: Session) -> None:
    foreign = PickTable.of_points("elsewhere", [[1.0, 1.0]], first_id=session.history.new_ids(1))
    n = len(session.export_table())
    session.do(edits.AddPicks(foreign), "Import")
    assert len(session.export_table()) == n == session.shown().sum()


def test_what_is_shown_is_what_the_filters_say_whatever_the_user_does(session: Session) -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        _something(session, rng)
        assert consistent(session)
    while session.undo():
        assert consistent(session)
    assert len(session.document.picks) == 0


def _something(session: Session, rng: np.random.Generator) -> None:
    """One random action of a user."""
    picks = session.document.picks
    some = rng.choice(picks.id, min(4, len(picks)), replace=False) if len(picks) else picks.id
    match rng.integers(9):
        case 0:
            session.add(rng.uniform(0, 1000, (2, 2)))
        case 1:
            session.set_state(np.sort(some), State(int(rng.integers(2))))
        case 2:
            session.move(np.sort(some), rng.uniform(0, 1000, (len(some), 2)))
        case 3:
            session.paint(Stroke((tuple(rng.uniform(0, 1000, 2)),), 80.0, bool(rng.integers(2))))
        case 4:
            session.set_flag("junk", bool(rng.integers(2)))
        case 5:
            session.preview_filters(threshold=float(rng.random()))
            session.commit_filters()
        case 6:
            session.preview_filters(min_distance_A=float(rng.uniform(0, 200)))
            session.commit_filters()
        case 7:
            session.go_to(str(rng.choice(list("abc"))))
        case 8:
            session.redo() if rng.integers(2) else session.undo()


def test_stepping_ends_at_the_ends_and_can_skip_what_is_reviewed(session: Session) -> None:
    assert not session.step(-1)
    session.set_flag("reviewed", True, "b")
    assert session.step(1, only_unreviewed=True)
    assert session.current == "c"
    assert not session.step(1)
