"""`cryoai consensus`: picks of several programs in, those that agree out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result

from napari_cryoai.cli import main
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.picks import read_picks, write_picks


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["consensus", *map(str, words)])


def test_formats_and_spellings_of_names_may_differ(tmp_path: Path) -> None:
    at = np.array([[50.0, 60.0], [200.0, 220.0], [400.0, 40.0]])
    write_picks(PickTable.of_points("mic_1.mrc", at, score=0.5), tmp_path / "a.star")
    write_picks(PickTable.of_points("mic_1", at[:2] + 3, score=0.5), tmp_path / "b.csv")
    done = run(tmp_path / "a.star", tmp_path / "b.csv", "--radius-px", 10, "--output",
               tmp_path / "c.star")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "2 particles" in done.output
    agreed = read_picks(tmp_path / "c.star")
    assert agreed.names == ("mic_1.mrc",)
    assert np.allclose(agreed.yx_px, at[:2] + 1.5, atol=0.01)


def test_no_input_is_overwritten(tmp_path: Path) -> None:
    write_picks(PickTable.of_points("m.mrc", [[1.0, 1.0]]), tmp_path / "a.star")
    before = (tmp_path / "a.star").read_bytes()
    done = run(tmp_path / "a.star", tmp_path / "a.star", "--radius-px", 10, "--output",
               tmp_path / "a.star")  # fmt: skip
    assert done.exit_code == 2
    assert (tmp_path / "a.star").read_bytes() == before


def test_one_set_agrees_with_nobody(tmp_path: Path) -> None:
    write_picks(PickTable.of_points("m.mrc", [[1.0, 1.0]]), tmp_path / "a.star")
    done = run(tmp_path / "a.star", "--radius-px", 10, "--output", tmp_path / "c.star")
    assert done.exit_code == 2
    assert "two or more" in done.stderr
    assert not (tmp_path / "c.star").exists()
