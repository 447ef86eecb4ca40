"""The files of a picking job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, Source
from napari_cryoai.io.picks import read_picks
from napari_cryoai.picking.output import kept_picks, remarks, star_name, write_result
from napari_cryoai.picking.pick import PickResult


def micrograph(path: str | Path, name: str | None = None) -> Micrograph:
    path = Path(path)
    return Micrograph(name or path.name, path, (400, 500), 1.5, lambda: np.zeros((400, 500)))


@pytest.fixture
def result() -> PickResult:
    picks = PickTable.of_points(
        "a.mrc",
        [[10, 20], [30.25, 40.5], [50, 60], [70, 80]],
        score=[0.9, 0.5, 0.3, 0.8],
        diameter_px=80,
        source=Source.AUTO,
        in_junk=[False, False, False, True],
    )
    return PickResult(picks, 0.4, 120.0, [])


def test_what_is_kept_reaches_the_threshold_and_is_off_the_junk(result):
    kept = kept_picks(result, [micrograph("a.mrc")])
    assert kept.score.tolist() == pytest.approx([0.9, 0.5])


def test_both_files_read_back_as_they_were(result, tmp_path):
    ours = [micrograph("/data/a.mrc")]
    everything, kept = write_result(result, ours, tmp_path)
    assert (everything.name, kept.name) == ("all_peaks.star", "picks.star")
    again = read_picks(everything, micrographs=ours)
    for column in ("yx_px", "score", "diameter_px", "source", "in_junk"):
        expected = getattr(result.picks, column)
        np.testing.assert_allclose(getattr(again, column), expected, atol=1e-5)
    assert read_picks(kept, micrographs=ours).yx_px.tolist() == [[10, 20], [30.25, 40.5]]


def test_no_kept_pick_still_makes_a_file(result, tmp_path):
    _, kept = write_result(replace(result, threshold=1.0), [micrograph("a.mrc")], tmp_path)
    assert len(read_picks(kept)) == 0


def test_names_are_paths_from_the_project_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = tmp_path / "Micrographs" / "a.mrc"
    assert star_name(micrograph(here)) == "Micrographs/a.mrc"
    assert star_name(micrograph("Micrographs/a.mrc")) == "Micrographs/a.mrc"
    assert star_name(micrograph("/elsewhere/a.mrc")) == "a.mrc"
    assert star_name(micrograph("../a.mrc")) == "a.mrc"
    stack = micrograph(tmp_path / "s" / "stack.mrcs", "000003@stack.mrcs")
    assert star_name(stack) == "000003@s/stack.mrcs"


def test_what_a_user_should_look_at_is_said():
    result = PickResult(PickTable.of_points("m", [[1, 1]], score=0.7), 0.5, 120.0, [])
    assert remarks(result) == []
    (nothing,) = remarks(replace(result, threshold=0.8))
    assert "No particles" in nothing
    names = tuple(f"m{i}.mrc" for i in range(7))
    (strange,) = remarks(replace(result, unfamiliar=names))
    assert "7 micrographs" in strange
    assert "m4.mrc, ..." in strange
    assert "m5.mrc" not in strange
    (larger,), (smaller,) = (remarks(replace(result, size=size)) for size in (1.2, 0.8))
    assert "look larger than 120 A" in larger
    assert "too large" in smaller
