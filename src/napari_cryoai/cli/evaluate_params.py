"""The parameters of `cryoai evaluate`; without torch, so that its help comes at once."""

from __future__ import annotations

from typing import Literal

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


class EvaluateModelParams(EvaluateMapParams):
    """How a model is compared with a reference and with a map."""

    b_factors: Literal["fit", "file"] = Field(
        "fit",
        title="B-factors",
        description="Of the model's map: one for all atoms, which agrees best with the map, since "
        "built models have confidences in their place; or those of the file.",
    )


class EvaluateHeterogeneityParams(Params):
    """How a latent space is compared with the truth of a simulation."""

    images: int = Field(
        100, ge=1, le=10_000, title="Images",
        description="Particles that are drawn; the map of each is compared with its true map.",
    )  # fmt: skip
    low_pass_A: float | None = Field(
        None, gt=0, title="Low-pass",
        description="Where differences to the mean map are cut off; 4 pixels if not given.",
        json_schema_extra={"unit": "A"},
    )  # fmt: skip
    seed: int = Field(0, ge=0, title="Seed", description="Of which particles are drawn.")
