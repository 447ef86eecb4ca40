"""Learning from corrections: everything that a front end needs, in one place.

A picker looks at each micrograph once (`see`); what it saw is kept. `refit` fits its last layer to
the corrections in a fraction of a second, and `picks_of` tells what it now finds on all micrographs
that were seen. `improve` trains the whole network, which takes a minute, and has to see again.
"""

from __future__ import annotations

from napari_cryoai.picking.corrections import Corrections
from napari_cryoai.picking.learn_head import refit
from napari_cryoai.picking.learn_improve import Glance, ImproveParams, improve
from napari_cryoai.picking.review import review_order
from napari_cryoai.picking.sight import View, heat_map, picks_of, see

__all__ = [
    "Corrections",
    "Glance",
    "ImproveParams",
    "View",
    "heat_map",
    "improve",
    "picks_of",
    "refit",
    "review_order",
    "see",
]
