"""Particles that cryoDRGN has placed keep their identity."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.cryodrgn import read_cryodrgn
from napari_cryoai.io.cryodrgn_latents import latents_of
from napari_cryoai.io.indices import write_indices
from napari_cryoai.io.mrc import write_mrc


def test_latents_belong_to_particles(tmp_path: Path):
    write_mrc(tmp_path / "all.mrcs", np.zeros((6, 8, 8), np.float32), 2.5)
    path = tmp_path / "z.pkl"
    path.write_bytes(pickle.dumps(np.ones((2, 3))) + pickle.dumps(np.zeros((2, 3))))
    write_indices(tmp_path / "ind.pkl", np.array([5, 1]))
    stack = read_cryodrgn(tmp_path / "all.mrcs", indices=tmp_path / "ind.pkl")
    table = latents_of(path, stack, np.array([5, 1]))
    assert table.names.tolist() == ["000006@all.mrcs", "000002@all.mrcs"]
    assert table.rows.tolist() == [5, 1]
    np.testing.assert_array_equal(table.covariance[0], np.eye(3))
    path.write_bytes(pickle.dumps(np.ones((3, 3))))
    with pytest.raises(CryoAIError, match="places of 3 particles, and there are 2"):
        latents_of(path, stack, np.array([5, 1]))
