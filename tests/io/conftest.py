from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.micrograph import Micrograph

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """Real public data, which is not part of the repository."""
    if not DATA.is_dir():
        pytest.skip(f"the real data are not at {DATA}")
    return DATA


@pytest.fixture(scope="session")
def micrograph() -> Callable[..., Micrograph]:
    """Micrographs that are known by name, size and pixel size alone."""

    def make(
        name: str, shape: tuple[int, int] = (4096, 4096), pixel_size_A: float | None = 1.5
    ) -> Micrograph:
        return Micrograph(name, Path(name), shape, pixel_size_A, lambda: np.zeros(shape, np.uint8))

    return make
