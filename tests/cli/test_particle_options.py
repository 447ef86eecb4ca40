"""Commands take particles of cryoDRGN where they take those of RELION."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from napari_cryoai.cli import main
from napari_cryoai.io.maps import read_map
from napari_cryoai.io.particle_stacks import read_particles, write_particles
from napari_cryoai.io.plain_pickle import read_pickles

COUNT = 40


@pytest.fixture(scope="module")
def star(simulated_particles: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = simulated_particles(tmp_path_factory.mktemp("whole"), 24, COUNT, 0.1)[0]
    files.write()
    return files.path


@pytest.fixture(scope="module")
def pickles(star: Path) -> Path:
    run("convert", "particles", star, folder := star.parent / "cryodrgn")
    return folder


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def reconstruct(*words: object) -> Result:
    return run("reconstruct", *words, "--device", "cpu")


def test_the_map_of_a_stack_with_pickles_is_that_of_the_star_file(
    star: Path, pickles: Path, tmp_path: Path
):
    given = ("--poses", pickles / "poses.pkl", "--ctf", pickles / "ctf.pkl")
    halfless = star.parent / "halfless.star"  # the pickles do not tell the halves either
    write_particles(replace(read_particles(star), half=np.zeros(COUNT, np.int8)), halfless)
    first = reconstruct(halfless, "--output", tmp_path / "a")
    second = reconstruct(star.parent / "particles.mrcs", *given, "--output", tmp_path / "b")
    assert first.exit_code == second.exit_code == 0, second.output
    a, b = (read_map(tmp_path / name / "half1.mrc").data for name in "ab")
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.9999


def test_a_choice_of_particles_is_kept_to(star: Path, pickles: Path, tmp_path: Path):
    (tmp_path / "few.txt").write_text("0 3 4 5 9 11 12 17")
    result = reconstruct(star, "--ind", tmp_path / "few.txt", "--output", tmp_path / "map")
    assert result.exit_code == 0, result.output
    assert "8 particles" in result.output


def test_poses_of_other_particles_are_refused(star: Path, tmp_path: Path):
    poses = tmp_path / "poses.pkl"
    poses.write_bytes(pickle.dumps((np.tile(np.eye(3), (7, 1, 1)), np.zeros((7, 2)))))
    result = reconstruct(star, "--poses", poses, "--output", tmp_path / "map")
    assert result.exit_code == 2
    assert "7 rows" in result.output
    assert not (tmp_path / "map/map.mrc").exists()


def test_a_stack_without_poses_is_no_map(star: Path, tmp_path: Path):
    result = reconstruct(star.parent / "particles.mrcs", "--output", tmp_path / "map")
    assert result.exit_code == 2
    assert "no poses" in result.output


def test_particles_go_to_cryodrgn_and_back(star: Path, pickles: Path, tmp_path: Path):
    given = ("--poses", pickles / "poses.pkl", "--ctf", pickles / "ctf.pkl")
    stack = star.parent / "particles.mrcs"
    result = run("convert", "particles", stack, star.parent / "back.star", *given)
    assert result.exit_code == 0, result.output
    before, after = read_particles(star), read_particles(star.parent / "back.star")
    np.testing.assert_allclose(after.rotations, before.rotations, atol=1e-6)
    np.testing.assert_allclose(after.ctf.defocus_u_A, before.ctf.defocus_u_A, rtol=1e-6)
    assert after.images.names() == before.images.names()


def test_a_choice_goes_to_cryodrgn_as_one(star: Path, tmp_path: Path):
    (tmp_path / "few.txt").write_text("0 3")
    result = run("convert", "particles", star, tmp_path / "out", "--ind", tmp_path / "few.txt")
    assert result.output.startswith("2 particles: ")
    assert len(read_pickles(tmp_path / "out/poses.pkl")[0][0]) == COUNT
    assert read_pickles(tmp_path / "out/ind.pkl")[0].tolist() == [0, 3]


def test_one_file_of_particles_may_be_written_anew(star: Path, tmp_path: Path):
    stack = read_particles(star)
    write_particles(stack.select(np.arange(3)), star.parent / "three.star")
    result = run("convert", "particles", star.parent / "three.star", star.parent / "new.star")
    assert result.output.startswith("3 particles: ")


@pytest.mark.parametrize("target", ["particles.star", "new.cs"])
def test_targets_that_make_no_sense_are_refused(star: Path, target):
    before = star.read_bytes()
    result = run("convert", "particles", star, star.parent / target)
    assert result.exit_code == 2
    assert star.read_bytes() == before
