"""TM-score and lDDT of residues that correspond to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

INCLUSION_A = 15.0
"""Distances up to this in the reference count for lDDT."""
TOLERANCES_A = (0.5, 1.0, 2.0, 4.0)
_SHORTEST, _SEEDS, _ROUNDS = 4, 16, 12
_D0_SHORTEST = 0.5


def tm_d0_A(length: int) -> float:
    """Distance at which a residue counts half, so that chance scores 0.17 at every length.

    `1.24 (L - 15)^(1/3) - 1.8` (Zhang and Skolnick 2004, Proteins 57, 702), and 0.5 A at least.
    """
    return float(max(1.24 * np.cbrt(length - 15) - 1.8, _D0_SHORTEST))


def tm_in_place(distance_A: Floats, length: int) -> float:
    """TM-score of pairs as they lie, without moving the model.

    Parameters
    ----------
    distance_A
        `(k,)` of the pairs; other residues of the reference count 0.
    length
        Residues of the reference.
    """
    return float((1 / (1 + (distance_A / tm_d0_A(length)) ** 2)).sum() / length) if length else 0.0


class Motion(NamedTuple):
    """A rigid motion of points in rows: `points @ rotation + shift_A`."""

    rotation: Floats
    shift_A: Floats

    def __call__(self, points_A: Floats) -> Floats:
        """The points `(n, 3)` elsewhere."""
        return points_A @ self.rotation + self.shift_A


STAY = Motion(np.eye(3), np.zeros(3))


def tm_superposed(model_A: Floats, reference_A: Floats, length: int) -> tuple[float, Motion]:
    """TM-score of pairs, under the best rigid motion of the model that was found.

    Searched as in Zhang and Skolnick 2004: from where the model lies and from the superposition of
    each of many fragments (all pairs, halves, quarters, ... down to four), again and again the
    pairs that are close are superposed, until they stay the same. A lower bound, as theirs.

    Parameters
    ----------
    model_A, reference_A
        `(k, 3)` positions of the pairs.
    length
        Residues of the reference.

    Returns
    -------
    score
        0 to 1.
    motion
        Of the model, that brings it there.
    """
    d0_A = tm_d0_A(length)
    n = len(model_A)
    if not n:
        return 0.0, STAY
    best, motion = _score(model_A[None], reference_A, d0_A)[0], STAY
    chosen = _seeds(n)
    near_A = min(max(d0_A, 4.5), 8.0)
    for _ in range(_ROUNDS if n >= 3 else 0):
        rotations, shifts_A = _superpose(model_A, reference_A, chosen)
        moved = model_A @ rotations + shifts_A[:, None]
        scores = _score(moved, reference_A, d0_A)
        top = int(scores.argmax())
        if scores[top] > best:
            best, motion = scores[top], Motion(rotations[top], shifts_A[top])
        closer = _near(moved, reference_A, near_A)
        if np.array_equal(closer, chosen):
            break  # nothing moves any more
        chosen = _different(closer)
    return float(best / length), motion


def align(model_A: Floats, reference_A: Floats, d0_A: float) -> tuple[Rows, Rows]:
    """Pair two chains in the order of both, so that the sum of `1 / (1 + (d / d0)^2)` is largest.

    Exact, by dynamic programming without gap penalties.

    Parameters
    ----------
    model_A, reference_A
        `(m, 3)` and `(n, 3)` positions as they lie.
    d0_A
        See `tm_d0_A`.

    Returns
    -------
    model, reference
        `(k,)` rows; both ascend.
    """
    m, n = len(model_A), len(reference_A)
    total = np.zeros((m + 1, n + 1), np.float32)
    x, y, z = np.ascontiguousarray(reference_A.T)
    for i in range(m):
        squared = (x - model_A[i, 0]) ** 2 + (y - model_A[i, 1]) ** 2 + (z - model_A[i, 2]) ** 2
        worth = (1 / (1 + squared / d0_A**2)).astype(np.float32)
        np.maximum(total[i, 1:], total[i, :-1] + worth, out=total[i + 1, 1:])
        np.maximum.accumulate(total[i + 1], out=total[i + 1])
    pairs = []
    i, j = m, n
    while i and j:
        if total[i, j] == total[i - 1, j]:
            i -= 1
        elif total[i, j] == total[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    found = np.array(pairs[::-1], np.intp).reshape(-1, 2)
    return found[:, 0], found[:, 1]


@dataclass(frozen=True, eq=False)
class Lddt:
    """Local distance difference test of CA (Mariani et al. 2013, Bioinformatics 29, 2722).

    Of the distances of a residue to all others within 15 A in the reference, the share that the
    model keeps to 0.5, 1, 2 and 4 A, averaged. No superposition; the hand is not seen.

    Attributes
    ----------
    kept
        `(n,)` how many distances each residue of the reference keeps, averaged over tolerances.
    count
        `(n,)` of how many.
    """

    kept: Floats
    count: NDArray[np.intp]

    @property
    def scores(self) -> Floats:
        """`(n,)` 0 to 1; NaN for a residue without neighbours."""
        with np.errstate(invalid="ignore"):
            scores: Floats = self.kept / self.count
        return scores

    def mean(self, rows: Rows | None = None) -> float | None:
        """Share of all distances, or of those of some residues; None if there is none."""
        some = slice(None) if rows is None else rows
        total = self.count[some].sum()
        return float(self.kept[some].sum() / total) if total else None


def lddt(model_A: Floats, reference_A: Floats) -> Lddt:
    """Which distances a model keeps.

    Parameters
    ----------
    model_A
        `(n, 3)` for each residue of the reference; NaN where the model has none. Distances to
        these are lost.
    reference_A
        `(n, 3)`.
    """
    from scipy.spatial import cKDTree  # slow to import

    n = len(reference_A)
    i, j = cKDTree(reference_A).query_pairs(INCLUSION_A, output_type="ndarray").T
    there = np.linalg.norm(reference_A[i] - reference_A[j], axis=1)
    here = np.linalg.norm(model_A[i] - model_A[j], axis=1)
    off = np.nan_to_num(np.abs(here - there), nan=np.inf)
    share = np.mean([off < t for t in TOLERANCES_A], axis=0)
    kept = np.bincount(i, share, n) + np.bincount(j, share, n)
    return Lddt(kept.astype(np.float64), np.bincount(i, minlength=n) + np.bincount(j, minlength=n))


def _seeds(n: int) -> NDArray[np.bool_]:
    """`(s, n)` fragments to begin with."""
    found = []
    size = n
    while True:
        count = min(_SEEDS, n - size + 1)
        for start in np.unique(np.linspace(0, n - size, count).astype(np.intp)).tolist():
            chosen = np.zeros(n, np.bool_)
            chosen[start : start + size] = True
            found.append(chosen)
        if size <= _SHORTEST:
            return np.array(found)
        size = max(size // 2, _SHORTEST)


def _different(chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Rows that differ from all before them."""
    packed = np.packbits(chosen, axis=1)
    _, first = np.unique(packed.view(f"V{packed.shape[1]}").ravel(), return_index=True)
    return chosen[np.sort(first)]


