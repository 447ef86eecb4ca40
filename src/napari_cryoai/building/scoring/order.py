"""Whether a model runs through its residues as the reference does, and in the same direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.scoring.matching import Alphas, Matches

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Links:
    """Neighbours in the reference, `(n - 1,)` each: a row and the next one.

    Attributes
    ----------
    both
        They are bonded in the reference, and both are matched.
    forward, backward
        And their partners are neighbours in the model: in the same order, or in the opposite one.
    """

    both: Mask
    forward: Mask
    backward: Mask

    def of(self, rows: Mask) -> Links:
        """Those among some rows `(n,)` of the reference."""
        some = rows[1:] & rows[:-1]
        return Links(self.both & some, self.forward & some, self.backward & some)

    @property
    def break_rate(self) -> float | None:
        """Share of `both` that the model does not join."""
        n = int(self.both.sum())
        return 1 - self._joined() / n if n else None

    @property
    def direction_error(self) -> float | None:
        """Share of what the model joins that it joins backwards."""
        joined = self._joined()
        return int(self.backward.sum()) / joined if joined else None

    def _joined(self) -> int:
        return int(self.forward.sum() + self.backward.sum())


def links_of(model: Alphas, reference: Alphas, matches: Matches) -> Links:
    """What becomes of each pair of neighbours of the reference in the model."""
    found = matches.model_of(len(reference))
    first, second = found[:-1], found[1:]
    both = reference.bonded() & (first >= 0) & (second >= 0)
    # One more, so that row -1 and the last row ask for something that is there.
    joined = np.append(model.joined(), False)
    return Links(
        both=both,
        forward=both & (second == first + 1) & joined[first],
        backward=both & (second == first - 1) & joined[second],
    )
