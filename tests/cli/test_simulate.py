"""`cryoai simulate`: what it writes is what other programs read."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from napari_cryoai.cli import main
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.io.maps import read_map, write_map
from napari_cryoai.io.particle_stacks import read_particles
from napari_cryoai.io.picks import read_picks
from napari_cryoai.io.structures import read_structure


def pdb_of(xyz_A: np.ndarray) -> str:
    lines = [
        f"ATOM  {i + 1:5d}  CA  ALA A{i + 1:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00 50.00           C"
        for i, (x, y, z) in enumerate(xyz_A)
    ]
    return "\n".join([*lines, "END", ""])


@pytest.fixture
def structures(tmp_path: Path) -> list[Path]:
    """Two conformers; the second is packed."""
    xyz = np.random.default_rng(0).normal(0, 10, (120, 3))
    first, second = tmp_path / "a.pdb", tmp_path / "b.pdb.gz"
    first.write_text(pdb_of(xyz))
    second.write_bytes(gzip.compress(pdb_of(xyz * [1.2, 1, 1]).encode()))
    return [first, second]


def simulate(*words: object) -> Result:
    return CliRunner().invoke(main, ["simulate", *(str(w) for w in words)])


BOX = ("--box-size-px", 32, "--pixel-size-A", 3)


def test_particles_come_with_poses_ctf_halves_and_shifts(
    structures: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = simulate(
        "particles", structures[0], "--output", out, *BOX, "--count", 150, "--per-micrograph", 40
    )
    assert done.exit_code == 0, done.output
    stack = read_particles(out / "particles.star")
    assert len(stack) == 150
    assert len(list((out / "Particles").glob("*.mrcs"))) == 4
    assert stack.require_pixel_size() == 3.0
    assert np.bincount(stack.half).tolist() == [0, 75, 75]
    images = stack.images.read(np.arange(150))
    assert images.shape == (150, 32, 32)
    assert images.std() == pytest.approx(1, abs=0.1)
    ctf = stack.require_ctf()
    assert np.allclose(ctf.voltage_kV, 300)
    assert 7_000 < ctf.defocus_v_A.min() <= ctf.defocus_u_A.max() < 26_000
    assert stack.shifts_yx_A.std() == pytest.approx(3, rel=0.2)
    assert read_map(out / "truth.mrc").data.shape == (32, 32, 32)
    record = json.loads((out / "job.json").read_text())
    assert record["parameters"]["count"] == 150


def test_the_truth_in_the_file_makes_the_same_images_again(
    structures: list[Path], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        done = simulate("particles", structures[0], "--output", tmp_path / name, *BOX,
                        "--count", 20, "--snr", 5)  # fmt: skip
        assert done.exit_code == 0, done.output
    first, second = (read_particles(tmp_path / n / "particles.star") for n in ("one", "two"))
    rows = np.arange(20)
    assert np.array_equal(first.images.read(rows), second.images.read(rows))
    assert np.allclose(first.require_rotations(), second.require_rotations())


def test_a_path_between_two_structures_has_states(structures: list[Path], tmp_path: Path) -> None:
    done = simulate("particles", *structures, "--output", tmp_path / "o", *BOX, "--count", 40,
                    "--path-steps", 3)  # fmt: skip
    assert done.exit_code == 0, done.output
    stack = read_particles(tmp_path / "o" / "particles.star")
    assert set(stack.extra["cryoaiState"]) == {"0.000000", "0.500000", "1.000000"}


def test_a_map_can_be_given_too(tmp_path: Path) -> None:
    z, y, x = np.mgrid[:32, :32, :32] - 16
    ball = np.exp(-(z**2 + y**2 + 2 * x**2) / 40).astype(np.float32)
    write_map(tmp_path / "ball.mrc", DensityMap(ball, 3.0, (0.0, 0.0, 0.0)))
    words = ("particles", tmp_path / "ball.mrc", "--output", tmp_path / "o", "--count", 5)
    assert simulate(*words, *BOX).exit_code == 0
    wrong = simulate(*words, "--box-size-px", 32, "--pixel-size-A", 2)
    assert wrong.exit_code == 2
    assert "Give the map's own size" in wrong.output


def test_micrographs_come_with_true_positions_and_junk_masks(
    structures: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = simulate("micrographs", structures[0], "--output", out, "--count", 2, "--side-px", 256,
                    "--pixel-size-A", 3, "--particles", 8, "--empty", 0)  # fmt: skip
    assert done.exit_code == 0, done.output
    picks = read_picks(out / "true_positions.star")
    assert len(picks) >= 8
    assert "rlnAngleTilt" in picks.extra
    assert len(list(out.glob("simulated_*.mrc"))) == len(list((out / "junk").iterdir())) == 2


def test_half_maps_come_with_mask_labels_and_truth_in_the_frame_of_the_structure(
    structures: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = simulate("half-maps", structures[0], "--output", out, "--pixel-size-A", 2,
                    "--resolution-A", 6, "--count", 2, "--nucleic", 0, "--membrane", 0,
                    "--glycans", 0, "--masked", 0)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert sorted(folder.name for folder in out.iterdir() if folder.is_dir()) == ["a_001", "a_002"]
    maps = {
        name: read_map(out / "a_001" / f"{name}.mrc")
        for name in ("half1", "half2", "mask", "truth", "labels")
    }
    assert len({m.origin_A for m in maps.values()}) == 1
    assert not np.array_equal(maps["half1"].data, maps["half2"].data)
    # Density stands where the atoms of the file are.
    atoms = read_structure(structures[0]).xyz_A[:, ::-1]
    truth = maps["truth"]
    index = np.rint((atoms - np.array(truth.origin_A)) / truth.pixel_size_A).astype(int)
    assert truth.data[tuple(index.T)].mean() > truth.data.mean() + 2 * truth.data.std()
    assert (maps["labels"].data[tuple(index.T)] == 1).all()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--snr", "loud"), "is no distribution"),
        (("--box-size-px", 10), "A wide and the box"),
        (("--path-steps", 4), "a path has two ends"),
        (("--count", 0), "--count"),
    ],
)
def test_what_makes_no_sense_is_refused(
    structures: list[Path], tmp_path: Path, more: tuple[object, ...], says: str
) -> None:
    words = ("particles", structures[0], "--output", tmp_path / "o", "--pixel-size-A", 3)
    done = simulate(*words, *more)
    assert done.exit_code == 2
    assert says in done.output
