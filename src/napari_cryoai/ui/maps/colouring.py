"""What a surface can be coloured by, and in which colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from napari_cryoai.core.density_map import DensityMap

# Okabe and Ito's colours (https://jfly.uni-koeln.de/color/), told apart with any colour vision;
# light enough to be shaded. What is doubtful is vermilion everywhere.
_DOUBT, _MIDDLE, _GOOD, _NEUTRAL = "#e0692a", "#f0e05a", "#62b6ea", "#d2d4d8"
SCALES = {
    "good is high": (_DOUBT, _MIDDLE, _GOOD),
    "good is low": (_GOOD, _MIDDLE, _DOUBT),
    "any is bad": (_NEUTRAL, "#e8b78f", _DOUBT),
    "plain": ("#3b4cc0", "#dddcdc", "#b40426"),
    "rainbow": ("#4c6fe0", "#3fb4dc", "#5fc97a", "#e8d84c", "#ec8a3c", "#d94a4a"),
}


@dataclass(frozen=True)
class Scale:
    """Colours that stand for numbers.

    Attributes
    ----------
    name
        Of what they stand for.
    limits
        Values at their two ends.
    scale
        One of `SCALES`.
    unit
        Of the values, or "".
    meaning
        What the two ends are, in a few words each.
    """

    name: str
    limits: tuple[float, float]
    scale: str
    unit: str = ""
    meaning: tuple[str, str] = ("", "")


@dataclass(frozen=True, eq=False)
class Colouring:
    """A map whose values colour the surface of another.

    Attributes
    ----------
    name
        As the user reads it: "Confidence".
    density
        The values; its grid may differ from that of the surface's map.
    limits
        Values at the two ends of the colours.
    scale
        One of `SCALES`.
    unit
        Of the values, or "".
    meaning
        What the two ends are, in a few words each.
    """

    name: str
    density: DensityMap
    limits: tuple[float, float]
    scale: str = "plain"
    unit: str = ""
    meaning: tuple[str, str] = ("low", "high")

    def with_density(self, change: Callable[[DensityMap], DensityMap]) -> Colouring:
        """The same after an edit of its map."""
        return replace(self, density=change(self.density))


def limits_of(values: DensityMap, inside: DensityMap, level: float) -> tuple[float, float]:
    """Ends of the colours: all but stray values where a map lies above its level.

    Parameters
    ----------
    values
        That colour.
    inside
        The map that is coloured, on the same grid.
    """
    chosen = values.data[inside.data > level] if values.shape == inside.shape else values.data
    chosen = chosen[np.isfinite(chosen)]
    if not chosen.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.quantile(chosen[:: max(1, chosen.size // 200_000)], _ENDS))
    return low, high if high > low else low + max(abs(low), 1.0) * 1e-3


_ENDS = (0.02, 0.98)
