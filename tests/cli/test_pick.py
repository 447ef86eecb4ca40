"""`cryoai pick` as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import starfile
from click.testing import CliRunner

from napari_cryoai.cli import main
from napari_cryoai.cli.options import flag
from napari_cryoai.core.picks import PickTable, Source
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.picks import read_picks
from napari_cryoai.picking.evaluate import compare
from napari_cryoai.picking.pick import PickParams

Simulated = tuple[Path, PickTable]


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_pick_writes_star_files_and_a_record(simulated: Simulated, tmp_path: Path) -> None:
    folder, truth = simulated
    code, out, _ = run("pick", folder, "--output", tmp_path, "--diameter-A", 120)
    assert code == 0
    assert "3 micrographs" in out
    kept = read_picks(tmp_path / "picks.star")
    everything = read_picks(tmp_path / "all_peaks.star")
    assert compare(kept, truth, 20).f1 > 0.85
    assert len(everything) > len(kept)
    assert np.all(everything.source == Source.AUTO)
    record = json.loads((tmp_path / "job.json").read_text())
    assert record["parameters"]["diameter_A"] == 120
    assert len(record["inputs"]) == 3
    assert not (tmp_path / ".partial").exists()


def test_another_reader_finds_the_columns_relion_needs(
    simulated: Simulated, tmp_path: Path
) -> None:
    run("pick", simulated[0], "--output", tmp_path, "--diameter-A", 120)
    blocks = starfile.read(tmp_path / "picks.star", always_dict=True)
    assert list(blocks) == ["optics", "particles"]
    assert list(blocks["particles"].columns) == [
        "rlnMicrographName",
        "rlnCoordinateX",
        "rlnCoordinateY",
        "rlnAutopickFigureOfMerit",
        "rlnOpticsGroup",
    ]
    assert blocks["optics"]["rlnMicrographPixelSize"].iloc[0] == 2.0


def test_micrographs_below_the_working_folder_keep_their_path(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = simulated
    monkeypatch.chdir(folder.parent)
    run("pick", folder / "m0.mrc", "--output", tmp_path, "--diameter-A", 120)
    assert read_picks(tmp_path / "picks.star").names == (f"{folder.name}/m0.mrc",)


def test_a_threshold_of_the_users_own_is_kept_to(simulated: Simulated, tmp_path: Path) -> None:
    run("pick", simulated[0], "--output", tmp_path, "--diameter-A", 120, "--threshold", 0.3)
    assert read_picks(tmp_path / "picks.star").score.min() >= 0.3


def test_every_parameter_is_an_option() -> None:
    code, out, _ = run("pick", "--help")
    assert code == 0
    for name in PickParams.model_fields:
        assert flag(name) in out


def test_json_lines_are_for_machines(simulated: Simulated, tmp_path: Path) -> None:
    arguments = ("pick", simulated[0], "--output", tmp_path, "--diameter-A", 120, "--json")
    code, out, _ = run(*arguments)
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert lines[-2]["done"] == lines[-2]["total"] == 3
    assert lines[-1]["result"]["picks"] == len(read_picks(tmp_path / "picks.star"))


def test_pixel_size_is_asked_for_not_guessed(tmp_path: Path) -> None:
    write_mrc(tmp_path / "a.mrc", np.ones((64, 64), np.float32), pixel_size_A=0)
    code, _, err = run("pick", tmp_path / "a.mrc", "--output", tmp_path / "out")
    assert code == 2
    assert "--pixel-size-A" in err
    assert not (tmp_path / "out" / "picks.star").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--diameter-A", "-5"], "--diameter-A"),
        (["--diameter-A", "100", "--threshold", "7"], "--threshold"),
        (["--detector", "template", "--diameter-A", "100"], "references"),
        (["--diameter-A", "1900"], "diameter"),
        (["--diameter-A", "100", "--workers", "many"], "--workers"),
    ],
)
def test_bad_options_end_in_a_remedy(
    simulated: Simulated, tmp_path: Path, arguments: list[str], said: str
) -> None:
    code, _, err = run("pick", simulated[0] / "m0.mrc", "--output", tmp_path, *arguments)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_one_broken_micrograph_does_not_stop_the_others(
    simulated: Simulated, tmp_path: Path
) -> None:
    good = (simulated[0] / "m0.mrc").read_bytes()
    (tmp_path / "good.mrc").write_bytes(good)
    (tmp_path / "short.mrc").write_bytes(good[:5000])
    code, _, err = run("pick", tmp_path, "--output", tmp_path / "out", "--diameter-A", 120)
    assert code == 0
    assert "short.mrc" in err
    assert read_picks(tmp_path / "out" / "picks.star").names == ("good.mrc",)
    problems = json.loads((tmp_path / "out" / "job.json").read_text())["problems"]
    assert len(problems) == 1


@pytest.mark.parametrize("detector", ["blob", "transformer"])
def test_two_workers_find_what_one_finds(
    simulated: Simulated, tmp_path: Path, detector: str
) -> None:
    for workers in (1, 2):
        output = tmp_path / str(workers)
        words = ["--diameter-A", 120, "--detector", detector, "--workers", workers]
        run("pick", simulated[0], "--output", output, *words)
    files = [tmp_path / w / "all_peaks.star" for w in "12"]
    if detector == "blob":
        assert files[0].read_bytes() == files[1].read_bytes()
    one, two = map(read_picks, files)  # sums of a network depend on the number of threads
    assert len(one) == len(two)
    assert np.allclose(one.yx_px, two.yx_px, atol=0.05)
    assert np.allclose(one.score, two.score, atol=1e-3)


def test_picks_of_ones_own_serve_as_references(simulated: Simulated, tmp_path: Path) -> None:
    folder, truth = simulated
    first, second = tmp_path / "blob", tmp_path / "template"
    run("pick", folder, "--output", first, "--diameter-A", 120, "--detector", "blob")
    code, _, _ = run(
        "pick", folder, "--output", second, "--diameter-A", 120,
        "--detector", "template", "--references", first / "picks.star",
    )  # fmt: skip
    assert code == 0
    assert compare(read_picks(second / "picks.star"), truth, 20).f1 > 0.8


def test_help_is_there_at_once_and_brings_no_window_along() -> None:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "napari_cryoai.cli", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert time.perf_counter() - start < 5
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"napari", "torch", "distributed", "scipy", "qtpy"}
