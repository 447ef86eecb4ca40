"""Parameters of a job, declared once: form, command line, file and record are made from them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Params(BaseModel):
    """Base of every job's parameters.

    Each field has a title, bounds and one sentence, and its unit in `json_schema_extra`::

        diameter_A: float = Field(
            120.0, gt=0, title="Diameter", description="Longest extent of the particle.",
            json_schema_extra={"unit": "A"},
        )
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
