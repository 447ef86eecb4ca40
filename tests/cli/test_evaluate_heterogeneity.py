"""`cryoai evaluate heterogeneity`: what the simulator wrote is what a latent space is judged by."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from napari_cryoai.cli import main
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.model import LatentModel
from napari_cryoai.heterogeneity.output import read_model, write_model
from napari_cryoai.io.particle_stacks import read_particles, write_particles
from napari_cryoai.io.particle_truth import read_truth

N, COUNT = 24, 60


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulated particles of a part that swings, and a latent space that knows its states."""
    folder = tmp_path_factory.mktemp("heterogeneity")
    rng = np.random.default_rng(0)
    body, arm = rng.normal(0, 5, (80, 3)) - [14, 0, 0], rng.normal(0, 4, (60, 3)) - [-12, 0, 0]
    (folder / "a.pdb").write_text(pdb_of(body, "A") + pdb_of(arm, "B") + "END\n")
    done = run(
        *("simulate", "particles", folder / "a.pdb", "--output", folder / "sim", "--count", COUNT),
        *("--box-size-px", N, "--pixel-size-A", 4, "--motion", "hinge", "--moving-part", "B"),
        *("--motion-steps", 5, "--motion-angle-deg", 50, "--seed", 3),
    )
    assert done.exit_code == 0, done.output
    truth = read_truth(folder / "sim")
    maps = torch.stack([torch.from_numpy(truth.map_of(i).data) for i in range(5)])
    u, s, vt = torch.linalg.svd((maps - maps.mean(0)).flatten(1), full_matrices=False)
    z = (u * s)[:, :3].numpy()[truth.conformer].astype(np.float32)
    width = np.broadcast_to(np.eye(3, dtype=np.float32), (COUNT, 3, 3)).copy()
    table = LatentTable(z, width, np.arange(COUNT), truth.names)
    parts = vt[:3].reshape(-1, N, N, N).contiguous()
    write_model(
        LatentModel("covariance", maps.mean(0), parts, None, table, 4.0), folder / "out", {}
    )
    return folder


def pdb_of(xyz_A: np.ndarray, chain: str) -> str:
    return "".join(
        f"ATOM  {i + 1:5d}  CA  ALA {chain}{i + 1:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00 50.00"
        "           C\n"
        for i, (x, y, z) in enumerate(xyz_A)
    )


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(w) for w in words])


def test_a_simulated_motion_comes_with_its_truth(files: Path) -> None:
    truth = read_truth(files / "sim")
    assert truth.state.tolist() == [-50, -25, 0, 25, 50]
    assert truth.coordinates.tolist() == [[-1], [-0.5], [0], [0.5], [1]]
    assert set(truth.conformer.tolist()) == set(range(5))
    assert truth.names[0] == "000001@Particles/simulated_00001.mrcs"
    assert truth.map_of(4).data.shape == (N, N, N)


def test_scores_are_told_in_json_and_in_files(files: Path, tmp_path: Path) -> None:
    done = run(
        *("evaluate", "heterogeneity", files / "out", "--truth", files / "sim" / "truth.npz"),
        *("--output", tmp_path / "scores", "--images", 20, "--json"),
    )
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["method"] == "covariance"
    assert found["fsc"]["auc"] > found["consensus"]["auc"]
    assert found["difference"]["correlation"] > 0.9
    assert found["latent"]["explained"] > 0.8
    assert json.loads((tmp_path / "scores" / "scores.json").read_text()) == found
    rows = list(csv.DictReader((tmp_path / "scores" / "images.csv").open()))
    assert len(rows) == 20
    mean = np.mean([float(row["auc"]) for row in rows])
    assert mean == pytest.approx(found["fsc"]["auc"], abs=1e-4)
    assert json.loads((tmp_path / "scores" / "job.json").read_text())["parameters"]["images"] == 20


def test_scores_are_told_in_words_with_the_floor_beside_them(files: Path) -> None:
    done = run("evaluate", "heterogeneity", files / "out", "--truth", files / "sim")
    assert done.exit_code == 0, done.output
    for words in ("map of each image", "one map for all", "mean of the true maps", "correlation"):
        assert words in done.output
    assert "The maps are nearer to the truth than one map for all images" in done.output


def test_with_poses_found_anew_maps_are_turned_into_the_frame_of_the_truth(
    files: Path, tmp_path: Path
) -> None:
    half_turn = np.diag([-1.0, -1.0, 1.0])
    stack = read_particles(files / "sim" / "particles.star")
    assert stack.rotations is not None
    # Both turned: the images are the same.
    write_particles(replace(stack, rotations=stack.rotations @ half_turn), tmp_path / "found.star")
    model = read_model(files / "out")
    mean, components = (
        t.flip(-1, -2).roll((1, 1), (-1, -2)) for t in (model.mean, model.components)
    )
    write_model(replace(model, mean=mean, components=components), tmp_path / "out", {})
    words = ("evaluate", "heterogeneity", tmp_path / "out", "--truth", files / "sim", "--json")
    as_it_lies = json.loads(run(*words).output)
    found = json.loads(run(*words, "--poses", tmp_path / "found.star").output)
    assert as_it_lies["fsc"]["auc"] < 0.35
    assert found["fsc"]["auc"] > 0.45
    assert found["poses"]["median_angle_deg"] < 0.1
    assert found["poses"]["median_shift_A"] < 0.1
    told = run(*words[:-1], "--poses", tmp_path / "found.star").output
    assert "Poses: median error 0.00 degrees" in told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("out", "--truth", "sim/particles.star"), "is no truth of simulated particles"),
        (("sim", "--truth", "sim"), "there is no such file"),
        (("out", "--truth", "nowhere.npz"), "there is no such file"),
        (("out", "--truth", "sim", "--consensus", "a.pdb"), "a.pdb"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    files: Path, words: tuple[str, ...], says: str
) -> None:
    named = [word if word.startswith("--") else files / word for word in words]
    done = run("evaluate", "heterogeneity", *named)
    assert done.exit_code == 2, done.output
    assert says in done.output
    assert "Traceback" not in done.output


def test_a_part_moves_of_one_structure_only(files: Path, tmp_path: Path) -> None:
    pdb = files / "a.pdb"
    done = run("simulate", "particles", pdb, pdb, "--output", tmp_path, "--motion", "turn")
    assert done.exit_code == 2
    assert "moves a part of one structure" in done.output
    done = run(
        "simulate", "particles", pdb, "--output", tmp_path, "--motion", "turn", "--moving-part", "X"
    )
    assert done.exit_code == 2
    assert "Its chains are A, B" in done.output
