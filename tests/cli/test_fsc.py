"""`cryoai fsc`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from napari_cryoai.cli import main
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.io.maps import write_map
from napari_cryoai.physics.masks import sphere
from napari_cryoai.physics.radial import low_pass

N, PIXEL_A, RESOLUTION_A = 48, 2.0, 8.0


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two noisy halves of a structure at 8 A, the structure, and a mask."""
    folder = tmp_path_factory.mktemp("maps")
    generator = torch.Generator().manual_seed(0)
    noise = [torch.randn(N, N, N, generator=generator) for _ in range(3)]
    mask = sphere((N, N, N), 12, 6)
    truth = 10 * low_pass(noise[0], PIXEL_A, RESOLUTION_A) * mask
    made = {"truth": truth, "half1": truth + noise[1], "half2": truth + noise[2], "mask": mask}
    for name, data in made.items():
        write_map(folder / f"{name}.mrc", DensityMap(data.numpy(), PIXEL_A))
    write_map(folder / "small.mrc", DensityMap(truth[:40, :40, :40].numpy(), PIXEL_A))
    write_map(folder / "coarse.mrc", DensityMap(truth.numpy(), 3.0))
    return folder


def run(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


def test_two_halves_speak_for_the_resolution_of_their_structure(maps: Path) -> None:
    code, out, _ = run("fsc", maps / "half1.mrc", maps / "half2.mrc", "--json")
    report = json.loads(out)
    assert code == 0
    assert report["pixel_size_A"] == PIXEL_A
    assert report["unmasked"]["resolution_0.5_A"] == pytest.approx(RESOLUTION_A, rel=0.15)
    assert set(report) == {"pixel_size_A", "unmasked"}


def test_a_mask_gives_corrected_figures_and_files(maps: Path, tmp_path: Path) -> None:
    halves = maps / "half1.mrc", maps / "half2.mrc"
    code, out, _ = run("fsc", *halves, "--mask", maps / "mask.mrc", "--output", tmp_path / "run")
    assert code == 0
    assert "corrected" in out and "unmasked" in out
    with (tmp_path / "run" / "fsc.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == N // 2 + 1
    assert float(rows[0]["corrected"]) > 0.5
    assert abs(float(rows[-1]["corrected"])) < 0.3
    picture = np.asarray(Image.open(tmp_path / "run" / "fsc.png").convert("L"))
    assert picture.std() > 10
    record = json.loads((tmp_path / "run" / "job.json").read_text())
    assert record["job"] == "fsc" and len(record["inputs"]) == 3


def test_a_voxel_size_of_ones_own_scales_the_resolution(maps: Path) -> None:
    halves = maps / "half1.mrc", maps / "half2.mrc"
    plain, doubled = (
        json.loads(run("fsc", *halves, "--json", *more)[1])["unmasked"]["resolution_0.5_A"]
        for more in ([], ["--pixel-size-A", 2 * PIXEL_A])
    )
    assert doubled == pytest.approx(2 * plain)


@pytest.mark.parametrize(
    ("other", "problem"), [("small", "boxes of the maps differ"), ("coarse", "voxel sizes")]
)
def test_maps_on_other_grids_are_refused(maps: Path, other: str, problem: str) -> None:
    code, _, errors = run("fsc", maps / "half1.mrc", maps / f"{other}.mrc")
    assert code == 2
    assert problem in errors and f"{other}.mrc" in errors


def test_a_map_that_is_not_there_is_said_to_be_missing(maps: Path) -> None:
    code, _, errors = run("fsc", maps / "half1.mrc", maps / "half3.mrc")
    assert code == 2 and "half3.mrc" in errors
