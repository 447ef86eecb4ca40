"""Particles that were chosen on small boxes leave as the large ones of the same picks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from napari_cryoai.cli import main
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.core.picks import PickTable
from napari_cryoai.heterogeneity.output import write_latents
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.particle_export import export_particles
from napari_cryoai.io.particle_stacks import read_particles
from napari_cryoai.io.picks import write_picks
from napari_cryoai.io.star import read_star


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


OPTICS = {
    "rlnOpticsGroup": ("1", "2"),
    "rlnOpticsGroupName": ("krios_1", "krios_2"),
    "rlnMtfFileName": ("mtf_k3.star", "mtf_k3.star"),
    "rlnVoltage": ("300.000000", "300.000000"),
    "rlnSphericalAberration": ("2.700000", "2.700000"),
    "rlnAmplitudeContrast": ("0.100000", "0.100000"),
    "rlnImagePixelSize": ("0.850000", "0.850000"),
    "rlnImageSize": ("16", "16"),
    "rlnImageDimensionality": ("2", "2"),
    "rlnCtfDataAreCtfPremultiplied": ("0", "0"),
}


def star_table(name: str, columns: Mapping[str, Sequence[str]]) -> str:
    labels = "".join(f"_{label} #{i}\n" for i, label in enumerate(columns, 1))
    rows = "".join(" ".join(row) + "\n" for row in zip(*columns.values(), strict=True))
    return f"\n# version 50001\n\ndata_{name}\n\nloop_\n{labels}{rows}\n"


def relion5(folder: Path, stack: str, size: int, pixel_A: float, **more: list[str]) -> Path:
    """Ten particles of two optics groups, as RELION 5 writes them."""
    write_mrc(folder / stack, np.ones((10, size, size), np.float32), pixel_A)
    optics = OPTICS | {
        "rlnImagePixelSize": (f"{pixel_A:.6f}",) * 2,
        "rlnImageSize": (str(size),) * 2,
    }
    order = range(10) if size == 8 else range(9, -1, -1)
    columns = {
        "rlnImageName": [f"{i:06d}@{stack}" for i in range(1, 11)],
        "rlnMicrographName": [f"mic{i % 3}.mrc" for i in order],
        "rlnCoordinateX": [f"{100 + 7 * i}.000000" for i in order],
        "rlnCoordinateY": [f"{900 - 5 * i}.000000" for i in order],
        "rlnOpticsGroup": [str(1 + i % 2) for i in order],
        "rlnDefocusU": [f"{10000 + i}.000000" for i in order],
        "rlnDefocusV": ["12000.000000"] * 10,
        "rlnDefocusAngle": ["0.000000"] * 10,
        **more,
    }
    path = folder / f"{Path(stack).stem}.star"
    path.write_text(star_table("optics", optics) + star_table("particles", columns))
    return path


def test_a_latent_space_of_binned_particles_selects_rows_of_the_originals(tmp_path):
    small = relion5(tmp_path, "binned.mrcs", 8, 1.7)
    scores = [f"{0.1 * i:.4f}" for i in range(10)]
    large = relion5(tmp_path, "full.mrcs", 16, 0.85, rlnCtfMaxResolution=scores)
    names = read_particles(small, with_images=False).images.names()
    z = np.arange(10, dtype=np.float32)[:, None]
    table = LatentTable(z, np.ones((10, 1, 1), np.float32), np.arange(10), np.array(names))
    write_latents(table, tmp_path / "run" / "z.npz")
    (tmp_path / "run" / "config.yaml").write_text(f"method: vae\nparticles: {small}\n")
    words = ["heterogeneity", "select", tmp_path / "run", "--where", "z1 > 6", "--original", large]
    result = CliRunner().invoke(main, [*map(str, words), "--output", str(tmp_path / "out.star")])
    assert result.exit_code == 0, result.output
    before, after = read_star(large), read_star(tmp_path / "out.star")
    assert after["optics"] == before["optics"]  # also the group's pixel and image size
    assert after["optics"]["rlnImageSize"] == ("16", "16")
    assert list(after["particles"]) == list(before["particles"])
    rows = [2, 1, 0]  # particles 7, 8, 9 of the binned file
    for label, tokens in before["particles"].items():
        assert after["particles"][label] == tuple(tokens[row] for row in rows)
    assert after["particles"]["rlnImageName"] == tuple(f"{i:06d}@full.mrcs" for i in (3, 2, 1))
    again = read_particles(tmp_path / "out.star")
    assert again.box_size_px == 16 and again.require_pixel_size() == 0.85
