"""Lists of coordinate files, as RELION 4 and 5 write them."""

from __future__ import annotations

import os

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import PickTable, concatenate
from napari_cryoai.io.picks import read_picks, write_picks
from napari_cryoai.io.star import read_star

LIST = """
# version 30001

data_coordinate_files

loop_ 
_rlnMicrographName #1 
_rlnMicrographCoordinates #2 
MotionCorr/job002/Micrographs/a.mrc AutoPick/job004/Micrographs/a_autopick.star 
MotionCorr/job002/Micrographs/b.mrc AutoPick/job004/Micrographs/b_autopick.star 
"""  # noqa: W291 - as RELION writes it
COORDINATES = "data_\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n_rlnAnglePsi #3\n"


@pytest.fixture
def project(tmp_path):
    """A RELION project with one job of picks."""
    job = tmp_path / "project" / "AutoPick" / "job004"
    (job / "Micrographs").mkdir(parents=True)
    (job / "autopick.star").write_text(LIST)
    (job / "Micrographs" / "a_autopick.star").write_text(COORDINATES + "1.0 2.0 33.0\n")
    (job / "Micrographs" / "b_autopick.star").write_text(COORDINATES + "3 4 5\n5 6 7\n")
    return tmp_path / "project"


def test_a_list_is_read_from_the_project_two_folders_up(project, micrograph):
    mics = [micrograph("a.mrc"), micrograph("b.mrc")]
    picks = read_picks(project / "AutoPick/job004/autopick.star", micrographs=mics)
    assert picks.counts() == {"a.mrc": 1, "b.mrc": 2}
    np.testing.assert_array_equal(picks.yx_px, [[2, 1], [4, 3], [6, 5]])
    assert picks.extra["rlnAnglePsi"].tolist() == ["33.0", "5", "7"]


def test_a_list_written_into_a_project_is_read_back(project):
    (project / "default_pipeline.star").write_text("data_\n")
    picks = read_picks(project / "AutoPick/job004/autopick.star")
    out = project / "ManualPick" / "job005" / "manualpick.star"
    paths = write_picks(picks, out, format="relion-coordinates")
    assert paths[0] == out
    assert len(paths) == 3
    table = read_star(out)["coordinate_files"]
    assert table["rlnMicrographName"][0] == "MotionCorr/job002/Micrographs/a.mrc"
    assert all(name.startswith("ManualPick/job005/") for name in table["rlnMicrographCoordinates"])
    back = read_picks(out)
    assert back.names == picks.names
    np.testing.assert_array_equal(back.yx_px, picks.yx_px)
    assert read_star(paths[2])[""]["rlnAnglePsi"] == ("5", "7")


def test_a_list_without_a_project_names_files_beside_it(tmp_path):
    picks = concatenate(
        PickTable.of_points(name, [[1, 2]], score=0.5) for name in ("x/a.mrc", "y/a.mrc")
    )
    write_picks(picks, tmp_path / "coords.star", format="relion-coordinates")
    names = read_star(tmp_path / "coords.star")["coordinate_files"]["rlnMicrographCoordinates"]
    assert names == ("x_a_pick.star", "y_a_pick.star")
    assert read_picks(tmp_path / "coords.star").counts() == {"x/a.mrc": 1, "y/a.mrc": 1}


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../../../secret.star", "a/../../secret.star", "C:\\secret.star"]
)
def test_paths_out_of_the_project_are_refused(project, name):
    path = project / "AutoPick/job004/autopick.star"
    path.write_text(LIST.replace("AutoPick/job004/Micrographs/a_autopick.star", name))
    with pytest.raises(CryoAIError, match="outside its project"):
        read_picks(path)


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights on Windows")
def test_links_out_of_the_project_are_refused(project, tmp_path):
    deep = tmp_path / "p1" / "p2" / "p3" / "p4"
    deep.mkdir(parents=True)
    (tmp_path / "secret.star").write_text(COORDINATES)
    (deep / "a_pick.star").symlink_to(tmp_path / "secret.star")
    text = LIST.split("MotionCorr")[0] + "a.mrc a_pick.star\n"
    (deep / "list.star").write_text(text)
    with pytest.raises(CryoAIError, match="not in the project"):
        read_picks(deep / "list.star")


def test_files_far_above_the_list_are_not_looked_for(project, tmp_path):
    deep = tmp_path / "p1" / "p2" / "p3" / "p4" / "p5"
    deep.mkdir(parents=True)
    (tmp_path / "a_pick.star").write_text(COORDINATES)
    (deep / "list.star").write_text(LIST.split("MotionCorr")[0] + "a.mrc a_pick.star\n")
    with pytest.raises(CryoAIError, match="not in the project"):
        read_picks(deep / "list.star")
