"""`cryoai evaluate map`: against a reference, against a model."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import gemmi
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from napari_cryoai.cli import main
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.io.maps import write_map
from napari_cryoai.io.structures import read_structure
from napari_cryoai.maps.agreement import model_map
from napari_cryoai.physics.masks import sphere
from napari_cryoai.physics.radial import low_pass

N, PIXEL_A, RESOLUTION_A = 40, 1.5, 5.0
ORIGIN_A = (15.0, -20.0, 40.0)
RESIDUES = 20


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, its map at 5 A, that map with noise, masks, and what does not belong to them."""
    folder = tmp_path_factory.mktemp("maps")
    write_model(folder / "model.cif")
    empty = DensityMap(np.zeros((N, N, N), np.float32), PIXEL_A, ORIGIN_A)
    model = model_map(read_structure(folder / "model.cif"), empty)
    truth = low_pass(model, PIXEL_A, RESOLUTION_A)
    noise = torch.randn(N, N, N, generator=torch.Generator().manual_seed(0))
    mask = sphere((N, N, N), 14, 4)
    made = {"truth": truth, "noisy": truth + 0.3 * truth.std() * noise, "mask": mask}
    for name, data in made.items():
        write_map(folder / f"{name}.mrc", empty.with_data(data.numpy()))
    write_map(folder / "flat.mrc", empty)
    write_map(folder / "small.mrc", DensityMap(truth[:30, :30, :30].numpy(), PIXEL_A, ORIGIN_A))
    write_map(folder / "elsewhere.mrc", DensityMap(truth.numpy(), PIXEL_A, (900.0, 0.0, 0.0)))
    (folder / "empty.pdb").write_text("END\n")
    return folder


def write_model(path: Path) -> None:
    """Alanines in a random coil, in the middle of the map."""
    rng = np.random.default_rng(0)
    middle = np.array(ORIGIN_A[::-1]) + PIXEL_A * N / 2
    chain = gemmi.Chain("A")
    for number in range(1, RESIDUES + 1):
        residue = gemmi.Residue()
        residue.name, residue.seqid = "ALA", gemmi.SeqId(str(number))
        centre = middle + rng.normal(size=3) * 6
        for name in ("N", "CA", "C", "O", "CB"):
            atom = gemmi.Atom()
            atom.name, atom.element, atom.b_iso = name, gemmi.Element(name[0]), 40.0
            atom.pos = gemmi.Position(*(centre + rng.normal(size=3) * 0.9))
            residue.add_atom(atom)
        chain.add_residue(residue)
    structure, model = gemmi.Structure(), gemmi.Model(1)
    model.add_chain(chain)
    structure.add_model(model)
    structure.setup_entities()
    structure.make_mmcif_document().write_file(str(path))


def run(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["evaluate", "map", *(str(word) for word in words)])
    return done.exit_code, done.stdout, done.stderr


def report(*words: object) -> dict:
    code, out, errors = run(*words, "--json")
    assert code == 0, out + errors
    return json.loads(out)


def test_a_map_is_compared_with_the_truth(files: Path):
    words = [files / "noisy.mrc", "--reference", files / "truth.mrc"]
    found = report(*words, "--mask", files / "mask.mrc")
    assert set(found) == {"pixel_size_A", "unmasked", "masked"}
    assert found["unmasked"]["resolution_0.5_A"] == pytest.approx(RESOLUTION_A, rel=0.15)
    assert found["masked"]["correlation"] > found["unmasked"]["correlation"] > 0.5
    code, out, _ = run(*words)
    assert code == 0 and "correlation" in out


def test_the_truth_agrees_with_itself_to_nyquist(files: Path):
    found = report(files / "truth.mrc", "--reference", files / "truth.mrc")["unmasked"]
    assert found["correlation"] == pytest.approx(1)
    assert found["resolution_0.5_A"] == pytest.approx(2 * PIXEL_A)


def test_a_reference_without_an_origin_is_still_the_same_grid(files: Path):
    found = report(files / "truth.mrc", "--reference", files / "elsewhere.mrc")
    assert found["unmasked"]["correlation"] == pytest.approx(1)


def test_a_map_is_compared_with_its_model(files: Path):
    words = ["--model", files / "model.cif", "--resolution-A", RESOLUTION_A]
    clean, noisy = (report(files / f"{n}.mrc", *words)["model"] for n in ("truth", "noisy"))
    assert clean["cc_mask"] > 0.97 and clean["cc_box"] > 0.97
    for name in ("cc_box", "cc_mask", "cc_volume", "cc_peaks", "q_score"):
        assert noisy[name] < clean[name]
    assert clean["resolution_A"] == RESOLUTION_A and clean["resolution_given"]
    assert clean["atoms_scored"] == 5 * RESIDUES and clean["atoms_outside"] == 0
    assert set(clean["fsc"]) == {"unmasked", "masked"}
    assert noisy["fsc"]["masked"]["resolution_0.5_A"] == pytest.approx(RESOLUTION_A, rel=0.2)


