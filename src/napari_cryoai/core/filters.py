"""Which picks are shown and exported: the one place that decides it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.document import PickDocument, PickFilters, Stroke
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, Source, State
from napari_cryoai.core.thinning import thin


def shown(document: PickDocument, micrographs: Mapping[str, Micrograph]) -> NDArray[np.bool_]:
    """`(n,)` mask of the picks that are kept and pass every filter: those drawn and exported."""
    return candidates(document, micrographs) & above_threshold(document.picks, document.filters)


def above_threshold(picks: PickTable, filters: PickFilters) -> NDArray[np.bool_]:
    """`(n,)` mask of the picks that reach the score threshold, have no score, or are the user's.

    Whatever a detector says of it, a pick that the user made, moved or confirmed stays.
    """
    if filters.threshold is None:
        return np.ones(len(picks), np.bool_)
    below = picks.score < filters.threshold
    return np.logical_not(below & (picks.source != Source.MANUAL))


def candidates(document: PickDocument, micrographs: Mapping[str, Micrograph]) -> NDArray[np.bool_]:
    """`(n,)` mask of what would be shown without a threshold; slow enough to be worth keeping."""
    picks, filters = document.picks, document.filters
    mask = picks.state == State.KEPT
    if filters.hide_junk:
        mask &= ~picks.in_junk
    for name, count in picks.counts().items():
        if not count:
            continue
        rows = picks.rows_of(name)
        if name in document.junk:
            mask[rows] = False
            continue
        yx = picks.yx_px[rows]
        keep = mask[rows] & ~painted(yx, document.strokes.get(name, ()))
        if name in micrographs:
            keep &= _fits(micrographs[name], yx, filters)
            keep = _thinned(micrographs[name], yx, picks.score[rows], keep, filters)
        mask[rows] = keep
    return mask


def painted(yx_px: NDArray[np.float64], strokes: Iterable[Stroke]) -> NDArray[np.bool_]:
    """`(n,)` mask of the points that lie under the brush; later strokes paint over earlier ones."""
    mask = np.zeros(len(yx_px), np.bool_)
    for stroke in strokes:
        if not stroke.yx_px:
            continue
        mask[
            _distance_to_path(yx_px, np.array(stroke.yx_px)) <= stroke.radius_px
        ] = not stroke.erase
    return mask


def _fits(micrograph: Micrograph, yx_px: NDArray[np.float64], f: PickFilters) -> NDArray[np.bool_]:
    if f.edge_margin_A <= 0 or not micrograph.pixel_size_A:
        return np.ones(len(yx_px), np.bool_)
    margin = f.edge_margin_A / micrograph.pixel_size_A
    inside = (yx_px >= margin) & (yx_px <= np.array(micrograph.shape) - 1 - margin)
    return np.asarray(inside.all(1))


def _thinned(
    micrograph: Micrograph,
    yx_px: NDArray[np.float64],
    score: NDArray[np.float32],
    keep: NDArray[np.bool_],
    f: PickFilters,
) -> NDArray[np.bool_]:
    if f.min_distance_A <= 0 or not micrograph.pixel_size_A:
        return keep
    rows = np.flatnonzero(keep)
    survives = thin(yx_px[rows], score[rows], f.min_distance_A / micrograph.pixel_size_A)
    keep = np.zeros_like(keep)
    keep[rows[survives]] = True
    return keep


def _distance_to_path(yx: NDArray[np.float64], path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of `(n, 2)` points to the polyline through `(m, 2)` points."""
    nearest = np.linalg.norm(yx - path[0], axis=1)
    for a, b in pairwise(path):
        ab = b - a
        t = np.clip(((yx - a) @ ab) / max(float(ab @ ab), 1e-12), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(yx - a - t[:, None] * ab, axis=1))
    return nearest
