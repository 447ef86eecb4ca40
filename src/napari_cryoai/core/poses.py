"""Poses of other programs and ours.

Ours: a rotation `R` that takes the map into the view, and the position `(y, x)` in A of the
particle's centre relative to the central pixel of its box. Files say it otherwise:

| program | rotation | shift |
|---|---|---|
| RELION | angles rot, tilt, psi (ZYZ, degrees) of `R` | `(x, y)` A that centre the image |
| cryoSPARC | rotation vector of `R^T`, radian | `(x, y)` pixels that centre the image |
| cryoDRGN | `R` | `(x, y)` that centre the image, as fractions of the box |

What centres the image is minus the position. All of it is in numpy: it is the border of the files.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.euler import matrices_from_vectors, matrices_from_zyz, zyz_from_matrices

Floats = NDArray[np.float64]


def from_relion(
    angles_deg: ArrayLike, origins_xy_A: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Poses from a RELION STAR file.

    Parameters
    ----------
    angles_deg
        `(n, 3)` of `_rlnAngleRot`, `_rlnAngleTilt`, `_rlnAnglePsi`.
    origins_xy_A
        `(n, 2)` of `_rlnOriginXAngst`, `_rlnOriginYAngst`; 0 if not given. RELION 3.0 has them in
        pixels: multiply by the pixel size.

    Returns
    -------
    rotations
        `(n, 3, 3)`.
    positions_yx_A
        `(n, 2)`.
    """
    angles = _checked(angles_deg, 3, "angles")
    rotations = matrices_from_zyz(angles[:, 0], angles[:, 1], angles[:, 2])
    return rotations, _positions(origins_xy_A, len(angles))


def to_relion(rotations: ArrayLike, positions_yx_A: ArrayLike) -> tuple[Floats, Floats]:
    """Inverse of `from_relion`: `(n, 3)` angles in degrees and `(n, 2)` origins in A."""
    angles = np.stack(zyz_from_matrices(_rotations(rotations)), -1)
    return angles, -_checked(positions_yx_A, 2, "positions")[:, ::-1]


def from_cryosparc(
    vectors_rad: ArrayLike, shifts_xy_px: ArrayLike | None = None, pixel_size_A: ArrayLike = 1.0
) -> tuple[Floats, Floats]:
    """Poses from a cryoSPARC `.cs` file.

    Parameters
    ----------
    vectors_rad
        `(n, 3)` of `alignments3D/pose`.
    shifts_xy_px
        `(n, 2)` of `alignments3D/shift`; 0 if not given.
    pixel_size_A
        Of `alignments3D/psize_A`, one or `(n,)`: the pixels of the shifts, which are not those of
        the images (`blob/psize_A`) where the alignment was made on smaller ones.

    Returns
    -------
    rotations
        `(n, 3, 3)`.
    positions_yx_A
        `(n, 2)`.
    """
    vectors = _checked(vectors_rad, 3, "poses")
    shifts = None
    if shifts_xy_px is not None:
        pixel = np.broadcast_to(np.asarray(pixel_size_A, float), len(vectors))
        shifts = _checked(shifts_xy_px, 2, "shifts") * pixel[:, None]
    return matrices_from_vectors(-vectors), _positions(shifts, len(vectors))


def to_cryosparc(
    rotations: ArrayLike, positions_yx_A: ArrayLike, pixel_size_A: ArrayLike
) -> tuple[Floats, Floats]:
    """Inverse of `from_cryosparc`: `(n, 3)` rotation vectors and `(n, 2)` shifts in pixels."""
    vectors = -Rotation.from_matrix(_rotations(rotations)).as_rotvec()
    positions = _checked(positions_yx_A, 2, "positions")
    pixel = np.broadcast_to(np.asarray(pixel_size_A, float), len(positions))
    return vectors, -positions[:, ::-1] / pixel[:, None]


def from_cryodrgn(
    rotations: ArrayLike, translations_xy: ArrayLike | None, box_A: ArrayLike
) -> tuple[Floats, Floats]:
    """Poses from cryoDRGN's `poses.pkl`.

    Parameters
    ----------
    rotations
        `(n, 3, 3)`.
    translations_xy
        `(n, 2)` as fractions of the box; older files, and those of `abinit`, have pixels there.
    box_A
        Side of the box, one or `(n,)`: pixels times pixel size.

    Returns
    -------
    rotations
        `(n, 3, 3)`.
    positions_yx_A
        `(n, 2)`.

    Raises
    ------
    CryoAIError
        If a translation is longer than half the box: the particle would lie outside its image, so
        it is none in fractions.
    """
    ours = _rotations(rotations)
    if translations_xy is None:
        return ours, np.zeros((len(ours), 2))
    fractions = _checked(translations_xy, 2, "translations")
    far = np.abs(fractions).max(1, initial=0)
    if (far > 0.5).any():
        raise CryoAIError(
            f"the translation in row {int(far.argmax()) + 1} is {far.max():.3g} boxes long: they "
            "are in pixels",
            remedy="Divide them by the box size in pixels, or read the file with "
            "--shifts-in-pixels",
        )
    return ours, _positions(fractions * _each(box_A, len(ours)), len(ours))


def to_cryodrgn(
    rotations: ArrayLike, positions_yx_A: ArrayLike, box_A: ArrayLike
) -> tuple[Floats, Floats]:
    """Inverse of `from_cryodrgn`: `(n, 3, 3)` and `(n, 2)` as fractions of the box."""
    positions = _checked(positions_yx_A, 2, "positions")
    return _rotations(rotations), -positions[:, ::-1] / _each(box_A, len(positions)) + 0.0


def _each(length_A: ArrayLike, count: int) -> Floats:
    """`(n, 1)` lengths of one or `(n,)`."""
    return np.broadcast_to(np.asarray(length_A, np.float64), count)[:, None]


def _positions(shifts_xy_A: ArrayLike | None, count: int) -> Floats:
    """Where a particle is that is centred by a shift."""
    if shifts_xy_A is None:
        return np.zeros((count, 2))
    return -_checked(shifts_xy_A, 2, "shifts")[:, ::-1]


def _rotations(rotations: ArrayLike) -> Floats:
    r = np.asarray(rotations, np.float64).reshape(-1, 3, 3)
    # NaN fails both comparisons.
    right = np.abs(r @ np.swapaxes(r, 1, 2) - np.eye(3)).max((1, 2), initial=0) < 1e-3
    right &= np.linalg.det(r) > 0
    _all_right(np.asarray(right), "the rotation", "is not a rotation matrix")
    return r


def _checked(values: ArrayLike, width: int, what: str) -> Floats:
    array = np.asarray(values, np.float64).reshape(-1, width)
    _all_right(
        np.asarray(np.isfinite(array).all(1)), f"one of the {what}", "is not a finite number"
    )
    return array


def _all_right(right: NDArray[np.bool_], what: str, problem: str) -> None:
    if not right.all():
        raise CryoAIError(
            f"{what} in row {int(np.argmin(right)) + 1} {problem} "
            f"({int((~right).sum())} of {len(right)} rows are like that)",
            remedy="Remove these particles, or refine their poses again",
        )
