"""Parameters of a job, declared once: form, command line, file and record are made from them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Params(BaseModel):
    """Base of every job's parameters.

    Each field is declared with a title, bounds, one sentence (`description`) and, where it has one,
    a unit: `Field(120.0, title="Diameter", gt=0, description="...", json_schema_extra={"unit": "A"})`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
