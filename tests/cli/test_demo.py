"""`cryoai demo` from end to end, without a window."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from napari_cryoai.building.scoring.evaluate import evaluate
from napari_cryoai.cli import main
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.picks import read_picks, write_picks
from napari_cryoai.io.structures import read_structure
from napari_cryoai.picking.picture import FALSE, MISSED


def test_demo_simulates_picks_evaluates_and_draws(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["demo", "--output", str(tmp_path), "--no-window"])
    assert done.exit_code == 0, done.output
    f1 = float(done.output.split("F1 ")[1].split()[0])
    assert f1 > 0.85
    assert len(read_picks(tmp_path / "picks.star")) > 300
    assert len(list(tmp_path.glob("*_picks.png"))) == 5
    told = re.findall(r"([\d.]+) A (?:b|ag)", done.output)
    between_halves, to_truth, denoised_to_truth = (float(a) for a in told)
    assert between_halves < 10
    assert to_truth == pytest.approx(between_halves, rel=0.15)
    assert denoised_to_truth < 1.02 * to_truth
    assert "this map shows what both half maps show" in done.output
    files = ("ctf/micrographs_ctf.star", "particles/particles.mrcs", "map/fsc.png")
    for made in (*files, "denoised/denoised.mrc", "denoised/report.json"):
        assert (tmp_path / made).is_file()
    assert_model(tmp_path / "model", done.output)


def assert_model(folder: Path, output: str) -> None:
    """The last step: a model, its score, and the files that a user needs to look at both."""
    assert "shows no backbone" in output
    told = re.search(r"F1 of CA within 3 A ([\d.]+), sequence match ([\d.]+)", output)
    assert told is not None
    assert float(told[1]) > 0.92
    assert float(told[2]) > 0.92
    inputs = ("map.mrc", "sequence.fasta", "reference.pdb")
    for made in (*inputs, "model.cif", "model.pdb", "trace.cif", "residues.csv", "report.json"):
        assert (folder / made).is_file()
    found = evaluate(read_structure(folder / "model.cif"), read_structure(folder / "reference.pdb"))
    assert found.detections[-1].f1 == pytest.approx(float(told[1]), abs=0.006)


def test_demo_on_files_of_ones_own(simulated: tuple[Path, PickTable], tmp_path: Path) -> None:
    folder, truth = simulated
    write_picks(truth.select(np.arange(0, len(truth), 2)), tmp_path / "half.star")
    words = ["demo", "--input", folder / "m0.mrc", folder / "m1.mrc", "--diameter-A", 120,
             "--reference", tmp_path / "half.star", "--output", tmp_path / "out", "--no-window",
             ]  # fmt: skip
    done = CliRunner().invoke(main, [str(w) for w in words])
    assert done.exit_code == 0, done.output
    colours = Image.open(tmp_path / "out" / "m0_picks.png").convert("RGB").getcolors(1 << 20)
    assert colours is not None
    drawn = {f"#{r:02x}{g:02x}{b:02x}" for _, (r, g, b) in colours}
    assert FALSE in drawn  # every other particle is no particle, says this reference
    assert MISSED.startswith("#")
    assert not (tmp_path / "out" / "model").exists()
