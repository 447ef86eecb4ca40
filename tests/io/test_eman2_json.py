"""EMAN2's info files."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from napari_cryoai.core.picks import PickTable, Source, concatenate
from napari_cryoai.io.picks import read_picks, write_picks

INFO = {
    "apix_unbin": 1.06,
    "boxes": [[100, 200, "manual"], [300.5, 400.25, "auto_local", 0.75], [7, 8, "manual"]],
    "ctf": [{"__class__": "EMAN2Ctf", "defocus": 1.5}, [1, 2]],
    "quality": 5,
}


def test_boxes_are_centres_with_their_source_and_score(tmp_path):
    (tmp_path / "mic_info.json").write_text(json.dumps(INFO))
    picks = read_picks(tmp_path / "mic_info.json")
    np.testing.assert_array_equal(picks.yx_px, [[200, 100], [400.25, 300.5], [8, 7]])
    assert picks.source.tolist() == [Source.MANUAL, Source.AUTO, Source.MANUAL]
    np.testing.assert_array_equal(picks.score, np.float32([np.nan, 0.75, np.nan]))
    assert picks.names == ("mic",)


def test_a_round_trip_keeps_all_that_is_not_boxes(tmp_path):
    (tmp_path / "mic_info.json").write_text(json.dumps(INFO))
    picks = read_picks(tmp_path / "mic_info.json")
    write_picks(picks, tmp_path / "other_info.json")
    assert json.loads((tmp_path / "other_info.json").read_text()) == INFO


def test_picks_from_elsewhere_leave_the_rest_of_the_file_alone(tmp_path):
    (tmp_path / "mic_info.json").write_text(json.dumps(INFO))
    picks = PickTable.of_points("mic", [[1, 2]], source=Source.MANUAL)
    write_picks(picks, tmp_path / "mic_info.json")
    assert json.loads((tmp_path / "mic_info.json").read_text()) == INFO | {
        "boxes": [[2.0, 1.0, "manual"]]
    }


def test_moved_and_added_picks_are_written_to_a_fraction_of_a_pixel(tmp_path):
    (tmp_path / "mic_info.json").write_text(json.dumps(INFO))
    picks = read_picks(tmp_path / "mic_info.json")
    yx = picks.yx_px.copy()
    yx[1] = 10.125, 20.5
    added = PickTable.of_points("mic", [[3, 4]], score=0.5, source=Source.AUTO)
    moved = concatenate([replace(picks, yx_px=yx), added])
    write_picks(moved, tmp_path / "mic_info.json")
    boxes = json.loads((tmp_path / "mic_info.json").read_text())["boxes"]
    assert boxes[0] == [100, 200, "manual"]
    assert boxes[1] == [20.5, 10.125, "auto_local", 0.75]
    assert boxes[3] == [4.0, 3.0, "auto", 0.5]


def test_a_set_becomes_a_folder_of_info_files(tmp_path, micrograph):
    picks = concatenate(PickTable.of_points(n, [[1, 2]]) for n in ("a.mrc", "b.mrc"))
    paths = write_picks(picks, tmp_path / "info", format="eman2")
    assert [p.name for p in paths] == ["a_info.json", "b_info.json"]
    mics = [micrograph("a.mrc"), micrograph("b.mrc")]
    assert read_picks(tmp_path / "info", micrographs=mics).counts() == {"a.mrc": 1, "b.mrc": 1}
