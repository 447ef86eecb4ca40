"""Simulated micrographs, made once, and simulated particles as files that a test can break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from napari_cryoai.core.euler import zyz_from_matrices
from napari_cryoai.core.particle_ctf import ParticleCtf
from napari_cryoai.core.picks import PickTable, concatenate
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.physics import fourier
from napari_cryoai.physics.ctf import CTF
from napari_cryoai.physics.simulators.micrographs import MicrographModel, simulate_micrograph
from napari_cryoai.physics.slices import FourierVolume

DIAMETER_A = 120.0
PIXEL_A = 3.0


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PickTable]:
    """Three micrographs of 640 x 512 pixels at 2 A, and where their shells are."""
    folder = tmp_path_factory.mktemp("micrographs")
    model = MicrographModel(
        shape=(512, 640), pixel_size_A=2.0, kind="shell", diameter_A=DIAMETER_A, count=40, snr=0.2
    )
    tables = []
    for i in range(3):
        made = simulate_micrograph(model, i, f"m{i}.mrc")
        write_mrc(folder / f"m{i}.mrc", made.image, pixel_size_A=2.0)
        tables.append(made.picks)
    return folder, concatenate(tables)


@dataclass
class Files:
    """Particles on their way to disk, to be broken before or after they get there."""

    folder: Path
    images: np.ndarray
    columns: dict[str, list[Any]]
    optics: dict[str, list[Any]]
    options: list[Any] = field(default_factory=list)
    name: str = "particles.star"
    block: str = "particles"

    @property
    def stack(self) -> Path:
        return self.folder / "particles.mrcs"

    @property
    def path(self) -> Path:
        return self.folder / self.name

    def write(self) -> None:
        write_mrc(self.stack, self.images, PIXEL_A)
        blocks = {"optics": self.optics, self.block: self.columns}
        self.path.write_text("".join(loop(*item) for item in blocks.items() if item[1]))


def loop(name: str, columns: dict[str, list[Any]]) -> str:
    labels = "".join(f"_{label} #{i}\n" for i, label in enumerate(columns, 1))
    rows = "".join(" ".join(map(str, row)) + "\n" for row in zip(*columns.values(), strict=True))
    return f"\n# version 30001\n\ndata_{name}\n\nloop_\n{labels}{rows}\n"


def particles_of_blobs(
    folder: Path, n: int, count: int, noise: float
) -> tuple[Files, torch.Tensor]:
    """Particles of four blobs in a box of `n`, with all that RELION 3.1 tells of them."""
    rng = np.random.default_rng(3)
    axis = torch.arange(n) - n // 2
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    truth = torch.zeros(n, n, n)
    for a, b, c in rng.uniform(-6, 6, (4, 3)):
        truth += torch.exp(-((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / 4)
    rotations = Rotation.random(count, rng=4)
    defocus = rng.uniform(8_000, 20_000, count)
    ctf = ParticleCtf.of_values(
        count,
        defocus_u_A=defocus,
        defocus_v_A=defocus,
        defocus_angle_deg=0,
        voltage_kV=300,
        cs_mm=2.7,
        amplitude_contrast=0.1,
    )
    volume = FourierVolume.of_map(truth, kernel="kaiser-bessel")
    slices = volume.slices(torch.from_numpy(rotations.as_matrix()).float())
    function = CTF.of_particles(ctf).at(*fourier.frequencies((n, n), PIXEL_A))
    images = fourier.to_real(-function * slices, (n, n)).numpy()
    images += noise * images.std() * rng.standard_normal(images.shape, np.float32)
    rot, tilt, psi = zyz_from_matrices(rotations.as_matrix())
    columns: dict[str, list[Any]] = {
        "rlnImageName": [f"{i + 1:06d}@particles.mrcs" for i in range(count)],
        "rlnMicrographName": ["m1.mrc"] * count,
        "rlnOpticsGroup": [1] * count,
        "rlnAngleRot": rot.tolist(),
        "rlnAngleTilt": tilt.tolist(),
        "rlnAnglePsi": psi.tolist(),
        "rlnOriginXAngst": [0.0] * count,
        "rlnOriginYAngst": [0.0] * count,
        "rlnDefocusU": defocus.tolist(),
        "rlnDefocusV": defocus.tolist(),
        "rlnDefocusAngle": [0.0] * count,
        "rlnRandomSubset": [i % 2 + 1 for i in range(count)],
    }
    optics: dict[str, list[Any]] = {
        "rlnOpticsGroup": [1],
        "rlnOpticsGroupName": ["opticsGroup1"],
        "rlnVoltage": [300],
        "rlnSphericalAberration": [2.7],
        "rlnAmplitudeContrast": [0.1],
        "rlnImagePixelSize": [PIXEL_A],
        "rlnImageSize": [n],
    }
    return Files(folder, images, columns, optics), truth


@pytest.fixture(scope="session")
def simulated_particles() -> Callable[[Path, int, int, float], tuple[Files, torch.Tensor]]:
    """Makes particles, not yet written, and the map that they are of."""
    return particles_of_blobs
