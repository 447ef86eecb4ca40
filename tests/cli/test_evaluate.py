"""`cryoai evaluate picks` says what the centres say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from napari_cryoai.cli import main
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.picks import write_picks

Simulated = tuple[Path, PickTable]


def evaluate(*arguments: object) -> dict[str, object]:
    words = ["evaluate", "picks", *map(str, arguments), "--radius-px", "5", "--json"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    report: dict[str, object] = json.loads(done.stdout)
    return report


def test_the_truth_agrees_with_itself(simulated: Simulated, tmp_path: Path) -> None:
    write_picks(simulated[1], tmp_path / "a.star")
    report = evaluate(tmp_path / "a.star", tmp_path / "a.star")
    assert report["f1"] == report["precision"] == report["recall"] == 1


@pytest.mark.parametrize("kind", ["folder", "files"])
def test_reference_files_of_one_micrograph_each(
    simulated: Simulated, tmp_path: Path, kind: str
) -> None:
    truth = simulated[1]
    write_picks(truth, tmp_path / "a.star")
    (tmp_path / "csv").mkdir()
    for name in truth.names:
        rows = "\n".join(f"{x},{y}" for y, x in truth.of(name).yx_px)
        (tmp_path / "csv" / f"{Path(name).stem}.csv").write_text(f"x_px,y_px\n{rows}\n")
    folder = tmp_path / "csv"
    references = [folder] if kind == "folder" else sorted(folder.iterdir())
    assert evaluate(tmp_path / "a.star", *references)["f1"] == 1


def test_a_micrograph_that_one_side_lacks_is_left_out_and_named(
    simulated: Simulated, tmp_path: Path
) -> None:
    truth = simulated[1]
    write_picks(truth, tmp_path / "a.star")
    write_picks(truth.of("m1.mrc"), tmp_path / "b.star")
    report = evaluate(tmp_path / "a.star", tmp_path / "b.star")
    assert report["f1"] == 1
    assert report["left_out"] == ["m0.mrc", "m2.mrc"]
    report = evaluate(tmp_path / "a.star", tmp_path / "b.star", "--all-micrographs")
    assert report["precision"] == pytest.approx(len(truth.of("m1.mrc")) / len(truth))


def test_picks_of_other_micrographs_are_refused(simulated: Simulated, tmp_path: Path) -> None:
    write_picks(simulated[1], tmp_path / "a.star")
    write_picks(PickTable.of_points("other.mrc", [[1, 2]]), tmp_path / "b.star")
    words = ["evaluate", "picks", str(tmp_path / "a.star"), str(tmp_path / "b.star")]
    done = CliRunner().invoke(main, [*words, "--radius-px", "5"])
    assert done.exit_code == 2
    assert "different micrographs" in done.stderr
