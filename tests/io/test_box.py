"""EMAN1 box files and EMAN2's helix coordinates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import PickTable, concatenate
from napari_cryoai.io.picks import read_picks, write_picks


def test_a_box_is_a_corner_and_a_size(tmp_path):
    (tmp_path / "a.box").write_text("10\t20\t64\t32\n")
    np.testing.assert_array_equal(read_picks(tmp_path / "a.box").yx_px, [[36, 42]])


@pytest.mark.parametrize("box", [64, 65])
def test_odd_boxes_do_not_drift_in_a_hundred_round_trips(tmp_path, box):
    path = tmp_path / "a.box"
    write_picks(PickTable.of_points("a", [[100.25, 200.5]]), path, box_size_px=box)
    for _ in range(100):
        write_picks(read_picks(path), path)
    np.testing.assert_array_equal(read_picks(path).yx_px, [[100.25, 200.5]])


def test_a_round_trip_keeps_the_text_and_further_columns(tmp_path):
    text = "10.0\t20\t65\t65\t0.50\t7\n-3\t1e2\t65\t65\t0.250\tx\n"
    (tmp_path / "a.box").write_text(text)
    write_picks(read_picks(tmp_path / "a.box"), tmp_path / "b.box")
    assert (tmp_path / "b.box").read_text() == text


def test_the_fifth_column_is_the_score_but_emans_flags_are_not(tmp_path):
    (tmp_path / "a.box").write_text("1 2 64 64 0.5\n3 4 64 64 -3\n")
    score = read_picks(tmp_path / "a.box").score
    assert score[0] == 0.5
    assert np.isnan(score[1])
    write_picks(read_picks(tmp_path / "a.box"), tmp_path / "b.box")
    assert (tmp_path / "b.box").read_text() == "1\t2\t64\t64\t0.5\n3\t4\t64\t64\t-3\n"


def test_a_new_pick_gets_the_box_of_the_others(tmp_path):
    (tmp_path / "a.box").write_text("10 20 64 64\n30 40 64 64\n")
    picks = read_picks(tmp_path / "a.box")
    added = PickTable.of_points("a", [[100, 100]], diameter_px=30)
    write_picks(concatenate([picks, added]), tmp_path / "b.box")
    assert (tmp_path / "b.box").read_text().split("\n")[2] == "68\t68\t64\t64"


def test_a_box_size_that_is_asked_for_keeps_the_centres(tmp_path):
    (tmp_path / "a.box").write_text("10 20 64 64\n")
    picks = read_picks(tmp_path / "a.box")
    write_picks(picks, tmp_path / "b.box", box_size_px=101)
    assert (tmp_path / "b.box").read_text() == "-8.5\t1.5\t101\t101\n"
    np.testing.assert_array_equal(read_picks(tmp_path / "b.box").yx_px, picks.yx_px)


def test_without_any_size_the_writer_asks(tmp_path):
    with pytest.raises(CryoAIError, match="--box-size-px"):
        write_picks(PickTable.of_points("a", [[1, 2]]), tmp_path / "a.box")
    assert not (tmp_path / "a.box").exists()


def test_helices_are_centres_and_name_their_micrograph(tmp_path, micrograph):
    (tmp_path / "h.box").write_text(
        "#micrograph: mics/b.mrc\n#segment length: 100\n#segment width: 90\n"
        "#helix: (10.0,20.0),(30.0,40.0),90.0\n10.0\t20.0\n20.0\t30.0\n"
        "#helix: (1,2),(3,4),90\n1\t2\n"
    )
    picks = read_picks(tmp_path / "h.box", micrographs=[micrograph("a.mrc"), micrograph("b.mrc")])
    np.testing.assert_array_equal(picks.yx_px, [[20, 10], [30, 20], [2, 1]])
    assert picks.counts() == {"b.mrc": 3}
    assert picks.extra["box:helix"].tolist() == ["1", "1", "2"]
    assert (picks.diameter_px == 90).all()


def test_tables_that_call_themselves_box_are_refused_with_the_reason(tmp_path):
    (tmp_path / "a.box").write_text("x_coord\ty_coord\tscore\n1\t2\t3\n")
    with pytest.raises(CryoAIError, match=r"no EMAN box file but a table.*\.tsv"):
        read_picks(tmp_path / "a.box")


def test_moving_one_pick_changes_one_line(tmp_path):
    (tmp_path / "a.box").write_text("10.00\t20\t64\t64\n30.00\t40\t64\t64\n")
    picks = read_picks(tmp_path / "a.box")
    yx = picks.yx_px.copy()
    yx[1] += 1
    write_picks(replace(picks, yx_px=yx), tmp_path / "b.box")
    assert (tmp_path / "b.box").read_text() == "10.00\t20\t64\t64\n31\t41\t64\t64\n"