def _superpose(
    model_A: Floats, reference_A: Floats, chosen: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """`(s, 3, 3)` and `(s, 3)` motions that bring some points best on the reference (Kabsch)."""
    w = chosen / chosen.sum(1, keepdims=True)
    middle, goal = w @ model_A, w @ reference_A
    outer = (model_A[:, :, None] * reference_A[:, None, :]).reshape(len(model_A), 9)
    covariance = (w @ outer).reshape(-1, 3, 3) - middle[:, :, None] * goal[:, None, :]
    u, _, vt = np.linalg.svd(covariance)
    # A rotation, no reflection.
    hand = np.ones((len(w), 3))
    hand[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * hand[:, None, :]) @ vt
    return rotation, goal - np.einsum("si,sij->sj", middle, rotation)


def _score(moved_A: Floats, reference_A: Floats, d0_A: float) -> Floats:
    squared = ((moved_A - reference_A) ** 2).sum(-1)
    scores: Floats = (1 / (1 + squared / d0_A**2)).sum(-1)
    return scores


def _near(moved_A: Floats, reference_A: Floats, near_A: float) -> NDArray[np.bool_]:
    """`(s, n)` pairs that lie close under each motion: within so far, or the four closest."""
    squared = ((moved_A - reference_A) ** 2).sum(-1)
    k = min(_SHORTEST, squared.shape[1]) - 1
    fourth = np.partition(squared, k, axis=1)[:, k]
    return squared <= np.maximum(near_A**2, fourth)[:, None]
