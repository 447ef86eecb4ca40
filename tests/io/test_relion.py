# ruff: noqa: E501, W291, W293 - files in the layout that RELION writes
"""RELION's STAR files of versions 3.0, 3.1, 4 and 5, in the layout that each writes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import starfile

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import PickTable, Source, State, concatenate
from napari_cryoai.io.picks import read_picks, write_picks
from napari_cryoai.io.star import read_star

V30 = """
# RELION; version 3.0.8

data_

loop_ 
_rlnCoordinateX #1 
_rlnCoordinateY #2 
_rlnAutopickFigureOfMerit #3 
_rlnMicrographName #4 
_rlnVoltage #5 
_rlnMagnification #6 
_rlnDetectorPixelSize #7 
  100.500000   200.250000     0.871234 MotionCorr/job002/a.mrc   300.000000 47169.811321     5.000000 
  300.000000   400.000000     0.500000 MotionCorr/job002/b.mrc   300.000000 47169.811321     5.000000 
"""

V31 = """
# version 30001

data_optics

loop_ 
_rlnOpticsGroupName #1 
_rlnOpticsGroup #2 
_rlnMicrographPixelSize #3 
_rlnMicrographOriginalPixelSize #4 
_rlnVoltage #5 
_rlnOddZernike #6 
opticsGroup1            1     1.060000     0.530000   300.000000 [0.1,-2.5,0] 
opticsGroup2            2     1.060000     0.530000   200.000000 [0.0,0.0,0] 
 

# version 30001

data_particles

loop_ 
_rlnCoordinateX #1 
_rlnCoordinateY #2 
_rlnAutopickFigureOfMerit #3 
_rlnClassNumber #4 
_rlnAnglePsi #5 
_rlnMicrographName #6 
_rlnOpticsGroup #7 
_rlnImageName #8 
 1234.000000  2345.125000     0.900000            1   -999.00000 MotionCorr/job002/a.mrc            2 000001@Extract/job003/a.mrcs 
  -12.500000    17.000000     0.100000            3     45.00000 MotionCorr/job002/a.mrc            2 000002@Extract/job003/a.mrcs 
  512.000000   256.000000     0.700000            1     90.00000 MotionCorr/job002/b.mrc            1 000001@Extract/job003/b.mrcs 
"""

V4_COORDINATES = """
# version 30001

data_

loop_ 
_rlnCoordinateX #1 
_rlnCoordinateY #2 
_rlnClassNumber #3 
_rlnAnglePsi #4 
_rlnAutopickFigureOfMerit #5 
  100.000000   200.000000            0   -999.00000   -999.00000 
  300.500000   400.000000            1     12.00000     1.500000 
