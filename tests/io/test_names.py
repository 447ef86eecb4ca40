"""Matching the names in foreign files to the micrographs at hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.names import (
    match_names,
    name_of_file,
    resolve_names,
    safe_stems,
    unmatched_names,
)

UID = "008578565574161745010_"


@pytest.mark.parametrize(
    ("foreign", "name"),
    [
        ("a.mrc", "a.mrc"),
        ("MotionCorr/job002/Micrographs/a.mrc", "a.mrc"),
        ("C:\\data\\a.mrc", "a.mrc"),
        ("a", "a.mrc"),
        ("a.tif", "a.mrc"),
        (f"J14/motioncorrected/{UID}a_patch_aligned_doseweighted.mrc", "a.mrc"),
        ("info/a_info.json", "a.mrc"),
        ("a", f"{UID}a.mrc.gz"),
        ("May08_03.15.02", "May08_03.15.02.bin_avg.png"),
        ("mic_001_DW_autopick.star", "mic_001.mrc"),
        ("3@stack.mrcs", "000003@stack.mrcs"),
        ("x/a.mrc", "y/x/a.mrc"),
    ],
)
def test_one_micrograph_under_its_many_names(micrograph, foreign, name):
    others = [micrograph("other.mrc"), micrograph("000004@stack.mrcs"), micrograph("mic_0011.mrc")]
    assert match_names([foreign], [*others, micrograph(name)]).matched == {foreign: name}


@pytest.mark.parametrize("foreign", ["mic_1", "mic_001", "b", "", "5@stack.mrcs", "mic"])
def test_names_of_other_micrographs_are_reported_and_never_guessed(micrograph, foreign):
    matches = match_names([foreign], [micrograph("mic_10.mrc"), micrograph("000003@stack.mrcs")])
    assert matches.unmatched == (foreign,)


def test_folders_decide_between_files_of_one_name(micrograph):
    mics = [micrograph("grid1/a.mrc"), micrograph("grid2/a.mrc")]
    matches = match_names(["raw/grid2/a.mrc", "grid1/a.mrc"], mics)
    assert matches.matched == {"raw/grid2/a.mrc": "grid2/a.mrc", "grid1/a.mrc": "grid1/a.mrc"}


def test_a_name_that_fits_two_micrographs_is_refused(micrograph):
    mics = [micrograph("grid1/a.mrc"), micrograph("grid2/a.mrc")]
    assert match_names(["a"], mics).ambiguous == ("a",)
    with pytest.raises(CryoAIError, match="fits several"):
        resolve_names(["a"], mics, Path("p.star"))


def test_two_files_that_mean_one_micrograph_are_refused(micrograph):
    matches = match_names(["x/a.mrc", "y/a.mrc"], [micrograph("a.mrc")])
    assert set(matches.ambiguous) == {"x/a.mrc", "y/a.mrc"}


def test_two_ways_to_write_one_path_are_one_name(micrograph):
    assert not match_names(["./x/a.mrc", "x/a.mrc"], [micrograph("a.mrc")]).ambiguous


def test_picks_of_other_micrographs_altogether_are_refused(micrograph):
    with pytest.raises(CryoAIError, match="other micrographs"):
        resolve_names(["z.mrc"], [micrograph("a.mrc"), micrograph("b.mrc")], Path("p.star"))


def test_picks_of_some_other_micrographs_keep_their_name_and_are_listed(micrograph):
    mics = [micrograph("a.mrc"), micrograph("b.mrc")]
    names = resolve_names(["a", "z"], mics, Path("p.star"))
    assert names == {"a": "a.mrc", "z": "z"}
    assert unmatched_names(PickTable.of_points("z", [[1, 2]]), mics) == ["z"]


def test_a_file_without_names_belongs_to_the_only_micrograph(micrograph):
    assert name_of_file(Path("whatever.box"), [micrograph("a.mrc")]) == "a.mrc"
    assert name_of_file(Path("x/a_autopick.star"), []) == "a"


@given(st.lists(st.text(max_size=20), max_size=5, unique=True))
def test_output_names_are_unique_and_stay_in_their_folder(names):
    stems = safe_stems(names)
    assert len(set(stems)) == len(names)
    for stem in stems:
        assert stem == Path(stem).name
        assert not stem.startswith(".")
        assert not set(stem) & set("/\\:\0 ")
