"""`cryoai convert picks` between all programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from napari_cryoai.cli import main
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.picks import FORMATS, read_picks, write_picks

Simulated = tuple[Path, PickTable]


@pytest.mark.parametrize("name", [f.name for f in FORMATS])
def test_there_and_back(simulated: Simulated, tmp_path: Path, name: str) -> None:
    folder, truth = simulated
    start, end = tmp_path / "start.star", tmp_path / "end.star"
    write_picks(truth, start)
    suffix = next(f.suffixes[0] for f in FORMATS if f.name == name)
    there = tmp_path / f"there{suffix}"
    options = ["--micrograph", str(folder)]
    to = ["convert", "picks", str(start), str(there), "--to", name, "--box-size-px", "61", *options]
    done = CliRunner().invoke(main, to)
    assert done.exit_code == 0, done.output
    made = there if there.exists() else there.with_suffix("")
    back = ["convert", "picks", str(made), str(end), "--from", name, *options]
    done = CliRunner().invoke(main, back)
    assert done.exit_code == 0, done.output
    again = read_picks(end)
    assert again.counts() == truth.counts()
    for micrograph in truth.names:
        expected = np.sort(truth.of(micrograph).yx_px, axis=0)
        found = np.sort(again.of(micrograph).yx_px, axis=0)
        np.testing.assert_allclose(found, expected, atol=0.51)


def test_csv_has_the_columns_that_spreadsheets_show(simulated: Simulated, tmp_path: Path) -> None:
    start, csv = tmp_path / "a.star", tmp_path / "a.csv"
    write_picks(simulated[1], start)
    CliRunner().invoke(main, ["convert", "picks", str(start), str(csv)])
    assert "x_px,y_px" in csv.read_text().splitlines()[0]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.star").write_text("data_\nloop_\n_rlnCoordinateX\n1\n2\n")
    done = CliRunner().invoke(
        main, ["convert", "picks", str(tmp_path / "a.star"), str(tmp_path / "b.box")]
    )
    assert done.exit_code == 2
    assert "a.star" in done.stderr
    assert not (tmp_path / "b.box").exists()
