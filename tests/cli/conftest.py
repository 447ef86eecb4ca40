"""A folder of small simulated micrographs, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_cryoai.core.picks import PickTable, concatenate
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.physics.simulators.micrographs import MicrographModel, simulate_micrograph

DIAMETER_A = 120.0


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
