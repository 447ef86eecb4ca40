"""Backbone atoms between the CA: which way each peptide plane is turned.

The planes of a chain are turned in 36 steps about the lines between its CA. Each turn has a cost:
how rare it is, given the CA around it; what the density says of C, O and N; how far N and C lie
from where they are thought to be. Each pair of turns of two planes that meet at a CA has one too:
the angle N-CA-C, and phi and psi. The turns of least cost in total are found exactly, by dynamic
programming along the chain.

That a few CA tell much about the plane between them is from Milik, Kolinski and Skolnick 1997,
J. Comput. Chem. 18, 80, and Gront, Kmiecik and Kolinski 2007, J. Comput. Chem. 28, 1593.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.atoms.tables import tables
from napari_cryoai.building.atoms.topology import CA, C, N, O
from napari_cryoai.core.angles import angle, dihedral

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Mask = NDArray[np.bool_]
Sample = Callable[[Floats], Floats]

TURNS = 36
ANGLES: Floats = np.linspace(0.0, 2 * np.pi, TURNS, endpoint=False)
KNEES: Floats = np.radians([100.0, 120.0])
CIS_A = 3.3
"""Residues whose CA are nearer are linked by a cis bond, if the second is a proline."""

DENSITY_WEIGHT = 1.5
KNOWN_SPREAD_A = 0.4
MOST_KNOWN = 9.0
"""Cost at which a known place of N or C that does not fit counts no more."""
APEX_DEG, APEX_SPREAD_DEG = 111.0, 6.0
"""The angle N-CA-C; its spread is that of planes that turn in steps, about CA not quite right."""
LEAST_LOG = -6.0
BLOCK = 256
"""Residues whose pairs of turns are looked at together, for memory."""


def place_backbone(
    ca_A: Floats,
    bound: Mask,
    is_cis: Mask,
    classes: Ints,
    *,
    n_A: Floats,
    c_A: Floats,
    sample: Sample | None,
) -> Floats:
    """N, CA, C and O of residues whose CA are known.

    Parameters
    ----------
    ca_A
        `(n, 3)`.
    bound
        `(n,)` whether there is a peptide bond to the residue before.
    is_cis
        `(n,)` whether that bond is cis.
    classes
        `(n,)` rows of `rama_classes.CLASSES`.
    n_A, c_A
        `(n, 3)` where N and C are thought to be; NaN if not known.
    sample
        Density `(...)` at places `(..., 3)`, about 1 at atoms; None without a map.

    Returns
    -------
    backbone_A
        `(n, 4, 3)`.
    """
    found = np.full((len(ca_A), 4, 3), np.nan)
    found[:, CA] = ca_A
    starts = np.flatnonzero(~bound)
    for start, stop in zip(starts, np.append(starts[1:], len(ca_A)), strict=True):
        part = slice(start, stop)
        known = n_A[part], c_A[part]
        if stop - start > 1:
            inner = _planes(ca_A[part], is_cis[part], classes[part], known, sample)
            found[part][:-1, C], found[part][:-1, O], found[part][1:, N] = inner
        _close(found[part], known, sample)
    return found


def _planes(
    ca: Floats, is_cis: Mask, classes: Ints, known: tuple[Floats, Floats], sample: Sample | None
) -> tuple[Floats, Floats, Floats]:
    """C, O and N `(n - 1, 3)` of the peptides of an unbroken chain."""
    planes = turned_planes(ca, is_cis)
    single = _prior(ca, planes)
    for slot, place in ((0, known[1][:-1]), (2, known[0][1:])):
        away = ((planes[:, :, slot] - place[:, None]) ** 2).sum(-1) / KNOWN_SPREAD_A**2
        single += np.nan_to_num(np.minimum(away, MOST_KNOWN))
    if sample is not None:
        density = np.clip(sample(planes), -1.0, 2.0)
        single -= DENSITY_WEIGHT * (density * [1.0, 1.5, 1.0]).sum(-1)
    blocks = [
        _joint(ca[i : i + BLOCK + 2], planes[i : i + BLOCK + 1], classes[i : i + BLOCK + 2])
        for i in range(0, len(ca) - 2, BLOCK)
    ]
    pairs = np.concatenate([np.empty((0, TURNS, TURNS)), *blocks])
    best = cheapest_path(single, pairs)
    chosen = planes[np.arange(len(planes)), best]
    return chosen[:, 0], chosen[:, 1], chosen[:, 2]


def turned_planes(ca: Floats, is_cis: Mask) -> Floats:
    """C, O and N `(n - 1, TURNS, 3, 3)` of the peptide between each CA and the next."""
    known = tables()
    shapes = np.where(is_cis[1:, None, None], known.peptide_cis, known.peptide_trans)
    step = ca[1:] - ca[:-1]
    length = np.linalg.norm(step, axis=1, keepdims=True)
    axis = step / length
    least = np.eye(3)[np.abs(axis).argmin(1)]
    across = np.cross(axis, least)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    other = np.cross(axis, across)
    side = np.cos(ANGLES)[:, None] * across[:, None] + np.sin(ANGLES)[:, None] * other[:, None]
    usual = np.where(is_cis[1:], 2.95, 3.80)
    along = shapes[:, :, 0] * (length / usual[:, None])
    return (
        ca[:-1, None, None]
        + along[:, None, :, None] * axis[:, None, None]
        + shapes[:, None, :, 1, None] * side[:, :, None]
    )


def _prior(ca: Floats, planes: Floats) -> Floats:
    """`(n - 1, TURNS)` how rare each turn is; nothing for the first and the last."""
    cost = np.zeros(planes.shape[:2])
    if len(ca) < 4:
        return cost
    four = [ca[i : len(ca) - 3 + i] for i in range(4)]
    rows = [np.digitize(angle(*four[i : i + 3]), KNEES) for i in range(2)]
    turn = _cell(dihedral(*four))
    plane = _cell(
        dihedral(four[0][:, None], four[1][:, None], four[2][:, None], planes[1:-1, :, 1])
    )
    cost[1:-1] = -tables().plane_log[rows[0][:, None], rows[1][:, None], turn[:, None], plane]
    return cost


def _cell(turn: Floats, cells: int = TURNS) -> Ints:
    at: Ints = np.floor(np.mod(turn + np.pi, 2 * np.pi) / (2 * np.pi) * cells).astype(np.intp)
    return at % cells


def _joint(ca: Floats, planes: Floats, classes: Ints) -> Floats:
    """`(n - 2, TURNS, TURNS)` cost of two planes that meet at a CA."""
    middle = ca[1:-1, None, None]
    last = [planes[:-1, :, None, slot] for slot in range(3)]
    following = [planes[1:, None, :, slot] for slot in range(3)]
    apex = np.degrees(angle(last[2], middle, following[0]))
    phi = dihedral(last[0], last[2], middle, following[0])
    psi = dihedral(last[2], middle, following[0], following[2])
    rama = tables().rama
    n = rama.shape[1]
    common = rama[classes[1:-1, None, None], _cell(phi, n), _cell(psi, n)]
    bend: Floats = ((apex - APEX_DEG) / APEX_SPREAD_DEG) ** 2 / 2
    return np.minimum(bend, 20.0) - np.maximum(common, LEAST_LOG)


def cheapest_path(single: Floats, pairs: Floats) -> Ints:
    """States `(n,)` of least total cost: `single` (n, m) each, `pairs` (n - 1, m, m) in a row."""
    total = single[0]
    came = np.empty((len(pairs), single.shape[1]), np.intp)
    for i, pair in enumerate(pairs):
        through = total[:, None] + pair
        came[i] = through.argmin(0)
        total = through.min(0) + single[i + 1]
    path = [int(total.argmin())]
    for row in came[::-1]:
        path.append(int(row[path[-1]]))
    return np.array(path[::-1], np.intp)


def _close(backbone: Floats, known: tuple[Floats, Floats], sample: Sample | None) -> None:
    """The N of the first residue, C and O of the last, in place."""
    if np.isnan(backbone[0, C]).any():
        _alone(backbone, known)
    else:
        first = backbone[0]
        places = placed(first[O], first[C], first[CA], 1.458, 1.937, ANGLES)
        first[N] = places[_fit(places, known[0][0], sample)]
    last = backbone[-1]
    if np.isnan(last[C]).any():
        before = backbone[-2, C]
        places = placed(before, last[N], last[CA], 1.525, 1.937, ANGLES)
        liked = -np.cos(ANGLES - np.radians(-80.0))
        last[C] = places[_fit(places, known[1][-1], sample, liked)]
    places = placed(last[N], last[CA], last[C], 1.229, 2.103, ANGLES)
    last[O] = places[_fit(places, np.full(3, np.nan), sample)]


def _fit(places: Floats, known: Floats, sample: Sample | None, liked: Floats | None = None) -> int:
    cost = np.zeros(len(places)) if liked is None else liked
    cost = cost + np.nan_to_num(((places - known) ** 2).sum(-1) / KNOWN_SPREAD_A**2)
    if sample is not None:
        cost = cost - 2 * DENSITY_WEIGHT * np.clip(sample(places), -1.0, 2.0)
    return int(cost.argmin())


def _alone(backbone: Floats, known: tuple[Floats, Floats]) -> None:
    """N and C of a residue without neighbours: where they are thought to be, or anywhere."""
    ca, n, c = backbone[0, CA], known[0][0], known[1][0]
    to_n = n - ca if np.isfinite(n).all() else np.array([1.0, 0.0, 0.0])
    to_c = c - ca if np.isfinite(c).all() else np.array([0.0, 1.0, 0.0])
    to_n = to_n / max(np.linalg.norm(to_n), 1e-6)
    to_c = to_c - (to_c @ to_n) * to_n
    if np.linalg.norm(to_c) < 1e-3:
        to_c = np.cross(to_n, np.eye(3)[np.abs(to_n).argmin()])
    to_c = to_c / np.linalg.norm(to_c)
    bend = np.radians(APEX_DEG)
    backbone[0, N] = ca + 1.458 * to_n
    backbone[0, C] = ca + 1.525 * (np.cos(bend) * to_n + np.sin(bend) * to_c)


def placed(a: Floats, b: Floats, c: Floats, bond: float, bend: float, turn: Floats) -> Floats:
    """Atoms `(..., 3)` bound to c: angle to b `bend`, torsion from a `turn` (...)."""
    back = (b - c) / np.linalg.norm(b - c, axis=-1, keepdims=True)
    side = np.cross(a - b, c - b)
    side = side / np.linalg.norm(side, axis=-1, keepdims=True)
    third = np.cross(side, -back)
    turn = np.asarray(turn)[..., None]
    away = -np.cos(turn) * third - np.sin(turn) * side
    return c + bond * (np.cos(bend) * back + np.sin(bend) * away)
