"""crYOLO's box files, new and old."""

from __future__ import annotations

import numpy as np
import starfile

from napari_cryoai.core.picks import PickTable, concatenate
from napari_cryoai.io.picks import read_picks, write_picks
from napari_cryoai.io.star import read_star

NEW = """
data_global

_cbox_format_version 1.0

data_cryolo

loop_
_CoordinateX #1
_CoordinateY #2
_CoordinateZ #3
_Width #4
_Height #5
_Depth #6
_EstWidth #7
_EstHeight #8
_Confidence #9
_NumBoxes #10
_Angle #11
100.0 200.0 <NA> 65.0 65.0 <NA> 60.0 62.0 0.91 1.0 <NA>
300.5 400.0 <NA> 65.0 65.0 <NA> <NA> <NA> 0.2 1.0 <NA>

data_cryolo_include

loop_
_slice_index #1

"""


def test_a_pick_is_the_middle_of_its_box_with_confidence_and_estimated_size(tmp_path):
    (tmp_path / "a.cbox").write_text(NEW)
    picks = read_picks(tmp_path / "a.cbox")
    np.testing.assert_array_equal(picks.yx_px, [[232.5, 132.5], [432.5, 333]])
    np.testing.assert_allclose(picks.score, [0.91, 0.2])
    np.testing.assert_array_equal(picks.diameter_px, [61, np.nan])
    assert picks.names == ("a",)


def test_a_round_trip_keeps_every_token_and_table(tmp_path):
    (tmp_path / "a.cbox").write_text(NEW)
    write_picks(read_picks(tmp_path / "a.cbox"), tmp_path / "b.cbox")
    assert read_star(tmp_path / "b.cbox") == read_star(tmp_path / "a.cbox")


def test_new_picks_have_crYOLOs_columns_with_blanks_marked_as_it_marks_them(tmp_path):
    (tmp_path / "a.cbox").write_text(NEW)
    added = PickTable.of_points("a", [[100, 100]])
    write_picks(concatenate([read_picks(tmp_path / "a.cbox"), added]), tmp_path / "b.cbox")
    frame = starfile.read(tmp_path / "b.cbox", always_dict=True)["cryolo"]
    assert len(frame) == 3
    row = {k: v[-1] for k, v in read_star(tmp_path / "b.cbox")["cryolo"].items()}
    assert row["CoordinateX"] == "67.5"
    assert row["CoordinateZ"] == row["EstWidth"] == row["Angle"] == "<NA>"
    assert np.isnan(read_picks(tmp_path / "b.cbox").score[2])


def test_old_files_are_five_columns_of_numbers(tmp_path):
    (tmp_path / "a.cbox").write_text("100 200 64 64 0.9\n300 400 64 64 0.1\n")
    picks = read_picks(tmp_path / "a.cbox")
    np.testing.assert_array_equal(picks.yx_px, [[232, 132], [432, 332]])
    np.testing.assert_allclose(picks.score, [0.9, 0.1])


def test_a_cbox_named_star_is_known_by_its_table(tmp_path):
    (tmp_path / "a.star").write_text(NEW)
    assert len(read_picks(tmp_path / "a.star")) == 2
