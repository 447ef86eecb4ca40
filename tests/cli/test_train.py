"""`cryoai train picker`: structures in, weights out."""

from __future__ import annotations

import json
from pathlib import Path

import gemmi
import numpy as np
import pytest
from click.testing import CliRunner, Result

from napari_cryoai.cli import main
from napari_cryoai.picking.learned import load_picker

NAMES = [gemmi.expand_one_letter(c, gemmi.ResidueKind.AA) for c in "ARNDCQEGHILKMFPSTWYV"]


@pytest.fixture(scope="module")
def structures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chains of unrelated sequence, each a random walk."""
    folder = tmp_path_factory.mktemp("structures")
    for number in range(20):
        rng = np.random.default_rng(number)
        xyz = np.cumsum(rng.normal(0, 3, (60, 3)), axis=0)
        rows = (
            f"ATOM  {i + 1:5d}  CA  {rng.choice(NAMES)} A{i + 1:4d}    "
            f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00 30.00           C"
            for i, (x, y, z) in enumerate(xyz)
        )
        (folder / f"chain{number}.pdb").write_text("\n".join([*rows, "END", ""]))
    return folder


def train(structures: Path, output: Path, *others: str) -> Result:
    words = ["--structures", structures, "--output", output, "--examples", 20, "--workers", 1]
    few = ["--steps", 2, "--batch-size", 2, "--device", "cpu"]
    return CliRunner().invoke(main, ["train", "picker", *map(str, [*words, *few, *others])])


def test_one_command_makes_weights_and_says_how_good_they_are(
    structures: Path, tmp_path: Path
) -> None:
    done = train(structures, tmp_path / "w.safetensors")
    assert done.exit_code == 0, done.output
    assert "validation examples" in done.output
    assert load_picker(tmp_path / "w.safetensors").digest
    again = train(structures, tmp_path / "w.safetensors", "--resume")
    assert again.exit_code == 0, again.output


def test_a_structure_that_cannot_be_read_is_told_and_left_out(
    structures: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "structures"
    folder.mkdir()
    for path in structures.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "broken.pdb.gz").write_bytes(b"no gzip")
    done = train(folder, tmp_path / "w.safetensors")
    assert done.exit_code == 0, done.output
    assert "Left out" in done.stderr
    assert "broken.pdb.gz" in done.stderr


def test_too_few_structures_are_refused(structures: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    (few / "one.pdb").write_bytes((structures / "chain0.pdb").read_bytes())
    done = train(few, tmp_path / "w.safetensors")
    assert done.exit_code == 2
    assert "too few" in done.stderr


def test_a_folder_without_structures_is_refused(tmp_path: Path) -> None:
    done = train(tmp_path, tmp_path / "w.safetensors", "--json")
    assert done.exit_code == 2
    assert "no structures" in json.loads(done.stdout.splitlines()[-1])["error"]["problem"]


def test_a_checkpoint_of_another_training_is_refused(structures: Path, tmp_path: Path) -> None:
    (tmp_path / "w.checkpoint").write_bytes(b"no checkpoint")
    done = train(structures, tmp_path / "w.safetensors", "--resume")
    assert done.exit_code == 2
    assert "w.checkpoint" in done.stderr
    assert not (tmp_path / "w.safetensors").exists()
