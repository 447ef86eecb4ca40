"""Everything that picking a set of micrographs amounts to, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from napari_cryoai.core.picks import PickTable


@dataclass(frozen=True)
class PickFilters:
    """Live filters: they hide picks and never change a row.

    Attributes
    ----------
    threshold
        Picks that score less are hidden; None shows all. Picks without a score always show.
    min_distance_A
        Of two picks closer than this, the one that scores less is hidden.
    edge_margin_A
        Picks whose centre is closer than this to the image's border are hidden.
    hide_junk
        Hide the picks that lie on the junk mask.
    """

    threshold: float | None = None
    min_distance_A: float = 0.0
    edge_margin_A: float = 0.0
    hide_junk: bool = True


@dataclass(frozen=True)
class Stroke:
    """One stroke of the brush that marks a region to exclude (or, erasing, to include again).

    Attributes
    ----------
    yx_px
        The path of the brush's centre, in pixels of the micrograph.
    radius_px
        The brush's radius.
    erase
        Whether it takes away what earlier strokes marked.
    """

    yx_px: tuple[tuple[float, float], ...]
    radius_px: float
    erase: bool = False


@dataclass(frozen=True)
class PickDocument:
    """What is saved, edited and undone; micrographs are known by name only.

    Attributes
    ----------
    picks
        All rows, shown or not.
    filters
        The live filters, one set for all micrographs.
    strokes
        Painted exclusions per micrograph, oldest first.
    reviewed, junk
        Micrographs that the user ticked off, and those she threw out (nothing of them is exported).
    """

    picks: PickTable = field(default_factory=PickTable.empty)
    filters: PickFilters = PickFilters()
    strokes: Mapping[str, tuple[Stroke, ...]] = field(default_factory=dict)
    reviewed: frozenset[str] = frozenset()
    junk: frozenset[str] = frozenset()
