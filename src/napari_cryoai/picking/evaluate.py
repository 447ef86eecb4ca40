"""How well picks agree with reference picks, centre by centre."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from napari_cryoai.core.picks import PickTable


class Curve(NamedTuple):
    """Recall and precision after each distinct score, from the best one down; `(n,)` each."""

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    threshold: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Agreement of picks with a reference.

    Attributes
    ----------
    precision, recall, f1
        Of all the picks compared.
    average_precision
        Area under the precision-recall curve, precision taken as the best at that recall or more;
        NaN if the picks have no scores.
    curve
        What other thresholds would give.
    matched, false
        Row indices into the picks.
    found, missed
        Row indices into the reference; `found[i]` is the partner of `matched[i]`.
    per_micrograph
        Name to (picks, reference, matched).
    """

    precision: float
    recall: float
    f1: float
    average_precision: float
    curve: Curve
    matched: NDArray[np.intp]
    false: NDArray[np.intp]
    found: NDArray[np.intp]
    missed: NDArray[np.intp]
    per_micrograph: dict[str, tuple[int, int, int]]


def compare(picks: PickTable, reference: PickTable, radius_px: float) -> Comparison:
    """Match picks and reference one to one within `radius_px`, as many as can be.

    Of all such matchings the one with the smallest total distance is taken, so that the result
    does not depend on the order of the rows. Micrographs that only one table names count too.

    Parameters
    ----------
    radius_px
        Largest distance of a pick from the reference centre it stands for.
    """
    pairs: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    per_micrograph = {}
    for name in dict.fromkeys((*picks.names, *reference.names)):
        mine, theirs = picks.rows_of(name), reference.rows_of(name)
        if not len(mine) and not len(theirs):
            continue
        a, b = match(picks.yx_px[mine], reference.yx_px[theirs], radius_px)
        pairs.append((mine[a], theirs[b]))
        per_micrograph[name] = (len(mine), len(theirs), len(a))
    none = np.empty(0, np.intp)
    matched = np.concatenate([none, *(p[0] for p in pairs)])
    found = np.concatenate([none, *(p[1] for p in pairs)])
    hit = np.zeros(len(picks), np.bool_)
    hit[matched] = True
    seen = np.zeros(len(reference), np.bool_)
    seen[found] = True
    precision, recall = _share(len(matched), len(picks)), _share(len(matched), len(reference))
    curve = precision_recall(picks.score, hit, len(reference))
    return Comparison(
        precision=precision,
        recall=recall,
        f1=_share(2 * len(matched), len(picks) + len(reference)),
        average_precision=average_precision(curve.recall, curve.precision),
        curve=curve,
        matched=matched,
        false=np.flatnonzero(~hit),
        found=found,
        missed=np.flatnonzero(~seen),
        per_micrograph=per_micrograph,
    )


def match(
    a: NDArray[np.float64], b: NDArray[np.float64], radius: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """One-to-one pairs of points closer than `radius`: as many as can be, then the closest.

    Returns
    -------
    rows_a, rows_b
        `(m,)` each.
    """
    if not len(a) or not len(b):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    near = cKDTree(a).sparse_distance_matrix(cKDTree(b), radius, output_type="ndarray")
    i, j, d = near["i"], near["j"], near["v"]
    links = coo_matrix((np.ones(len(i)), (i, j + len(a))), shape=[len(a) + len(b)] * 2)
    _, group = connected_components(links, directed=False)
    order = np.argsort(group[i], kind="stable")
    pairs = [
        _assign(i[rows], j[rows], d[rows], radius)
        for rows in np.split(order, np.flatnonzero(np.diff(group[i][order])) + 1)
        if len(rows)
    ]
    if not pairs:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    rows_a, rows_b = (np.concatenate(side) for side in zip(*pairs, strict=True))
    order = np.argsort(rows_a)
    return rows_a[order], rows_b[order]


def _assign(
    i: NDArray[np.intp], j: NDArray[np.intp], d: NDArray[np.float64], radius: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The best assignment within one group of points that are linked by near pairs."""
    left, row = np.unique(i, return_inverse=True)
    right, column = np.unique(j, return_inverse=True)
    far = (radius + 1) * (min(len(left), len(right)) + 1)  # one more pair outweighs all distances
    cost = np.full((len(left), len(right)), far)
    cost[row, column] = d
    rows, columns = linear_sum_assignment(cost)
    near = cost[rows, columns] < far
    return left[rows[near]].astype(np.intp), right[columns[near]].astype(np.intp)


def precision_recall(
    score: NDArray[np.floating], hit: NDArray[np.bool_], n_reference: int
) -> Curve:
    """The precision-recall curve.

    Rows without a score come first: no threshold removes them.
    """
    value = np.where(np.isnan(score), np.inf, score).astype(np.float64)
    order = np.argsort(-value, kind="stable")
    hits, value = np.cumsum(hit[order]), value[order]
    last = np.flatnonzero(np.append(value[1:] != value[:-1], len(value) > 0))
    recall = hits[last] / max(n_reference, 1)
    return Curve(recall, hits[last] / (last + 1.0), value[last])


def average_precision(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> float:
    """Area under the curve, each recall with the best precision at that recall or more."""
    if not len(recall):
        return 0.0
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * envelope))


def best_f1(comparison: Comparison, n_reference: int) -> tuple[float, float]:
    """The highest F1 that any threshold would give, and that threshold.

    For diagnosis only: it is chosen with the truth in hand.
    """
    recall, precision, threshold = comparison.curve
    if not len(recall) or not n_reference:
        return 0.0, float("nan")
    total = np.maximum(recall + precision, 1e-12)
    f1: Sequence[float] = (2 * recall * precision / total).tolist()
    best = int(np.argmax(f1))
    return f1[best], float(threshold[best])


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
