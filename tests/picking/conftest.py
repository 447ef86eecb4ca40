from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.physics.simulators.micrographs import (
    MicrographModel,
    SimulatedMicrograph,
    simulate_micrograph,
)

DATA = Path(__file__).parents[3] / "shared" / "data"

Simulate = Callable[..., SimulatedMicrograph]


@pytest.fixture(scope="session")
def data() -> Path:
    """Real public data, which is not part of the repository."""
    if not DATA.is_dir():
        pytest.skip(f"the real data are not at {DATA}")
    return DATA


@pytest.fixture(scope="session")
def simulate() -> Simulate:
    """Micrographs of 140 A particles at 2 A per pixel, each simulated once."""

    @cache
    def make(seed: int = 0, name: str = "simulated.mrc", **knobs: Any) -> SimulatedMicrograph:
        usual = {"shape": (768, 768), "pixel_size_A": 2.0, "diameter_A": 140.0, "count": 45}
        return simulate_micrograph(MicrographModel(**usual | {"snr": 0.1} | knobs), seed, name)

    return make


@pytest.fixture(scope="session")
def in_memory() -> Callable[..., Micrograph]:
    """A micrograph that is no file."""

    def make(
        pixels: np.ndarray, pixel_size_A: float | None = 2.0, name: str = "simulated.mrc"
    ) -> Micrograph:
        return Micrograph(name, Path(name), pixels.shape, pixel_size_A, partial(np.array, pixels))

    return make


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four small MRC files of shells, the last of them empty."""
    folder = tmp_path_factory.mktemp("set")
    paths = []
    for i, count in enumerate((20, 25, 15, 0)):
        model = MicrographModel((512, 480), 2.0, "shell", 120.0, count=count, snr=0.12)
        paths.append(folder / f"mic{i}.mrc")
        write_mrc(paths[-1], simulate_micrograph(model, i, paths[-1].name).image, 2.0)
    return paths
