"""Molecules that move: one part turns, swings, or takes one of several places against the rest.

The part is joined to the rest where the two touch. Seen from there it may turn about the line that
leads on from the rest to it, and swing about two lines across. That makes the standard sets of
continuous heterogeneity: a part that turns by 360 degrees (IgG-1D of CryoBench, Jeon et al. 2024,
NeurIPS Datasets and Benchmarks; "circular"), swings (Zhong et al. 2020, ICLR: "linear 1-D"), swings
two ways ("linear 2-D"), or has discrete places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MotionKind = Literal["turn", "hinge", "plane", "classes"]
MOTIONS: tuple[MotionKind, ...] = get_args(MotionKind)
TOUCHING = 40
"""Atoms of either side, the nearest to the other, whose middle is the joint."""
_SLABS = 60


@dataclass(frozen=True, eq=False)
class Motion:
    """The states of a molecule, and how near they are to each other.

    Attributes
    ----------
    structures
        `k` states, in one frame.
    states
        `(k,)` what the truth calls each: an angle in degrees, or a number.
    coordinates
        `(k, d)` places whose distances say how alike states are: along a swing its angles over the
        largest, on a circle of radius 1 where the motion is one, and the corners of a simplex for
        classes.
    """

    structures: Sequence[Structure]
    states: Floats
    coordinates: Floats

    def __len__(self) -> int:
        return len(self.structures)


@dataclass(frozen=True, eq=False)
class Joint:
    """Where two parts of a molecule touch.

    Attributes
    ----------
    pivot_A
        `(3,)`, x, y, z.
    axes
        `(3, 3)` unit vectors as rows: from the rest to the moving part, the direction across it in
        which the part is widest, and the one across both.
    """

    pivot_A: Floats
    axes: Floats

    @classmethod
    def between(cls, structure: Structure, moving: Mask) -> Joint:
        """Of the part `moving` `(n,)` and the rest.

        Raises
        ------
        CryoAIError
            If one of the two is empty.
        """
        part, rest = structure.xyz_A[moving], structure.xyz_A[~moving]
        if not len(part) or not len(rest):
            raise CryoAIError(
                "the part that moves is all of the structure, or nothing of it",
                remedy="Name another part, for instance the chain B or the residues A:1-120",
            )
        near = [_nearest(a, b) for a, b in ((part, rest), (rest, part))]
        pivot = np.concatenate(near).mean(0)
        along = part.mean(0) - rest.mean(0)
        along /= np.linalg.norm(along)
        spread = np.cov((part - part.mean(0)).T)
        across = np.eye(3) - np.outer(along, along)
        wide = np.linalg.eigh(across @ spread @ across)[1][:, -1]
        return cls(pivot, np.stack([along, wide, np.cross(along, wide)]))

    def rotation(self, turn_deg: float, swing_deg: float, sideways_deg: float = 0.0) -> Rotation:
        """Swing the part, about the second axis and the third, then turn it about the first."""
        angles = np.deg2rad([turn_deg, swing_deg, sideways_deg])
        turn, swing, sideways = (
            Rotation.from_rotvec(a * axis) for a, axis in zip(angles, self.axes, strict=True)
        )
        return turn * sideways * swing

    def moved(self, structure: Structure, moving: Mask, rotation: Rotation) -> Structure:
        """The structure with its part turned about the pivot."""
        xyz = structure.xyz_A.copy()
        xyz[moving] = rotation.apply(xyz[moving] - self.pivot_A) + self.pivot_A
        return structure.moved_to(xyz)


def moving(
    structure: Structure,
    kind: MotionKind,
    steps: int,
    *,
    part: str = "",
    angle_deg: float = 40.0,
    seed: int = 0,
) -> Motion:
    """The states of a structure of which a part moves.

    Parameters
    ----------
    kind
        "turn": 360 degrees about the axis of the joint; "hinge": from one side to the other;
        "plane": the same, both ways, on a square of states; "classes": any orientation.
    steps
        States; of a plane, the next square number.
    part
        Chains, or residues of them, that move: "B", or "A:1-120,C". What lies beyond the waist of
        the structure if not given.
    angle_deg
        "turn": between the part and the axis it turns about. Else how far it swings to either side.
    seed
        Of "classes".
    """
    chosen = part_of(structure, part) if part else beyond_waist(structure)
    joint = Joint.between(structure, chosen)
    rotations, states, coordinates = _COURSES[kind](joint, steps, angle_deg, seed)
    structures = [joint.moved(structure, chosen, rotation) for rotation in rotations]
    return Motion(structures, np.asarray(states, np.float64), coordinates)


def part_of(structure: Structure, text: str) -> Mask:
    """The atoms `(n,)` of chains and residues: "B", "A:1-120", or several with commas.

    Raises
    ------
    CryoAIError
        If the text is no such list, or names what is not there.
    """
    numbers = np.array([int("".join(c for c in r if c in "-0123456789") or 0)
                        for r in structure.residue_numbers.tolist()])  # fmt: skip
    chosen = np.zeros(len(structure), np.bool_)
    for piece in text.split(","):
        chain, _, residues = piece.strip().partition(":")
        here = structure.chains == chain
        if residues:
            first, last = _range(residues, piece)
            here = here & (numbers >= first) & (numbers <= last)
        if not here.any():
            there = ", ".join(dict.fromkeys(structure.chains.tolist()))
            raise CryoAIError(
                f"nothing of the structure is called '{piece.strip()}'",
                remedy=f"Its chains are {there}",
            )
        chosen |= here
    return chosen


def beyond_waist(structure: Structure) -> Mask:
    """The smaller part `(n,)` on one side of the thinnest place in the middle of the structure."""
    xyz = structure.xyz_A - structure.xyz_A.mean(0)
    along = xyz @ np.linalg.svd(xyz, full_matrices=False)[2][0]
    edges = np.linspace(along.min(), along.max(), _SLABS + 1)
    counts = np.convolve(np.histogram(along, edges)[0], np.ones(3), "same")
    middle = range(_SLABS // 4, 3 * _SLABS // 4)
    slab = min(middle, key=lambda i: (counts[i], abs(i - _SLABS // 2)))
    beyond: Mask = along > (edges[slab] + edges[slab + 1]) / 2
    return beyond if beyond.sum() <= len(beyond) / 2 else ~beyond


def _range(text: str, piece: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not dash or not first.isdigit() or not last.isdigit():
        raise CryoAIError(
            f"'{piece.strip()}' is no part of a chain", remedy="Write it as A:1-120, or A"
        )
    return int(first), int(last)


def _nearest(points: Floats, others: Floats) -> Floats:
    distance = cKDTree(others).query(points)[0]
    return points[np.argsort(distance)[:TOUCHING]]


Course = tuple[Sequence[Rotation], ArrayLike, Floats]


def _turn(joint: Joint, steps: int, angle_deg: float, _seed: int) -> Course:
    angles = np.arange(steps) * 360 / steps
    circle = np.stack([np.cos(np.deg2rad(angles)), np.sin(np.deg2rad(angles))], -1)
    return [joint.rotation(a, angle_deg) for a in angles], angles, circle


def _hinge(joint: Joint, steps: int, angle_deg: float, _seed: int) -> Course:
    along = np.linspace(-1, 1, steps)
    return [joint.rotation(0, a * angle_deg) for a in along], along * angle_deg, along[:, None]


def _plane(joint: Joint, steps: int, angle_deg: float, _seed: int) -> Course:
    side = int(np.ceil(np.sqrt(steps)))
    along = np.linspace(-1, 1, side)
    square = np.stack(np.meshgrid(along, along, indexing="ij"), -1).reshape(-1, 2)
    rotations = [joint.rotation(0, *(angle_deg * place)) for place in square]
    return rotations, np.arange(len(square)), square


def _classes(_joint: Joint, steps: int, _angle_deg: float, seed: int) -> Course:
    rotations = Rotation.random(steps, random_state=seed)
    return list(rotations), np.arange(steps), np.eye(steps)


_COURSES: dict[MotionKind, Callable[[Joint, int, float, int], Course]] = {
    "turn": _turn,
    "hinge": _hinge,
    "plane": _plane,
    "classes": _classes,
}
