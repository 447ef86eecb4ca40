"""`cryoai evaluate model`: against a reference, in a map, and in itself."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import gemmi
import numpy as np
import pytest
from click.testing import CliRunner

from napari_cryoai.cli import main
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.io.maps import write_map
from napari_cryoai.io.structures import read_structure
from napari_cryoai.maps.agreement import model_map
from napari_cryoai.physics.radial import low_pass

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "maps"
N, PIXEL_A, RESOLUTION_A, B_A2 = 36, 1.2, 3.5, 40.0
ORIGIN_A = (10.0, -20.0, 40.0)
RESIDUES = 16


def write_helix(path: Path, *, b: float = B_A2, shift_A: float = 0, only_ca: bool = False) -> None:
    """An alpha helix of alanines, in the middle of the map."""
    middle = np.array(ORIGIN_A[::-1]) + PIXEL_A * N / 2
    chain = gemmi.Chain("A")
    # Radius, phase and height of the atoms of a helix (Arnott and Dover 1967).
    atoms = {
        "N": (1.55, -27.5, -0.90),
        "CA": (2.29, 0.0, 0.0),
        "C": (1.68, 26.3, 1.11),
        "O": (1.95, 22.0, 2.31),
    }
    for i in range(RESIDUES):
        residue = gemmi.Residue()
        residue.name, residue.seqid = "ALA", gemmi.SeqId(i + 1, " ")
        places = {}
        for name, (radius, phase, height) in atoms.items():
            angle = np.radians(100.0 * i + phase)
            z = 1.5 * i + height - 0.75 * RESIDUES
            places[name] = np.array([radius * np.cos(angle), radius * np.sin(angle), z])
        along, on = places["CA"] - places["N"], places["C"] - places["CA"]
        out = np.cross(along, on)
        places["CB"] = places["CA"] - 0.583 * out + 0.568 * along - 0.541 * on
        for name, place in places.items():
            if not only_ca or name == "CA":
                atom = gemmi.Atom()
                atom.name, atom.element, atom.b_iso = name, gemmi.Element(name[0]), b
                atom.pos = gemmi.Position(*(middle + place + np.array([shift_A, 0, 0])))
                residue.add_atom(atom)
        chain.add_residue(residue)
    structure, model = gemmi.Structure(), gemmi.Model(1)
    model.add_chain(chain)
    structure.add_model(model)
    structure.setup_entities()
    structure.write_pdb(str(path))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A helix, the same with confidences for B-factors, its CA, a shifted one; and its map."""
    folder = tmp_path_factory.mktemp("models")
    write_helix(folder / "truth.pdb")
    write_helix(folder / "built.pdb", b=97.0)
    write_helix(folder / "trace.pdb", only_ca=True)
    write_helix(folder / "shifted.pdb", shift_A=2.5)
    empty = DensityMap(np.zeros((N, N, N), np.float32), PIXEL_A, ORIGIN_A)
    model = model_map(read_structure(folder / "truth.pdb"), empty)
    cut = low_pass(model, PIXEL_A, RESOLUTION_A, edge=0)
    noise = np.random.default_rng(0).normal(size=(N, N, N)).astype(np.float32)
    write_map(folder / "map.mrc", empty.with_data(cut.numpy() + 0.05 * float(cut.std()) * noise))
    write_map(folder / "away.mrc", DensityMap(cut.numpy(), PIXEL_A, (900.0, 0.0, 0.0)))
    zinc = "HETATM    1 ZN    ZN A   1       1.000   2.000   3.000  1.00 30.00          ZN\nEND\n"
    (folder / "zinc.pdb").write_text(zinc)
    return folder


def run(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["evaluate", "model", *(str(word) for word in words)])
    return done.exit_code, done.stdout, done.stderr


def report(*words: object) -> dict:
    code, out, errors = run(*words, "--json")
    assert code == 0, out + errors
    return json.loads(out)


def test_a_model_is_its_own_truth(files: Path) -> None:
    found = report(files / "truth.pdb", "--reference", files / "truth.pdb")
    assert [w["f1"] for w in found["reference"]["within"]] == [1, 1, 1]
    assert found["reference"]["tm"] == pytest.approx(1)
    assert found["map"] is None
    assert found["geometry"]["ramachandran_favoured"] == 1, "it is an ideal helix"
    assert found["geometry"]["chirality_errors"] == 0


def test_what_is_2_5_A_off_is_found_at_3_A_alone(files: Path) -> None:
    found = report(files / "shifted.pdb", "--reference", files / "truth.pdb")["reference"]
    assert found["within"][2]["recall"] == 1
    assert found["within"][0]["recall"] < 0.5


