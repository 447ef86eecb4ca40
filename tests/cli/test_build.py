"""`cryoai build`: a map and a FASTA file go in, five files that agree come out."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import gemmi
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from napari_cryoai.building.atoms.example import SEQUENCE, example_map, example_model
from napari_cryoai.building.scoring.evaluate import evaluate
from napari_cryoai.cli import build as module
from napari_cryoai.cli import main
from napari_cryoai.cli.build import FILES
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.io.maps import write_map
from napari_cryoai.io.structures import read_structure

QUICK = ("--orientations", 1, "--device", "cpu")
SHIFT_A = (31.0, -12.5, 8.0)
"""z, y, x: where the box lies in space."""


def cryoai_build(*words: object) -> Result:
    return CliRunner().invoke(main, ["build", *map(str, (*words, *QUICK))])


@dataclass
class Folder:
    """What went in, and what came out."""

    path: Path
    done: Result

    @property
    def map(self) -> Path:
        return self.path / "map.mrc"

    @property
    def fasta(self) -> Path:
        return self.path / "sequence.fasta"

    @property
    def output(self) -> Path:
        return self.path / "model"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("build")
    density = example_map(example_model(), seed=2)
    origin_A = tuple(a + b for a, b in zip(density.origin_A, SHIFT_A, strict=True))
    write_map(path / "map.mrc", DensityMap(density.data, density.pixel_size_A, origin_A))
    (path / "sequence.fasta").write_text(f">example\n{SEQUENCE.lower()}\n")
    words = (path / "map.mrc", "--sequence", path / "sequence.fasta", "--resolution-A", 3)
    done = cryoai_build(*words, "--output", path / "model")
    torch.set_num_threads(threads)
    return Folder(path, done)


def residues_of(path: Path) -> int:
    return sum(len(chain) for chain in gemmi.read_structure(str(path))[0])


def built_rows(folder: Folder) -> list[dict[str, str]]:
    with (folder.output / "residues.csv").open() as file:
        return list(csv.DictReader(file))


def test_it_writes_five_files_and_how_they_were_made(built):
    assert built.done.exit_code == 0, built.done.output
    assert {p.name for p in built.output.iterdir()} == {*FILES, "job.json"}
    record = json.loads((built.output / "job.json").read_text())
    assert record["job"] == "build"
    assert record["parameters"]["orientations"] == 1
    assert [Path(entry["path"]).name for entry in record["inputs"]] == ["map.mrc", "sequence.fasta"]


def test_all_files_tell_of_the_same_residues(built):
    report = json.loads((built.output / "report.json").read_text())
    rows = [row for row in built_rows(built) if row["state"] == "built"]
    assert report["residues"] == len(rows) > 90
    assert report["residues"] == residues_of(built.output / "model.cif")
    assert report["residues"] == residues_of(built.output / "model.pdb")
    # The trace has those too that the sequence has no room for.
    assert report["residues"] <= len(SEQUENCE)
    traced = residues_of(built.output / "trace.cif")
    assert report["residues"] + report["left_out"] == traced > len(SEQUENCE)
    assert f"{report['left_out']} for which the sequences have no room" in built.done.output
    assert f"{report['residues']} residues" in built.done.output
    trace = gemmi.read_structure(str(built.output / "trace.cif"))
    assert len(trace[0]) == report["fragments"]
    assert report["atoms"] == len(read_structure(built.output / "model.cif"))
    assert report["chains"][0]["built"] + report["unassigned"] == report["residues"]


def test_each_residue_of_the_sequence_has_a_row(built):
    rows = [row for row in built_rows(built) if row["chain"] == "A"]
    assert sorted(int(row["number"]) for row in rows) == list(range(1, len(SEQUENCE) + 1))
    for row in rows:
        assert row["letter"] == SEQUENCE[int(row["number"]) - 1]
        assert (row["reason"] != "") == (row["state"] == "unmodelled")
    q = [float(row["q"]) for row in rows if row["q"]]
    assert len(q) == sum(row["state"] == "built" for row in rows)
    assert 0.4 < np.mean(q) < 1


@pytest.mark.parametrize("name", ["model.cif", "model.pdb", "trace.cif"])
def test_the_model_lies_where_the_map_lies(built, name):
    truth = example_model().structure
    moved = truth.moved_to(truth.xyz_A + SHIFT_A[::-1])
    found = evaluate(read_structure(built.output / name), moved)
    assert found.detections[-1].f1 > 0.92
    assert found.whole.rmsd_A < 0.8
    if name != "trace.cif":
        assert found.whole.sequence_match > 0.92


def test_the_sequence_in_the_file_is_the_whole_one(built):
    structure = gemmi.read_structure(str(built.output / "model.cif"))
    whole = structure.get_entity_of(structure[0]["A"].get_polymer()).full_sequence
    assert gemmi.one_letter_code(whole) == SEQUENCE


def assert_refused(done: Result, output: Path, problem: str) -> None:
    assert done.exit_code == 2, done.output
    assert problem in " ".join(done.output.split())
    assert "Traceback" not in done.output
    assert not output.exists()


@pytest.mark.parametrize(
    ("text", "copies", "problem"),
    [
        (">d\nACGTACGTTAGCATGC\n", None, "only nucleic acids"),
        (">a\nMKT@LV\n", None, "'@'"),
        (">a\n\n", None, "the sequence 'a' is empty"),
        ("", None, "is empty"),
        (">a\nMKTLV\n", "Q:2", "no sequence is called 'Q'"),
        (">a\nMKTLV\n", "two", "'two' are not understood"),
        (">a\nMKTLV\n", "A:0", "0 copies"),
    ],
)
def test_a_fasta_file_that_says_nothing_is_refused(built, tmp_path, text, copies, problem):
    (tmp_path / "s.fasta").write_text(text)
    words = (built.map, "--sequence", tmp_path / "s.fasta", "--output", tmp_path / "out")
    more = () if copies is None else ("--copies", copies)
    assert_refused(cryoai_build(*words, *more), tmp_path / "out", problem)


def test_a_missing_file_is_named(built, tmp_path):
    done = cryoai_build(tmp_path / "none.mrc", "--output", tmp_path / "out")
    assert_refused(done, tmp_path / "out", "none.mrc")
    words = (built.map, "--sequence", tmp_path / "none.fasta", "--output", tmp_path / "out")
    assert_refused(cryoai_build(*words), tmp_path / "out", "none.fasta")


def test_noise_gives_no_file(tmp_path):
    noise = np.random.default_rng(0).normal(size=(36, 36, 36)).astype(np.float32)
    write_map(tmp_path / "noise.mrc", DensityMap(noise, 1.0))
    done = cryoai_build(tmp_path / "noise.mrc", "--output", tmp_path / "out")
    assert_refused(done, tmp_path / "out", "no protein backbone was found in the map")
    assert "noise.mrc" in done.output


def test_voxels_that_show_no_backbone_are_refused(built, tmp_path):
    done = cryoai_build(built.map, "--pixel-size-A", 10, "--output", tmp_path / "out")
    assert_refused(done, tmp_path / "out", "voxels of 10 A show no backbone")


def test_a_failure_is_told_to_machines_in_json(tmp_path):
    write_map(tmp_path / "flat.mrc", DensityMap(np.ones((32, 32, 32), np.float32), 1.0))
    words = (tmp_path / "flat.mrc", "--output", tmp_path / "out", "--json")
    done = CliRunner().invoke(main, ["build", *map(str, (*words, *QUICK))])
    assert done.exit_code == 2
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert "constant" in lines[-1]["error"]["problem"]
    assert lines[-1]["error"]["path"].endswith("flat.mrc")


def test_a_failed_run_leaves_the_model_of_the_run_before(built, tmp_path):
    output = tmp_path / "out"
    output.mkdir()
    before = {name: (built.output / name).read_bytes() for name in FILES}
    for name, content in before.items():
        (output / name).write_bytes(content)
    write_map(tmp_path / "flat.mrc", DensityMap(np.ones((32, 32, 32), np.float32), 1.0))
    assert cryoai_build(tmp_path / "flat.mrc", "--output", output).exit_code == 2
    assert {p.name: p.read_bytes() for p in output.iterdir()} == before


@pytest.mark.parametrize("until", ["Resampling", "Looking for the backbone", "Threading"])
def test_ctrl_c_leaves_no_file(built, tmp_path, monkeypatch, until):
    real = module.build

    def interrupted(*inputs):
        job = real(*inputs)
        try:
            for step in job:
                yield step
                if until in step.message:
                    raise KeyboardInterrupt
        finally:
            job.close()

    monkeypatch.setattr(module, "build", interrupted)
    done = cryoai_build(built.map, "--output", tmp_path / "out")
    assert done.exit_code == 130, done.output
    assert not (tmp_path / "out").exists()
