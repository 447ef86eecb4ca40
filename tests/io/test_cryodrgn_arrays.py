"""What the pickles of cryoDRGN hold, and what they are not taken for."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.cryodrgn_arrays import read_cryodrgn_latent, read_ctf, read_poses


def dump(path: Path, *values: Any) -> Path:
    path.write_bytes(b"".join(pickle.dumps(value) for value in values))
    return path


def test_latents_are_mean_and_variance(tmp_path: Path):
    mean = np.arange(6, dtype=np.float32).reshape(3, 2)
    path = dump(tmp_path / "z.pkl", mean, np.log(mean + 1))
    found, variance = read_cryodrgn_latent(path, count=3)
    assert np.array_equal(found, mean)
    np.testing.assert_allclose(variance, mean + 1, rtol=1e-6)
    with pytest.raises(CryoAIError, match="places of 3 particles, and there are 4"):
        read_cryodrgn_latent(path, count=4)


def test_latents_without_variance_are_read(tmp_path: Path):
    path = dump(tmp_path / "z.pkl", np.zeros((3, 2)))
    assert read_cryodrgn_latent(path)[1] is None


def test_latents_that_are_none_are_refused(tmp_path: Path):
    with pytest.raises(CryoAIError, match=r"arrays of \(3, 2\), \(3, 3\)"):
        read_cryodrgn_latent(dump(tmp_path / "z.pkl", np.zeros((3, 2)), np.zeros((3, 3))))
    with pytest.raises(CryoAIError, match="no number in row 2"):
        read_cryodrgn_latent(dump(tmp_path / "z.pkl", np.array([[0.0], [np.nan]])))


def test_poses_and_latents_are_not_mistaken_for_each_other(tmp_path: Path):
    dump(tmp_path / "z.pkl", np.zeros((6, 2)), np.zeros((6, 2)))
    dump(tmp_path / "poses.pkl", (np.tile(np.eye(3), (6, 1, 1)), np.zeros((6, 2))))
    with pytest.raises(CryoAIError, match="holds 2 pickles"):
        read_poses(tmp_path / "z.pkl")
    with pytest.raises(CryoAIError, match="no array of numbers"):
        read_cryodrgn_latent(tmp_path / "poses.pkl")
    with pytest.raises(CryoAIError, match="no array of numbers"):
        read_ctf(tmp_path / "poses.pkl")
