"""CSV tables, CryoPPP's, and Topaz's coordinates."""

from __future__ import annotations

import numpy as np

from napari_cryoai.core.picks import PickTable, concatenate
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.picks import read_picks, write_picks


def test_columns_are_known_by_their_titles_in_any_order(tmp_path):
    (tmp_path / "a.csv").write_text("note;Y_px;diameter_px;x_px\nhello;2;80;1\n;4;;3\n")
    picks = read_picks(tmp_path / "a.csv")
    np.testing.assert_array_equal(picks.yx_px, [[2, 1], [4, 3]])
    np.testing.assert_array_equal(picks.diameter_px, [80, np.nan])
    assert picks.extra["csv:note"].tolist() == ["hello", ""]


def test_cryoppp_tables_read(tmp_path):
    (tmp_path / "a.csv").write_text(
        "X-Coordinate,Y-Coordinate,Class Label,Diameter\n10,20,particle,108\n"
    )
    picks = read_picks(tmp_path / "a.csv")
    np.testing.assert_array_equal(picks.yx_px, [[20, 10]])
    assert picks.diameter_px[0] == 108


def test_a_round_trip_keeps_text_and_further_columns(tmp_path):
    text = 'micrograph,x_px,y_px,score,note\na.mrc,1.50,2,0.5,"a, b"\nb.mrc,3,4,0.25,c\n'
    (tmp_path / "a.csv").write_text(text)
    write_picks(read_picks(tmp_path / "a.csv"), tmp_path / "b.csv")
    assert (tmp_path / "b.csv").read_text() == text


def test_topaz_names_have_no_ending(tmp_path, micrograph):
    text = "image_name\tx_coord\ty_coord\tscore\nmic_1\t10\t20\t1.5\nmic_2\t30\t40\t-2.25\n"
    (tmp_path / "p.txt").write_text(text)
    mics = [micrograph("mic_1.mrc"), micrograph("mic_2.mrc"), micrograph("mic_21.mrc")]
    picks = read_picks(tmp_path / "p.txt", micrographs=mics)
    assert picks.counts() == {"mic_1.mrc": 1, "mic_2.mrc": 1}
    write_picks(picks, tmp_path / "q.txt")
    assert (tmp_path / "q.txt").read_text() == text


def test_picks_from_elsewhere_are_named_as_topaz_names_them(tmp_path):
    picks = concatenate(PickTable.of_points(n, [[1.5, 2]], score=3) for n in ("x/a.mrc", "b.tif"))
    write_picks(picks, tmp_path / "p.txt")
    assert (tmp_path / "p.txt").read_text() == (
        "image_name\tx_coord\ty_coord\tscore\na\t2\t1.5\t3.0\nb\t2\t1.5\t3.0\n"
    )


def test_a_text_file_of_boxes_is_known_by_its_content(tmp_path):
    (tmp_path / "a.txt").write_text("10 20 64 64\n")
    np.testing.assert_array_equal(read_picks(tmp_path / "a.txt").yx_px, [[52, 42]])


def test_the_real_annotations_find_their_micrographs(data):
    micrographs, _ = open_micrographs([data / "micrographs"])
    picks = read_picks(data / "coords", micrographs=micrographs, format="csv")
    assert set(picks.names) == {m.name for m in micrographs}
    shapes = {m.name: m.shape for m in micrographs}
    limits = np.array([shapes[name] for name in picks.micrograph_names()])
    assert ((picks.yx_px >= 0) & (picks.yx_px < limits)).all()
