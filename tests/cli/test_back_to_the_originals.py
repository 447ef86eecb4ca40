"""Particles that were chosen on small boxes leave as the large ones of the same picks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from click.testing import CliRunner

from napari_cryoai.cli import main
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.particle_export import export_particles
from napari_cryoai.io.particle_stacks import read_particles
from napari_cryoai.io.picks import write_picks


def extract(picks: Path, micrographs: Path, output: Path, box_px: int, pixel_A: float) -> Path:
    words = ["extract", picks, "--micrographs", micrographs, "--output", output]
    words += ["--box-size-px", box_px, "--pixel-size-A", pixel_A]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return output / "particles.star"


def test_our_own_binned_particles_lead_back(simulated: tuple[Path, PickTable], tmp_path: Path):
    folder, truth = simulated
    write_picks(truth, tmp_path / "picks.star", micrographs=open_micrographs([folder])[0])
    small = extract(tmp_path / "picks.star", folder, tmp_path / "small", 24, 8.0)
    large = extract(tmp_path / "picks.star", folder, tmp_path / "large", 64, 2.0)
    binned, full = read_particles(small), read_particles(large)
    rows = np.array([7, 2, 11])
    names = binned.images.names()
    assert names is not None
    out = tmp_path / "large/chosen.star"
    chosen = [names[row] for row in rows]
    assert export_particles(small, rows, chosen, out, original=large) == 3
    again = read_particles(out)
    assert again.box_size_px == full.box_size_px == 64
    assert again.pixel_size_A[0] == 2.0
    np.testing.assert_array_equal(again.yx_px, binned.yx_px[rows])
    assert [again.names[i] for i in again.micrograph] == [
        binned.names[i] for i in binned.micrograph[rows]
    ]
