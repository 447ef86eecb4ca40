"""Parameters are declared once, and what is not declared is refused."""

from __future__ import annotations

import pytest
from pydantic import Field, ValidationError

from napari_cryoai.jobs.params import Params


class PickParams(Params):
    diameter_A: float = Field(120.0, gt=0, json_schema_extra={"unit": "A"})


def test_a_misspelt_or_impossible_parameter_is_refused():
    for wrong in ({"diameter": 100}, {"diameter_A": -1}, {"diameter_A": "wide"}):
        with pytest.raises(ValidationError):
            PickParams(**wrong)


def test_the_unit_travels_with_the_field():
    assert PickParams.model_json_schema()["properties"]["diameter_A"]["unit"] == "A"


def test_parameters_do_not_change_under_a_running_job():
    params = PickParams()
    with pytest.raises(ValidationError):
        params.diameter_A = 5
