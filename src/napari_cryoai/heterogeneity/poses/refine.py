"""Poses between the cells of any grid: a few steps of Gauss and Newton on each.

The log-likelihood of a pose is a sum of squares. Its derivatives by three small turns about the
axes of the view come from differences of views, those by the shift are known; five equations for
each pose give the step, and their inverse the uncertainty that is left.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from napari_cryoai.heterogeneity.poses.images import PoseImages
from napari_cryoai.heterogeneity.poses.likelihood import batches, marginal, phases
from napari_cryoai.physics.slices import FourierVolume

TURN = 0.25
"""Of a view for its derivative: so far do the longest frequencies move, in units of 1 / box."""
DAMPING = 1e-3
POINTS = 1 << 19


@dataclass(frozen=True, eq=False)
class LocalPoses:
    """Poses `(m,)` of as many images, and what is left of uncertainty.

    Attributes
    ----------
    rotations
        `(m, 3, 3)` float64.
    shifts_yx_px
        `(m, 2)`.
    score
        `(m,)` log-likelihood.
    angle_sd_deg, shift_sd_px
        `(m,)` standard deviation along one direction, as the curvature of the likelihood says;
        infinite where it says nothing.
    """

    rotations: Tensor
    shifts_yx_px: Tensor
    score: Tensor
    angle_sd_deg: Tensor
    shift_sd_px: Tensor

    def select(self, rows: Tensor) -> LocalPoses:
        """Some of them."""
        return LocalPoses(*(getattr(self, field.name)[rows] for field in fields(self)))


def refine_locally(
    volume: FourierVolume,
    images: PoseImages,
    noise: Tensor,
    rotations: Tensor,
    shifts_yx_px: Tensor,
    steps: int = 3,
) -> LocalPoses:
    """Climb to the nearest maximum of the likelihood.

    Parameters
    ----------
    volume
        Of the map.
    images
        `m` of them, at the frequencies that count.
    noise
        `(n // 2 + 1,)` variance in each shell.
    rotations, shifts_yx_px
        `(m, 3, 3)` and `(m, 2)` to start from: right to half a cell at this resolution.
    """
    values, transfer = images.whitened(noise)
    each = POINTS // (7 * len(images.xy))
    parts = [
        _climb(volume, images, values[r], transfer[r], rotations[r], shifts_yx_px[r], steps)
        for r in batches(len(rotations), each)
    ]
    names = [field.name for field in fields(LocalPoses)]
    return LocalPoses(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


def _climb(
    volume: FourierVolume,
    images: PoseImages,
    values: Tensor,
    transfer: Tensor,
    rotations: Tensor,
    shifts: Tensor,
    steps: int,
) -> LocalPoses:
    pose = rotations.double(), shifts.to(images.xy)
    system = _System.at(volume, images, values, transfer, *pose)
    damping = torch.full_like(system.score, DAMPING)
    for _ in range(steps):
        there = _moved(*pose, system.step(damping))
        tried = _System.at(volume, images, values, transfer, *there)
        better = tried.score > system.score
        pose = (
            torch.where(better[:, None, None], there[0], pose[0]),
            torch.where(better[:, None], there[1], pose[1]),
        )
        system = system.replaced(tried, better)
        damping = torch.where(better, damping / 4, damping * 30)
    angle_sd, shift_sd = system.deviations()
    return LocalPoses(*pose, system.score, torch.rad2deg(angle_sd), shift_sd)


@dataclass(frozen=True, eq=False)
class _System:
    """The equations of a step, for each pose.

    Attributes
    ----------
    curvature, slope
        `(m, 5, 5)` and `(m, 5)` of the log-likelihood by three turns and two shifts (y, x).
    score
        `(m,)`.
    """

    curvature: Tensor
    slope: Tensor
    score: Tensor

    @classmethod
    def at(
        cls,
        volume: FourierVolume,
        images: PoseImages,
        values: Tensor,
        transfer: Tensor,
        rotations: Tensor,
        shifts: Tensor,
    ) -> _System:
        xy, n = images.xy, images.n
        small = TURN / float(xy.norm(dim=1).max())
        turns = torch.matrix_exp(small * _generators(rotations))
        around = torch.cat([turns.new_zeros(1, 3, 3) + torch.eye(3).to(turns), turns, turns.mT])
        poses = (around[:, None] @ rotations).float()  # (7, m, 3, 3)
        views = volume.at(poses.flatten(0, 1), xy).reshape(7, len(rotations), len(xy))
        view = views[0]
        ramp = (-2j * torch.pi / n) * xy.flip(1).T  # by y, by x
        by_shift = ramp[:, None] * view
        by_turn = (views[1:4] - views[4:]) / (2 * small)
        derivatives = torch.cat([by_turn, by_shift]).transpose(0, 1)  # (m, 5, k)
        centred = values * phases(shifts, xy, n)
        match = (view.conj() * centred).real.sum(1)
        norm = (view.abs().square() * transfer).sum(1)
        contrast = (match / norm.clamp(min=1e-20)).clamp(0.1, 10)[:, None]
        missing = centred - contrast * transfer * view
        slope = 2 * contrast * torch.einsum("mik,mk->mi", derivatives.conj(), missing).real
        weighted = derivatives * transfer[:, None]
        curvature = 2 * (derivatives.conj() @ weighted.mT).real * contrast[..., None].square()
        return cls(curvature, slope, marginal(2 * match, 2 * norm))

    def step(self, damping: Tensor) -> Tensor:
        """`(m, 5)`, at most a quarter of a radian and two pixels."""
        diagonal = self.curvature.diagonal(dim1=1, dim2=2)
        damped = self.curvature + torch.diag_embed(diagonal * damping[:, None] + 1e-12)
        step = torch.linalg.solve_ex(damped, self.slope[..., None])[0][..., 0]
        limit = step.new_tensor([0.25, 0.25, 0.25, 2.0, 2.0])
        return (step.nan_to_num() / limit).clamp(-1, 1) * limit

    def replaced(self, other: _System, where: Tensor) -> _System:
        """Some of them those of another."""
        return _System(
            torch.where(where[:, None, None], other.curvature, self.curvature),
            torch.where(where[:, None], other.slope, self.slope),
            torch.where(where, other.score, self.score),
        )

    def deviations(self) -> tuple[Tensor, Tensor]:
        """Of angle (radian) and shift (pixels), root mean square over the directions."""
        inverse, bad = torch.linalg.inv_ex(self.curvature.double())
        variance = inverse.diagonal(dim1=1, dim2=2)
        known = (bad == 0) & (variance > 0).all(1)
        angle, shift = variance[:, :3].mean(1).sqrt(), variance[:, 3:].mean(1).sqrt()
        return (
            torch.where(known, angle, torch.inf).float(),
            torch.where(known, shift, torch.inf).float(),
        )


def _moved(rotations: Tensor, shifts: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    turn = torch.einsum("mi,ijk->mjk", step[:, :3].double(), _generators(rotations))
    return torch.matrix_exp(turn) @ rotations, shifts + step[:, 3:]


def _generators(like: Tensor) -> Tensor:
    """Of the turns about x, y and z: `(3, 3, 3)`."""
    e = like.new_zeros(3, 3, 3)
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        e[i, k, j], e[i, j, k] = 1, -1
    return e
