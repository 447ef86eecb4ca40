"""The arrays in cryoDRGN's pickles: `poses.pkl`, `ctf.pkl`, `z.pkl`.

Documented in `docs/formats/cryodrgn.md`. Nothing is unpickled; see `io.plain_pickle`.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.columns import Floats
from napari_cryoai.io.plain_pickle import read_pickles

AnyPath = str | PathLike[str]

CTF_COLUMNS = (
    *("defocus_u_A", "defocus_v_A", "defocus_angle_deg"),
    *("voltage_kV", "cs_mm", "amplitude_contrast", "phase_shift_deg"),
)
"""What follows box size and pixel size in `ctf.pkl`."""
CTF_WIDTH = 2 + len(CTF_COLUMNS)


def read_ctf(path: AnyPath) -> Floats:
    """`(n, 9)` CTF parameters as `cryodrgn parse_ctf_star` writes them."""
    path = Path(path)
    table = _array(_only(path), path, 2)
    if table.shape[1] != CTF_WIDTH:
        raise CryoAIError(
            f"has {table.shape[1]} columns, and cryoDRGN's CTF parameters have {CTF_WIDTH}",
            path=path,
            remedy="Choose the ctf.pkl of cryodrgn parse_ctf_star or parse_ctf_csparc",
        )
    if not (table[:, :2] > 0).all():
        raise CryoAIError(
            "says no box size or pixel size (its first two columns)",
            path=path,
            remedy="Make it again with cryodrgn parse_ctf_star -D and --Apix",
        )
    return table


def read_poses(path: AnyPath) -> tuple[Floats, Floats | None]:
    """`(n, 3, 3)` rotations and `(n, 2)` shifts xy as they stand in `poses.pkl`; None without."""
    path = Path(path)
    found = _only(path)
    parts = list(found) if isinstance(found, (tuple, list)) else [found]
    if not 1 <= len(parts) <= 2:
        raise _no_poses(f"it holds {len(parts)} arrays", path)
    rotations = _array(parts[0], path, 3)
    if rotations.shape[1:] != (3, 3):
        raise _no_poses(f"the first array is {rotations.shape}, not (n, 3, 3)", path)
    if len(parts) == 1:
        return rotations, None
    shifts = _array(parts[1], path, 2)
    if shifts.shape != (len(rotations), 2):
        raise _no_poses(f"{len(rotations)} rotations, and shifts of {shifts.shape}", path)
    return rotations, shifts


def read_cryodrgn_latent(
    path: AnyPath, *, count: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Places in a latent space from `z.N.pkl`, which holds two pickles one after the other.

    Parameters
    ----------
    count
        How many particles there are.

    Returns
    -------
    mean
        `(n, d)`.
    variance
        `(n, d)` of each coordinate; None if the file has the means alone.

    Raises
    ------
    CryoAIError
        If it holds something else, or places of another number of particles.
    """
    path = Path(path)
    found = [_array(value, path, 2) for value in read_pickles(path)]
    if len(found) > 2 or any(part.shape != found[0].shape for part in found):
        shapes = ", ".join(str(part.shape) for part in found[:4])
        raise CryoAIError(
            f"holds arrays of {shapes}, not the mean and the log-variance of latents",
            path=path,
            remedy="Choose the z.N.pkl of a training",
        )
    mean = found[0].astype(np.float32)
    if count is not None and len(mean) != count:
        raise CryoAIError(
            f"holds the places of {len(mean):,} particles, and there are {count:,}",
            path=path,
            remedy="Give the particles that were trained on, with their ind.pkl (--ind)",
        )
    with np.errstate(over="ignore"):
        return mean, np.exp(found[1]).astype(np.float32) if len(found) > 1 else None


def _only(path: Path) -> Any:
    """The value of a file with one pickle."""
    values = read_pickles(path)
    if len(values) != 1:
        raise CryoAIError(
            f"holds {len(values)} pickles, and one was expected",
            path=path,
            remedy="Choose the poses.pkl, ctf.pkl or ind.pkl of cryoDRGN; latents (z.N.pkl) hold "
            "two",
        )
    return values[0]


def _array(value: Any, path: Path, dimensions: int) -> Floats:
    """An array of finite numbers."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        raise _no_numbers(path)
    if value.ndim != dimensions or not len(value):
        raise _no_numbers(path, f" of {dimensions} dimensions but {value.shape}")
    numbers = value.astype(np.float64)
    bad = ~np.isfinite(numbers.reshape(len(numbers), -1)).all(1)
    if bad.any():
        raise CryoAIError(
            f"holds something that is no number in row {int(np.argmax(bad)) + 1} ({bad.sum():,} "
            "rows are like that)",
            path=path,
            remedy="Leave these particles out with an ind.pkl, or make the file again",
        )
    return numbers


def _no_numbers(path: Path, what: str = "") -> CryoAIError:
    return CryoAIError(
        f"holds no array of numbers{what}",
        path=path,
        remedy="Choose the file that cryoDRGN wrote for this",
    )


def _no_poses(problem: str, path: Path) -> CryoAIError:
    return CryoAIError(
        f"holds no poses: {problem}",
        path=path,
        remedy="Choose the poses.pkl of cryodrgn parse_pose_star, parse_pose_csparc or a training",
    )
