"""The parameters of `cryoai evaluate`; without torch, so that its help comes at once."""

from __future__ import annotations

from pydantic import Field

from napari_cryoai.jobs.params import Params


class EvaluateMapParams(Params):
    """How a map is compared with an atomic model."""

    resolution_A: float | None = Field(
        None,
        gt=0,
        title="Resolution",
        description="Of the map, where the model's map is cut off for CC_box and CC_mask; "
        "where the masked FSC with the model falls to 0.5 if not given.",
        json_schema_extra={"unit": "A"},
    )
    q_sigma_A: float = Field(
        0.6,
        ge=0.1,
        le=2,
        title="Width of the Q-score",
        description="Of the Q-score's reference Gaussian: 0.6 in the paper, 0.4 in EMDB.",
        json_schema_extra={"unit": "A"},
    )
