"""Particles made of pseudo-atoms, built by rule, and their projections on a grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float64]
Kind = Literal["shell", "barrel", "globular", "small", "elongated"]
KINDS: tuple[Kind, ...] = get_args(Kind)

HELIX_A = 30.0
"""Length of the rods that domains are filled with."""


@dataclass(frozen=True)
class Particle:
    """A density as a cloud of equal Gaussians.

    Attributes
    ----------
    xyz_A
        `(n, 3)` centres, their mean at the origin.
    sigma_A
        Width of every Gaussian. The mass of each is `1 / n`.
    diameter_A
        Longest extent.
    """

    xyz_A: Floats
    sigma_A: float
    diameter_A: float


def make_particle(kind: Kind, diameter_A: float, seed: int) -> Particle:
    """Build a particle; of one kind, every seed is another structure of the same build.

    Parameters
    ----------
    kind
        "shell": a hollow cage of octahedral symmetry, as apoferritin; "barrel": two stacked rings
        of seven, as GroEL; "globular": a tetramer (D2) of several domains, as beta-galactosidase;
        "small": three unequal domains without symmetry; "elongated": a dimer three times as long
        as thick.
    diameter_A
        Longest extent.
    """
    xyz = _BUILDERS[kind](diameter_A, np.random.default_rng(seed))
    xyz -= xyz.mean(0)
    sigma_A = 4.0 * float(np.sqrt(diameter_A / 150))
    xyz *= (diameter_A / 2 - sigma_A) / np.linalg.norm(xyz, axis=1).max()
    return Particle(xyz, sigma_A, diameter_A)


def random_rotations(count: int, rng: np.random.Generator) -> Floats:
    """Matrices `(count, 3, 3)`, uniform over all rotations: normalised Gaussian quaternions."""
    if not count:
        return np.empty((0, 3, 3))
    matrices: Floats = Rotation.from_quat(rng.normal(size=(count, 4))).as_matrix()
    return matrices


def project(
    particle: Particle,
    yx_A: Floats,
    rotations: Floats,
    weights: Floats,
    shape: tuple[int, int],
    pixel_size_A: float,
) -> NDArray[np.float32]:
    """Sum of the projections of rotated copies, before the Gaussian of the pseudo-atoms.

    Each pseudo-atom is shared bilinearly between four pixels, so mass and centre are exact. The
    width `particle.sigma_A` is for the caller to apply, in Fourier space with all the rest.

    Parameters
    ----------
    yx_A
        `(n, 2)` positions of the copies; what falls outside the image is left out.
    rotations
        `(n, 3, 3)` matrices that take the particle into the view.
    weights
        `(n,)` mass of each copy.

    Returns
    -------
    projection
        `(ny, nx)`, mass per pixel; it sums to the weights of the copies that lie inside.
    """
    image = np.zeros(shape[0] * shape[1])
    each = max(1, 2_000_000 // len(particle.xyz_A))
    for start in range(0, len(yx_A), each):
        part = slice(start, start + each)
        turned = np.einsum("nij,aj->nai", rotations[part], particle.xyz_A)[..., 1::-1]
        yx = (turned + yx_A[part, None, :]).reshape(-1, 2) / pixel_size_A
        mass = np.repeat(weights[part] / len(particle.xyz_A), len(particle.xyz_A))
        image += _splat(yx, mass, shape)
    return image.reshape(shape).astype(np.float32)


def _splat(yx: Floats, mass: Floats, shape: tuple[int, int]) -> Floats:
    """Bilinear shares of points on the flattened grid."""
    ny, nx = shape
    inside = np.all((yx >= 0) & (yx < np.array(shape) - 1), axis=1)
    yx, mass = yx[inside], mass[inside]
    corner = np.floor(yx).astype(np.intp)
    fy, fx = (yx - corner).T
    index = corner[:, 0] * nx + corner[:, 1]
    corners = [index, index + 1, index + nx, index + nx + 1]
    shares = [(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx]
    shared = np.concatenate([mass * share for share in shares])
    image: Floats = np.bincount(np.concatenate(corners), shared, ny * nx).astype(np.float64)
    return image


def _points(count_at_150_A: float, diameter_A: float) -> int:
    """Pseudo-atoms that a part needs in a particle of this size to look even."""
    return int(count_at_150_A * np.clip((diameter_A / 150) ** 2, 0.7, 4.0))


def _domain(centre: Floats, semi_axes: Floats, rng: np.random.Generator, n_points: int) -> Floats:
    """An ellipsoid of even density, a third of it in rods; `(about n_points, 3)`.

    Protein is packed evenly; helices and the gaps between them only modulate it.
    """
    even = _in_unit_ball(n_points - n_points // 3, rng)
    n_rods = max(3, n_points // 24)
    per_rod = n_points // (3 * n_rods)
    along = rng.normal(size=(n_rods, 1, 3))
    along *= min(HELIX_A / 2, 0.6 * semi_axes.min()) / np.linalg.norm(
        along * semi_axes, axis=-1, keepdims=True
    )
    steps = np.linspace(-1, 1, per_rod)[None, :, None]
    rods = 0.8 * _in_unit_ball(n_rods, rng)[:, None, :] + steps * along
    points: Floats = centre + semi_axes * np.concatenate([even, rods.reshape(-1, 3)])
    return points


def _in_unit_ball(count: int, rng: np.random.Generator) -> Floats:
    """Points `(count, 3)`, uniform in the ball of radius 1."""
    points = rng.normal(size=(count, 3))
    points *= rng.random((count, 1)) ** (1 / 3) / np.linalg.norm(points, axis=1, keepdims=True)
    return points


def _copies(unit: Floats, symmetry: str) -> Floats:
    """All copies of an asymmetric unit under a point group, as scipy names it."""
    # The stubs of scipy know "Cn" as a letter only.
    group = Rotation.create_group(symmetry).as_matrix()
    copies: Floats = np.einsum("gij,aj->gai", group, unit).reshape(-1, 3)
    return copies


def _shell(diameter_A: float, rng: np.random.Generator) -> Floats:
    """An even wall, a fifth of the diameter thick, and 24 bundles of rods that lie flat in it."""
    toward = np.array([0.35, 0.2, 1.0]) + 0.1 * rng.normal(size=3)
    toward /= np.linalg.norm(toward)
    flat = Rotation.align_vectors(toward[None], np.array([[0.0, 0.0, 1.0]]))[0]
    bundle = _domain(
        np.zeros(3), np.array([0.24, 0.16, 0.08]) * diameter_A, rng, _points(30, diameter_A)
    )
    wall = rng.normal(size=(_points(100, diameter_A), 3))
    wall *= rng.uniform(0.31, 0.5, (len(wall), 1)) / np.linalg.norm(wall, axis=1, keepdims=True)
    subunit = np.concatenate([0.4 * diameter_A * toward + flat.apply(bundle), diameter_A * wall])
    reach = np.linalg.norm(subunit, axis=1, keepdims=True)
    return _copies(subunit * np.minimum(1, 0.5 * diameter_A / reach), "O")


def _barrel(diameter_A: float, rng: np.random.Generator) -> Floats:
    """Two rings of seven subunits of three domains, open along the axis."""
    sizes = ((0.09, 0.3, 0.11), (0.21, 0.33, 0.08), (0.34, 0.3, 0.11))
    parts = [
        _domain(
            np.array([radius, 0.0, height]) * diameter_A,
            np.array([thickness, 0.14, 0.09]) * diameter_A,
            rng,
            _points(42, diameter_A),
        )
        for height, radius, thickness in sizes
    ]
    return _copies(np.concatenate(parts), "D7")


def _globular(diameter_A: float, rng: np.random.Generator) -> Floats:
    """Four subunits of three domains, twice as long as thick."""
    middle = np.array([0.17, 0.12, 0.06]) * diameter_A
    axes = np.array([0.21, 0.17, 0.13]) * diameter_A
    n_points = _points(140, diameter_A)
    parts = [
        _domain(middle * rng.uniform(0.6, 1.3, 3), axes * rng.uniform(0.8, 1.1, 3), rng, n_points)
        for _ in range(3)
    ]
    return _copies(np.concatenate(parts), "D2")


def _small(diameter_A: float, rng: np.random.Generator) -> Floats:
    """Three unequal domains, packed against each other."""
    parts, angle = [], 2 * np.pi * rng.random()
    for i, size in enumerate((0.3, 0.26, 0.22)):
        turn = angle + i * 2.1
        centre = 0.2 * diameter_A * np.array([np.cos(turn), np.sin(turn), rng.uniform(-0.5, 0.5)])
        axes = size * diameter_A * rng.uniform(0.85, 1.15, 3)
        parts.append(_domain(centre, axes, rng, _points(20_000 * size**3, diameter_A)))
    return np.concatenate(parts)


def _elongated(diameter_A: float, rng: np.random.Generator) -> Floats:
    """Two subunits end to end, each of two domains."""
    parts = [
        _domain(
            np.array([at, side, 0.0]) * diameter_A,
            np.array([0.17, 0.19, 0.16]) * diameter_A,
            rng,
            _points(220, diameter_A),
        )
        for at, side in ((0.1, 0.02), (0.32, -0.03))
    ]
    return _copies(np.concatenate(parts), "C2")


_BUILDERS: dict[Kind, Callable[[float, np.random.Generator], Floats]] = {
    "shell": _shell,
    "barrel": _barrel,
    "globular": _globular,
    "small": _small,
    "elongated": _elongated,
}
