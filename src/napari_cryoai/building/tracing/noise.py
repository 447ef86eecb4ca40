"""Whether a map shows anything but noise."""

from __future__ import annotations

import numpy as np

from napari_cryoai.building.tracing.prepare import Prepared
from napari_cryoai.core.trace import Trace
from napari_cryoai.physics.gaussian import blurred

BLUR_PX = 1.5
"""What noise beyond the resolution there is must not hide the molecule."""

SKEWED = 0.6
"""Skewness of a map: 3 to 6 of public maps, at most 0.55 of noise, the more the smaller its box."""

VAGUE = -2.0
"""Mean logarithm of the answers for amino acids: -1.7 at 3.2 A, -2.1 to -2.4 at 4 A and in noise.

It is -3.0 where all twenty are equally likely.
"""


def is_noise(prepared: Prepared, trace: Trace) -> bool:
    """Whether the values of a map are as those of noise, and its residues show no side chains.

    A network that has always been shown proteins finds helices in noise. But a molecule stands out
    of its box: few values lie far above the others, and none as far below. They need not where the
    box was cut out of the inside of a molecule; there side chains have to tell.
    """
    seen = blurred(prepared.volume, BLUR_PX)
    seen = (seen - seen.mean()) / seen.std()
    skewness = float(seen.pow(3).mean())
    types = np.maximum(trace.types, 1e-12)
    told = float((types * np.log(types)).sum(1).mean()) if len(trace) else -np.inf
    return skewness < SKEWED and told < VAGUE