def test_without_a_resolution_the_report_says_what_was_taken(files: Path):
    words = [files / "noisy.mrc", "--model", files / "model.cif"]
    found = report(*words)["model"]
    assert not found["resolution_given"]
    assert found["resolution_A"] == pytest.approx(found["fsc"]["masked"]["resolution_0.5_A"])
    _, out, _ = run(*words)
    assert "where the masked FSC falls to 0.5" in out
    assert "CC_mask" in out and "Q-score" in out


def test_a_narrower_gaussian_is_harder_to_reach(files: Path):
    words = [files / "truth.mrc", "--model", files / "model.cif"]
    wide, narrow = (report(*words, "--q-sigma-A", s)["model"]["q_score"] for s in (0.6, 0.4))
    assert narrow < wide


def test_a_mask_of_ones_own_goes_into_the_fsc(files: Path):
    words = [files / "noisy.mrc", "--model", files / "model.cif", "--resolution-A", 5]
    own = report(*words, "--mask", files / "mask.mrc")["model"]
    found = report(*words)["model"]
    assert own["cc_mask"] == found["cc_mask"]
    assert own["fsc"]["masked"] != found["fsc"]["masked"]
    assert own["fsc"]["unmasked"] == found["fsc"]["unmasked"]


def test_tables_and_a_picture_are_written(files: Path, tmp_path: Path):
    output = tmp_path / "run"
    words = [files / "noisy.mrc", "--model", files / "model.cif", "--output", output]
    assert run(*words)[0] == 0
    with (output / "residues.csv").open() as file:
        residues = list(csv.DictReader(file))
    assert [row["residue"] for row in residues] == [str(i + 1) for i in range(RESIDUES)]
    mean = np.mean([float(row["q_all"]) for row in residues])
    assert mean == pytest.approx(report(*words[:3])["model"]["q_score"], abs=1e-4)
    with (output / "fsc.csv").open() as file:
        curve = list(csv.DictReader(file))
    assert len(curve) == N // 2 + 1 and float(curve[1]["masked"]) > 0.9
    assert np.asarray(Image.open(output / "fsc.png").convert("L")).std() > 10
    record = json.loads((output / "job.json").read_text())
    assert record["job"] == "evaluate map"
    assert len(record["inputs"]) == 2 and len(record["outputs"]) == 3


def test_reference_and_model_together(files: Path, tmp_path: Path):
    words = [files / "noisy.mrc", "--model", files / "model.cif"]
    both = report(*words, "--reference", files / "truth.mrc", "--output", tmp_path)
    assert both["model"] == report(*words)["model"]
    assert both["unmasked"]["correlation"] > 0.5
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        *("fsc.csv", "fsc.png", "model_fsc.csv", "model_fsc.png"),
        *("residues.csv", "job.json"),
    }


@pytest.mark.parametrize(
    ("map_", "words", "problem"),
    [
        ("noisy", [], "nothing to compare"),
        ("noisy", ["--reference", "small.mrc"], "boxes of the maps differ"),
        ("noisy", ["--model", "model.cif", "--mask", "small.mrc"], "boxes of the maps differ"),
        ("noisy", ["--model", "model.cif", "--mask", "truth.mrc"], "is no mask"),
        ("noisy", ["--model", "empty.pdb"], "holds no atoms"),
        ("noisy", ["--model", "truth.mrc"], "truth.mrc: holds no atoms"),
        ("noisy", ["--model", "model.cif", "--resolution-A", "1"], "finer than the voxels"),
        ("noisy", ["--model", "model.cif", "--q-sigma-A", "9"], "--q-sigma-A"),
        ("flat", ["--model", "model.cif"], "flat.mrc: the map holds the same value"),
        ("elsewhere", ["--model", "model.cif"], "model.cif: no atom lies in the map"),
        ("missing", ["--model", "model.cif"], "missing.mrc"),
    ],
)
def test_what_is_wrong_is_said_with_a_remedy(
    files: Path, map_: str, words: list[str], problem: str
):
    named = [files / word if "." in word else word for word in words]
    code, _, errors = run(files / f"{map_}.mrc", *named)
    assert code == 2
    assert problem in errors
    assert len(errors.strip().rstrip(".").split(". ")) >= 2  # and what to do about it


def test_the_help_comes_without_torch():
    script = (
        "import sys; from click.testing import CliRunner; from napari_cryoai.cli import main; "
        "done = CliRunner().invoke(main, ['evaluate', 'map', '--help']); "
        "sys.exit(done.exit_code or 'torch' in sys.modules or '--q-sigma-A' not in done.output)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