def test_a_trace_of_ca_is_measured_as_far_as_it_goes(files: Path) -> None:
    found = report(files / "trace.pdb", "--reference", files / "truth.pdb")
    assert found["reference"]["recall"] == 1
    assert found["geometry"]["ramachandran_favoured"] is None
    assert found["geometry"]["ca_outliers"] == 0
    code, out, _ = run(files / "trace.pdb", "--reference", files / "truth.pdb")
    assert code == 0
    assert "none" in out


def test_confidences_in_the_column_of_b_factors_do_no_harm(files: Path) -> None:
    words = ("--map", files / "map.mrc", "--resolution-A", RESOLUTION_A)
    true, built = (report(files / f"{name}.pdb", *words)["map"] for name in ("truth", "built"))
    assert true["b_factor_A2"] == built["b_factor_A2"] == B_A2
    assert true["cc_mask"] == built["cc_mask"] > 0.98
    as_in_file = report(files / "built.pdb", *words, "--b-factors", "file")["map"]
    assert as_in_file["b_factor_A2"] is None
    assert as_in_file["cc_mask"] < built["cc_mask"] - 0.01


def test_a_wrong_place_shows_in_the_map(files: Path) -> None:
    words = ("--map", files / "map.mrc", "--resolution-A", RESOLUTION_A)
    right, wrong = (report(files / f"{name}.pdb", *words)["map"] for name in ("truth", "shifted"))
    assert right["cc_mask"] > wrong["cc_mask"] + 0.3
    assert right["q_score"] > wrong["q_score"] + 0.2


def test_files_hold_each_residue(files: Path, tmp_path: Path) -> None:
    found = report(
        *(files / "truth.pdb", "--reference", files / "truth.pdb", "--map", files / "map.mrc"),
        *("--output", tmp_path),
    )
    with (tmp_path / "residues.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == RESIDUES
    assert all(float(row["q"]) > 0.5 for row in rows)
    assert [row["reference_number"] for row in rows] == [row["number"] for row in rows]
    assert rows[5]["ramachandran"] == "favoured"
    with (tmp_path / "reference.csv").open() as file:
        assert len(list(csv.DictReader(file))) == RESIDUES
    assert json.loads((tmp_path / "report.json").read_text()) == found
    record = json.loads((tmp_path / "job.json").read_text())
    assert record["job"] == "evaluate model"
    assert len(record["outputs"]) == 3
    assert found["map"]["resolution_given"] is False


def test_tables_name_all_that_was_asked_for(files: Path) -> None:
    code, out, errors = run(
        files / "truth.pdb", "--reference", files / "truth.pdb", "--map", files / "map.mrc"
    )
    assert code == 0, errors
    for word in ("precision", "lDDT", "CC_mask", "Q-score", "Ramachandran"):
        assert word in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("zinc.pdb",), "zinc.pdb: holds no protein"),
        (("truth.pdb", "--reference", "zinc.pdb"), "zinc.pdb: holds no protein"),
        (("truth.pdb", "--map", "away.mrc"), "no atom lies in the map"),
        (("map.mrc",), "map.mrc: holds no atoms"),
        (("nowhere.pdb",), "there is no such file"),
        (("truth.pdb", "--map", "truth.pdb"), "truth.pdb"),
    ],
)
def test_bad_input_is_told(files: Path, words: tuple[str, ...], expected: str) -> None:
    paths = [word if word.startswith("--") else files / word for word in words]
    code, out, errors = run(*paths)
    assert code == 2
    assert expected in errors
    assert "Traceback" not in out + errors
    code, out, _ = run(*paths, "--json")
    assert json.loads(out)["error"]["problem"]


def test_help_needs_no_torch() -> None:
    script = (
        "import sys\nfrom click.testing import CliRunner\nfrom napari_cryoai.cli import main\n"
        "assert CliRunner().invoke(main, ['evaluate', 'model', '--help']).exit_code == 0\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_real_model_in_its_map() -> None:
    model, map_ = DATA / "daq_3J6B_9.pdb.gz", DATA / "daq_2566_3J6B_9.mrc.gz"
    if not model.exists():
        pytest.skip("3J6B and its map are not at hand")
    found = report(model, "--reference", model, "--map", map_, "--resolution-A", 3.2)
    assert found["residues"] == 195
    assert found["map"]["cc_mask"] == pytest.approx(0.766, abs=0.01)
    assert found["map"]["q_score"] == pytest.approx(0.563, abs=0.01)
