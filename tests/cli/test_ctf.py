"""`cryoai ctf` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from napari_cryoai.cli import main
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.micrograph_ctf import read_micrograph_ctf

Simulated = tuple[Path, PickTable]


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_it_writes_values_pictures_and_a_record(simulated: Simulated, tmp_path: Path) -> None:
    folder, _ = simulated
    code, out, _ = run("ctf", folder, "--output", tmp_path, "--workers", 1)
    assert code == 0
    assert "3 micrographs, defocus 1.7" in out or "3 micrographs, defocus 1.8" in out
    rows = read_micrograph_ctf(tmp_path / "micrographs_ctf.star")
    assert [row.name for row in rows] == ["m0.mrc", "m1.mrc", "m2.mrc"]
    for row in rows:
        assert row.defocus_A == pytest.approx(18_000, rel=0.03)
    assert len(list((tmp_path / "pictures").glob("*_ctf.png"))) == 3
    record = json.loads((tmp_path / "job.json").read_text())
    assert record["parameters"]["amplitude_contrast"] == 0.1
    assert len(record["outputs"]) == 4
    assert not (tmp_path / ".partial").exists()


def test_json_lines_tell_the_result(simulated: Simulated, tmp_path: Path) -> None:
    code, out, _ = run("ctf", simulated[0], "--output", tmp_path, "--workers", 1, "--json")
    assert code == 0
    result = json.loads(out.splitlines()[-1])["result"]
    assert result["micrographs"] == len(result["defocus_A"]) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--pixel-size-A", 30), "too small|nothing to fit"),
        (("--min-defocus-A", 30000, "--max-defocus-A", 20000), "not below"),
        (("--amplitude-contrast", 2), "--amplitude-contrast"),
        (("--workers", "many"), "number of workers"),
    ],
)
def test_bad_input_is_told_in_a_line(
    simulated: Simulated, tmp_path: Path, arguments: tuple[object, ...], said: str
) -> None:
    code, _, err = run("ctf", simulated[0], "--output", tmp_path, *arguments)
    assert code == 2
    assert any(word in err for word in said.split("|"))
    assert not (tmp_path / "micrographs_ctf.star").exists()
