"""How far poses are from the true ones, whatever frame and hand they were found in.

Images alone do not tell how a map lies in space, where exactly its centre is, or which hand it
has: a map `V'` seen by poses `(R', s')` and the map `V` seen by `(R, s)` give the same images if

    V'(H G x + t) = V(x),    R = H R' H G,    s = s' + (R' t) in the plane of the image

with a rotation `G`, a shift `t`, and `H` either nothing or the mirror z -> -z. They are found from
the poses themselves; what is left after that are the errors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.physics.fourier import frequencies, to_real
from napari_cryoai.physics.slices import FourierVolume
from napari_cryoai.physics.so3 import angle_deg

Floats = NDArray[np.float64]

GUESSES = 256
"""How many particles propose a frame."""
ASKED = 2048
"""How many particles judge each proposal."""
ROUNDS = 5


@dataclass(frozen=True, eq=False)
class PoseErrors:
    """Poses in the frame of the true ones, and how far they still are from these.

    Attributes
    ----------
    rotations
        `(n, 3, 3)`, turned into the frame and the hand of the truth.
    shifts_yx_A
        `(n, 2)`, with the map's centre where it is in the truth.
    angle_deg, shift_A
        `(n,)`, of each particle, symmetry mates being the same.
    is_mirrored
        Whether the poses were those of the other hand.
    frame
        `(3, 3)`, `G` of this module.
    offset_xyz_A
        `(3,)`, `t` of this module.
    """

    rotations: Floats
    shifts_yx_A: Floats
    angle_deg: Floats
    shift_A: Floats
    is_mirrored: bool
    frame: Floats
    offset_xyz_A: Floats

    @property
    def median_angle_deg(self) -> float:
        """Of all particles."""
        return float(np.median(self.angle_deg))

    @property
    def median_shift_A(self) -> float:
        """Of all particles."""
        return float(np.median(self.shift_A))

    def to_truth(self, map_: Tensor, pixel_size_A: float) -> Tensor:
        """A map `(n, n, n)` that the poses were found with, in frame and hand of the truth."""
        n = map_.shape[-1]
        gz, gy, gx = frequencies(map_.shape, 1 / n, device=map_.device)
        xyz = torch.stack([g.expand(n, n, n // 2 + 1) for g in (gx, gy, gz)])
        inside = (xyz**2).sum(0) < (n / 2) ** 2
        turn = torch.from_numpy(_hand(self.is_mirrored) @ self.frame).to(map_)
        there = turn @ xyz[:, inside]
        values = FourierVolume.of_map(map_, kernel="kaiser-bessel").at_frequencies(there[:, None])
        offset = torch.from_numpy(self.offset_xyz_A).to(map_) / (n * pixel_size_A)
        angle = 2 * torch.pi * (offset @ there)
        transform = torch.zeros(inside.shape, dtype=values.dtype, device=map_.device)
        transform[inside] = values[0] * torch.polar(torch.ones_like(angle), angle)
        return to_real(transform, map_.shape)


def pose_errors(
    rotations: Floats,
    shifts_yx_A: Floats,
    true_rotations: Floats,
    true_shifts_yx_A: Floats,
    group: Tensor | None = None,
    *,
    either_hand: bool = True,
    seed: int = 0,
) -> PoseErrors:
    """Bring poses into the frame of the true ones, and compare.

    Parameters
    ----------
    rotations, shifts_yx_A
        `(n, 3, 3)` and `(n, 2)`, as a `ParticleStack` has them.
    true_rotations, true_shifts_yx_A
        Of the same particles.
    group
        `(g, 3, 3)` point group of the true map.
    either_hand
        Whether poses of the mirrored map are as good.
    seed
        Of the particles that propose frames, where there are many.

    Returns
    -------
    errors
        In the frame whose median error is the smallest that any particle proposes, then averaged
        over those that agree with it.
    """
    truth = torch.from_numpy(np.ascontiguousarray(true_rotations, np.float64))
    mates = torch.eye(3, dtype=torch.float64)[None] if group is None else group.double()
    order = np.random.default_rng(seed).permutation(len(truth))
    hands = (False, True) if either_hand else (False,)
    tried = [_turned(is_mirrored, rotations, truth, mates, order) for is_mirrored in hands]
    best = min(tried, key=lambda errors: errors.median_angle_deg)
    return _with_shifts(best, rotations, shifts_yx_A, true_shifts_yx_A)


def _turned(
    is_mirrored: bool, rotations: Floats, truth: Tensor, mates: Tensor, order: NDArray[np.intp]
) -> PoseErrors:
    """The poses in the frame of the truth, taken to be of one hand; without their shifts."""
    hand = _hand(is_mirrored)
    found = torch.from_numpy(hand @ rotations @ hand)
    frame = _frame(found, truth, mates, torch.from_numpy(order))
    turned = found @ frame
    angle = _angles(turned, truth, mates).numpy()
    blank = np.zeros(0)
    return PoseErrors(turned.numpy(), blank, angle, blank, is_mirrored, frame.numpy(), blank)


def _frame(found: Tensor, truth: Tensor, mates: Tensor, order: Tensor) -> Tensor:
    """The rotation `G` that makes `found @ G` the truth."""
    proposals = found[order[:GUESSES]].mT @ truth[order[:GUESSES]]
    asked = order[:ASKED]
    medians = [_angles(found[asked] @ g, truth[asked], mates).median() for g in proposals]
    frame = proposals[int(torch.stack(medians).argmin())]
    for _ in range(ROUNDS):
        angle, mate = _nearest(found @ frame, truth, mates)
        near = angle <= (2 * angle.median()).clamp(min=1e-3)
        frame = _mean_rotation(found[near].mT @ (truth @ mates[mate])[near])
    return frame


def _nearest(turned: Tensor, truth: Tensor, mates: Tensor) -> tuple[Tensor, Tensor]:
    """Angle to the nearest symmetry mate of the truth, and which that is; both `(n,)`."""
    angles = angle_deg(turned[:, None], truth[:, None] @ mates)
    nearest = angles.min(1)
    return nearest.values, nearest.indices


def _angles(turned: Tensor, truth: Tensor, mates: Tensor) -> Tensor:
    return _nearest(turned, truth, mates)[0]


def _mean_rotation(rotations: Tensor) -> Tensor:
    """The rotation nearest to the mean of matrices `(m, 3, 3)`."""
    u, _, vt = torch.linalg.svd(rotations.mean(0))
    signs = torch.ones(3, dtype=rotations.dtype)
    signs[2] = torch.linalg.det(u @ vt)
    return u @ torch.diag(signs) @ vt


def _with_shifts(
    errors: PoseErrors, rotations: Floats, shifts_yx_A: Floats, true_shifts_yx_A: Floats
) -> PoseErrors:
    """Find the offset `t` by least squares, from the particles that are not outliers."""
    rows_yx = rotations[:, 1::-1]  # what a shift of the map does along y and along x
    wanted = true_shifts_yx_A - shifts_yx_A
    near = errors.angle_deg <= 2 * errors.median_angle_deg + 1e-3
    offset: Floats = np.zeros(3)
    for _ in range(ROUNDS):
        rows, right = rows_yx[near].reshape(-1, 3), wanted[near].ravel()
        offset = np.asarray(np.linalg.lstsq(rows, right, rcond=None)[0], np.float64)
        left = np.linalg.norm(wanted - rows_yx @ offset, axis=1)
        near = left <= 2 * np.median(left) + 1e-6
    moved = shifts_yx_A + rows_yx @ offset
    far = np.linalg.norm(true_shifts_yx_A - moved, axis=1)
    return replace(errors, shifts_yx_A=moved, shift_A=far, offset_xyz_A=offset)


def _hand(is_mirrored: bool) -> Floats:
    return np.diag([1.0, 1.0, -1.0 if is_mirrored else 1.0])
