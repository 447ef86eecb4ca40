"""`cryoai learn picker` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from napari_cryoai.cli.learn import learn_group
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.picks import write_picks
from napari_cryoai.io.weights import read_weights
from napari_cryoai.picking.calibration import Calibration
from napari_cryoai.picking.learned import KIND, Picker, load_picker, save_picker
from napari_cryoai.picking.network import PickerConfig, PickerNetwork

Simulated = tuple[Path, PickTable]


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(learn_group, ["picker", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a network that knows nothing."""
    torch.manual_seed(0)
    config = PickerConfig(fine_dim=16, dim=16, depth=1, heads=2, window=4, global_tokens=1)
    path = tmp_path_factory.mktemp("weights") / "start.safetensors"
    save_picker(path, Picker(PickerNetwork(config).eval(), Calibration()), {})
    return path


@pytest.fixture(scope="module")
def corrected(simulated: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The particles of the first micrograph, as a user would export them."""
    folder, truth = simulated
    micrographs, _ = open_micrographs([folder])
    path = tmp_path_factory.mktemp("corrected") / "corrected.star"
    write_picks(truth.of("m0.mrc"), path, micrographs=micrographs)
    return path


def test_what_was_learned_is_a_picker_with_its_history(
    simulated: Simulated, weights: Path, corrected: Path, tmp_path: Path
) -> None:
    output = tmp_path / "new.safetensors"
    given = ("--picks", corrected, "--weights", weights, "--output", output, "--diameter-A", 120)
    code, out, err = run(simulated[0], *given, "--json")
    assert code == 0, err
    result = json.loads(out.splitlines()[-1])["result"]
    assert result["corrected_micrographs"] == 1
    assert result["corrections"] > 10
    facts = read_weights(output, KIND).facts
    assert facts["parent"] == read_weights(weights, KIND).digest
    assert facts["corrections"] == result["corrections"]
    before, after = load_picker(weights), load_picker(output)
    assert after.digest != before.digest
    assert after.calibration != before.calibration


def test_training_on_records_what_was_held_out(
    simulated: Simulated, weights: Path, corrected: Path, tmp_path: Path
) -> None:
    output = tmp_path / "new.safetensors"
    given = ("--picks", corrected, "--weights", weights, "--output", output, "--diameter-A", 120)
    code, out, err = run(simulated[0], *given, "--improve", "--steps", 2, "--glances", 1)
    assert code == 0, err
    assert "held out" in out
    assert set(read_weights(output, KIND).facts["held_out"]) == {"f1_before", "f1"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--output": "new.pt"}, "end in .safetensors"),
        ({"--weights": "nothing.safetensors"}, "nothing.safetensors"),
        ({"--diameter-A": None}, "--diameter-A"),
        ({"--picks": "of_others.star"}, "picks"),
        ({"--steps": 0}, "--steps"),
    ],
)
def test_bad_input_ends_in_a_message_and_no_file(
    simulated: Simulated,
    weights: Path,
    corrected: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, object],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, truth = simulated
    others = PickTable.of_points("elsewhere.mrc", truth.yx_px[:5])
    write_picks(others, tmp_path / "of_others.star")
    given: dict[str, object] = {"--picks": corrected, "--weights": weights}
    given |= {"--output": "new.safetensors", "--diameter-A": 120} | change
    options = [part for key, value in given.items() if value is not None for part in (key, value)]
    code, out, err = run(folder, *options)
    assert code == 2
    assert message in out + err
    assert not list(tmp_path.glob("new.*"))
