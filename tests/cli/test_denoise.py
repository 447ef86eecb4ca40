"""`cryoai denoise map`: half maps in, a map and a report out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from napari_cryoai.cli import main
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.io.maps import read_map, write_map
from napari_cryoai.physics.simulators.demo_map import demo_maps

PIXEL_A, ORIGIN_A = 1.5, (12.0, -7.5, 30.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two half maps of a small box, somewhere in space."""
    path = tmp_path_factory.mktemp("halves")
    maps = demo_maps()
    for name in ("half 1", "half 2"):
        data = np.ascontiguousarray(maps[name].data[20:100, 20:100, 20:100])
        write_map(path / f"{name.replace(' ', '')}.mrc", DensityMap(data, PIXEL_A, ORIGIN_A))
    return path


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def denoise(*words: object) -> Result:
    return CliRunner().invoke(main, ["denoise", "map", *map(str, words)])


def test_a_filter_writes_maps_on_the_same_grid_and_a_report(folder: Path, tmp_path: Path) -> None:
    done = denoise(
        folder / "half1.mrc", folder / "half2.mrc", "--output", tmp_path, "--model", "wiener"
    )
    assert done.exit_code == 0, done.output
    names = {path.name for path in tmp_path.iterdir()}
    maps = {"denoised.mrc", "confidence.mrc", "denoised_half1.mrc", "denoised_half2.mrc"}
    assert names == maps | {"report.json", "fsc.csv", "fsc.png", "job.json"}
    for name in maps:
        density = read_map(tmp_path / name)
        assert density.shape == (80, 80, 80)
        assert density.pixel_size_A == pytest.approx(PIXEL_A)
        assert density.origin_A == pytest.approx(ORIGIN_A)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["verifiable"]
    assert report["verdict"] in done.output
    assert {finding["severity"] for finding in report["findings"]} <= {"ok", "caution", "fail"}
    header = (tmp_path / "fsc.csv").read_text().splitlines()[0]
    assert {"raw", "denoised", "cross"} <= set(header.split(","))


def test_halves_that_do_not_belong_together_are_refused(folder: Path, tmp_path: Path) -> None:
    other = read_map(folder / "half2.mrc")
    write_map(tmp_path / "small.mrc", DensityMap(other.data[:60].copy(), PIXEL_A))
    write_map(tmp_path / "coarse.mrc", DensityMap(other.data, 3.0))
    write_map(tmp_path / "flat.mrc", DensityMap(0 * other.data + 1, PIXEL_A))
    (tmp_path / "text.mrc").write_text("no map")
    told = {
        "small": "boxes",
        "coarse": "voxel sizes",
        "flat": "",
        "text": "text.mrc",
        "absent": "absent.mrc",
    }
    for name, message in told.items():
        done = denoise(
            folder / "half1.mrc", tmp_path / f"{name}.mrc", "--output", tmp_path / "out",
            "--model", "wiener",
        )  # fmt: skip
        assert done.exit_code == 2, name
        assert message in done.stderr
        assert not (tmp_path / "out" / "denoised.mrc").exists()


def test_the_same_half_twice_is_refused_or_failed(folder: Path, tmp_path: Path) -> None:
    half = folder / "half1.mrc"
    done = denoise(half, half, "--output", tmp_path, "--model", "wiener")
    assert done.exit_code == 2 or "Do not trust" in done.output


def test_a_single_map_needs_a_network(folder: Path, tmp_path: Path) -> None:
    done = denoise(folder / "half1.mrc", "--output", tmp_path, "--model", "wiener", "--json")
    assert done.exit_code == 2
    assert "two half maps" in json.loads(done.stdout.splitlines()[-1])["error"]["problem"]