"""

V5 = (
    V31.replace("version 30001", "version 50001")
    .replace("_rlnImageName #8 \n", "_rlnImageName #8 \n_rlnGroupName #9 \n")
    .replace(".mrcs \n", '.mrcs "group 1" \n')
)

WHOLE_SET = {"3.0": V30, "3.1": V31, "5": V5}


def save(tmp_path, text: str, name: str = "in.star"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def particles(path):
    blocks = read_star(path)
    return next(table for table in blocks.values() if "rlnCoordinateX" in table)


@pytest.mark.parametrize("version", WHOLE_SET)
def test_a_round_trip_keeps_every_column_letter_by_letter(tmp_path, version):
    path = save(tmp_path, WHOLE_SET[version])
    write_picks(read_picks(path), tmp_path / "out.star")
    before, after = particles(path), particles(tmp_path / "out.star")
    assert {label: after[label] for label in before} == before
    if version != "3.0":
        assert read_star(tmp_path / "out.star")["optics"] == read_star(path)["optics"]


@pytest.mark.parametrize("version", WHOLE_SET)
def test_positions_scores_and_names_are_read(tmp_path, version):
    picks = read_picks(save(tmp_path, WHOLE_SET[version]))
    table = particles(tmp_path / "in.star")
    np.testing.assert_array_equal(picks.yx_px[:, 1], np.array(table["rlnCoordinateX"], float))
    np.testing.assert_array_equal(picks.yx_px[:, 0], np.array(table["rlnCoordinateY"], float))
    assert picks.micrograph_names().tolist() == list(table["rlnMicrographName"])
    assert (picks.source == Source.IMPORTED).all()
    np.testing.assert_allclose(picks.score, np.array(table["rlnAutopickFigureOfMerit"], float))


def test_only_picks_that_were_moved_get_new_text(tmp_path):
    picks = read_picks(save(tmp_path, V31))
    yx = picks.yx_px.copy()
    yx[1] = 20.1234567, -11.5
    write_picks(replace(picks, yx_px=yx), tmp_path / "out.star")
    table = particles(tmp_path / "out.star")
    assert table["rlnCoordinateX"] == ("1234.000000", "-11.500000", "512.000000")
    assert table["rlnCoordinateY"] == ("2345.125000", "20.123457", "256.000000")


def test_picks_added_later_get_what_their_micrograph_has_in_common(tmp_path):
    picks = read_picks(save(tmp_path, V31))
    added = PickTable.of_points("MotionCorr/job002/a.mrc", [[5, 6]], source=Source.MANUAL)
    write_picks(concatenate([picks, added]), tmp_path / "out.star")
    row = {label: tokens[-1] for label, tokens in particles(tmp_path / "out.star").items()}
    assert row["rlnMicrographName"] == "MotionCorr/job002/a.mrc"
    assert row["rlnOpticsGroup"] == "2"
    assert row["rlnClassNumber"] == row["rlnAnglePsi"] == "0"
    assert row["rlnImageName"] == "None"


def test_picks_added_to_an_old_file_keep_voltage_and_magnification(tmp_path):
    row = "  1.0 2.0 0.5 MotionCorr/job002/a.mrc   300.000000 47169.811321     5.000000 \n"
    picks = read_picks(save(tmp_path, V30 + row))
    added = PickTable.of_points("MotionCorr/job002/a.mrc", [[5, 6]])
    write_picks(concatenate([picks, added]), tmp_path / "out.star")
    table = particles(tmp_path / "out.star")
    assert table["rlnMagnification"][-1] == "47169.811321"
    assert table["rlnVoltage"][-1] == "300.000000"


def test_a_click_without_a_score_passes_every_threshold_of_relion(tmp_path):
    picks = PickTable.of_points("a.mrc", [[1, 2], [3, 4]], score=[0.5, np.nan])
    write_picks(picks, tmp_path / "a.star")
    fom = np.array(particles(tmp_path / "a.star")["rlnAutopickFigureOfMerit"], float)
    assert fom[1] > 100
    back = read_picks(tmp_path / "a.star")
    np.testing.assert_array_equal(back.score, picks.score)


@pytest.mark.parametrize(("tokens", "scored"), [(("0.0", "0"), False), (("0", "0.2"), True)])
def test_zero_is_no_score_only_if_nobody_has_another(tmp_path, tokens, scored):
    rows = "".join(f"{i}.0 2.0 {token} a.mrc\n" for i, token in enumerate(tokens))
    labels = "_rlnCoordinateX\n_rlnCoordinateY\n_rlnAutopickFigureOfMerit\n_rlnMicrographName\n"
    picks = read_picks(save(tmp_path, f"data_\nloop_\n{labels}{rows}"))
    assert np.isfinite(picks.score).all() == scored


def test_a_coordinate_file_belongs_to_the_micrograph_of_its_name(tmp_path, micrograph):
    path = save(tmp_path, V4_COORDINATES, "mic_0002_autopick.star")
    mics = [micrograph(f"Micrographs/mic_000{i}.mrc") for i in (1, 2, 3)]
    picks = read_picks(path, micrographs=mics)
    assert picks.counts() == {"Micrographs/mic_0002.mrc": 2}
    assert np.isnan(picks.score[0])
    assert picks.score[1] == 1.5


def test_refined_particles_lie_where_the_refinement_shifted_them(data, micrograph):
    path = data / "particles" / "cdrgn_relion31.star"
    picks = read_picks(path)
    table = read_star(path)["particles"]
    x, shift_A = (np.array(table[k], float) for k in ("rlnCoordinateX", "rlnOriginXAngst"))
    assert shift_A.any()
    np.testing.assert_allclose(picks.yx_px[:, 1], x - shift_A / 1.403, atol=1e-9)


def test_old_refinements_shift_by_pixels_of_the_particle_image(data, micrograph):
    path = data / "particles" / "cdrgn_FinalRefinement-OriginalParticles-PfCRT.star"
    table = read_star(path)["images"]
    mics = [micrograph(name, pixel_size_A=0.5175) for name in set(table["rlnMicrographName"])]
    picks = read_picks(path, micrographs=mics)
    x, shift_px = (np.array(table[k], float) for k in ("rlnCoordinateX", "rlnOriginX"))
    np.testing.assert_allclose(picks.yx_px[:, 1], x - shift_px * 1.035 / 0.5175, atol=1e-9)


def test_shifts_are_not_guessed_without_a_pixel_size(data):
    path = data / "particles" / "cdrgn_FinalRefinement-OriginalParticles-PfCRT.star"
    with pytest.raises(CryoAIError, match="pixel size"):
        read_picks(path)


def test_a_shifted_pick_that_was_moved_is_not_shifted_twice(data, tmp_path):
    path = data / "particles" / "cdrgn_relion31.star"
    picks = read_picks(path)
    yx = picks.yx_px.copy()
    yx[0] += 3
    moved = replace(picks, yx_px=yx)
    write_picks(moved, tmp_path / "out.star")
    back = read_picks(tmp_path / "out.star")
    np.testing.assert_allclose(back.yx_px, yx, atol=1e-6)
    before, after = particles(path), particles(tmp_path / "out.star")
    assert [t[1:] for t in before.values()] == [after[label][1:] for label in before]


def test_new_picks_are_in_optics_groups_by_pixel_size(tmp_path, micrograph):
    mics = [micrograph("a.mrc", pixel_size_A=1.5), micrograph("b.mrc", pixel_size_A=1.06)]
    picks = concatenate([PickTable.of_points(m.name, [[1, 2]]) for m in mics])
    write_picks(picks, tmp_path / "a.star", micrographs=mics)
    tables = starfile.read(tmp_path / "a.star", always_dict=True)
    assert list(tables) == ["optics", "particles"]
    assert tables["optics"]["rlnMicrographPixelSize"].tolist() == [1.5, 1.06]
    assert tables["optics"]["rlnOpticsGroupName"].tolist() == ["opticsGroup1", "opticsGroup2"]
    assert tables["particles"]["rlnOpticsGroup"].tolist() == [1, 2]
    assert tables["particles"].columns.tolist() == [
        "rlnMicrographName",
        "rlnCoordinateX",
        "rlnCoordinateY",
        "rlnAutopickFigureOfMerit",
        "rlnOpticsGroup",
    ]


def test_a_full_export_restores_all_that_we_know_of_a_pick(tmp_path):
    picks = PickTable.of_points(
        "a.mrc",
        [[1.5, 2.25], [3, 4], [5, 6]],
        score=[0.5, np.nan, -2],
        diameter_px=[80, np.nan, 90.5],
        source=[Source.AUTO, Source.MANUAL, Source.IMPORTED],
        state=[State.KEPT, State.REJECTED, State.KEPT],
        in_junk=[True, False, False],
    )
    write_picks(picks, tmp_path / "all_peaks.star", full=True)
    back = read_picks(tmp_path / "all_peaks.star")
    assert replace(back, extra={}, sidecar={}) == picks


def test_names_with_blanks_survive(tmp_path):
    picks = PickTable.of_points("my mics/a b.mrc", [[1, 2]])
    write_picks(picks, tmp_path / "a.star")
    assert read_picks(tmp_path / "a.star").names == ("my mics/a b.mrc",)
    frame = starfile.read(tmp_path / "a.star", always_dict=True)["particles"]
    assert frame["rlnMicrographName"].tolist() == ["my mics/a b.mrc"]


def test_a_table_without_picks_is_written_and_read(tmp_path):
    write_picks(PickTable.empty(["a.mrc"]), tmp_path / "a.star")
    assert len(read_picks(tmp_path / "a.star")) == 0


def test_columns_of_other_formats_do_not_get_into_a_star_file(tmp_path):
    (tmp_path / "a.box").write_text("10\t20\t64\t64\t0.5\n")
    write_picks(read_picks(tmp_path / "a.box"), tmp_path / "a.star")
    assert len(particles(tmp_path / "a.star")) == 5
