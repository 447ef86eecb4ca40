"""RELION's Euler angles as rotation matrices and back, in numpy.

A matrix takes the map into the view: it acts on column vectors xyz, and the projection is the
integral of `V(R^T (x, y, z))` over z. The convention of angles is that of Heymann, Chagoyen and
Belnap (2005), J. Struct. Biol. 151, 196.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def matrices_from_zyz(rot_deg: ArrayLike, tilt_deg: ArrayLike, psi_deg: ArrayLike) -> Floats:
    """Rotation matrices of RELION's angles.

    Turns about z by `rot`, about the new y by `tilt`, and about the newest z by `psi`; of that the
    inverse, since it is the map that is taken into the view.

    Parameters
    ----------
    rot_deg, tilt_deg, psi_deg
        `(...)` each, as in `_rlnAngleRot`, `_rlnAngleTilt` and `_rlnAnglePsi`.

    Returns
    -------
    rotations
        `(..., 3, 3)`.
    """
    a, b, c = np.broadcast_arrays(*(np.radians(v) for v in (rot_deg, tilt_deg, psi_deg)))
    with np.errstate(invalid="ignore"):  # an infinite angle has no matrix: NaN
        (ca, cb, cc), (sa, sb, sc) = np.cos((a, b, c)), np.sin((a, b, c))
    rows = (
        (cc * cb * ca - sc * sa, cc * cb * sa + sc * ca, -cc * sb),
        (-sc * cb * ca - cc * sa, -sc * cb * sa + cc * ca, sc * sb),
        (sb * ca, sb * sa, cb),
    )
    return np.stack([np.stack(row, -1) for row in rows], -2)


def zyz_from_matrices(rotations: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """RELION's angles of rotation matrices; inverse of `matrices_from_zyz`.

    Returns
    -------
    rot_deg, tilt_deg, psi_deg
        `(...)` each: `tilt` in [0, 180], the others in [-180, 180]. Looking along z, where only
        `rot + psi` (or their difference) has a meaning, all of it goes to `psi`.
    """
    r = np.asarray(rotations, np.float64)
    flat = np.hypot(r[..., 2, 0], r[..., 2, 1])
    along_z = flat < 1e-12
    rot = np.where(along_z, 0.0, np.arctan2(r[..., 2, 1], r[..., 2, 0]))
    tilt = np.arctan2(flat, r[..., 2, 2])
    # From the x and y columns with rot taken off: well determined for every tilt.
    ca, sa = np.cos(rot), np.sin(rot)
    sine, cosine = (ca * r[..., i, 1] - sa * r[..., i, 0] for i in (0, 1))
    return np.degrees(rot), np.degrees(tilt), np.degrees(np.arctan2(sine, cosine))


def matrices_from_vectors(vectors_rad: ArrayLike) -> Floats:
    """Rotation matrices of rotation vectors: `(..., 3)`, axis times angle, right-handed."""
    v = np.asarray(vectors_rad, np.float64)
    angle = np.linalg.norm(v, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(v, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*v.shape, 3)
    first, half = np.sinc(angle / np.pi), np.sinc(angle / (2 * np.pi))
    return np.eye(3) + first * cross + half**2 / 2 * (cross @ cross)
