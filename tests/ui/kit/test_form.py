"""Forms from parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.params import Params
from napari_cryoai.picking.pick import PickParams
from napari_cryoai.ui.kit.form import ParamsForm, as_command_line, build

pytestmark = pytest.mark.qt


class Example(Params):
    """Parameters of every kind."""

    size_A: float | None = Field(
        None, gt=0, title="Size", description="How big.", json_schema_extra={"unit": "A"}
    )
    method: Literal["fast", "good"] = Field("good", title="Method")
    rounds: int = Field(3, ge=1, le=9, title="Rounds")
    weight: float = Field(0.5, ge=0, le=1, title="Weight")
    rate: float = Field(2e-3, gt=0, lt=1, title="Rate")
    sure: bool = Field(False, title="Sure")
    file: Path | None = Field(None, title="File")


@pytest.fixture
def form(qtbot: Any) -> ParamsForm:
    made = ParamsForm(Example)
    qtbot.addWidget(made)
    return made


def test_an_untouched_form_gives_the_defaults(form: ParamsForm) -> None:
    assert build(Example, form.values()) == Example()


def test_fields_have_the_bounds_titles_and_sentences_of_the_model(form: ParamsForm) -> None:
    assert form.widgets["rounds"].min == 1
    assert form.widgets["rounds"].max == 9
    assert form.widgets["method"].choices == ("fast", "good")
    assert form.widgets["size_A"].tooltip == "How big."


def test_what_is_typed_reaches_the_parameters(form: ParamsForm) -> None:
    form.set("size_A", 120.0)
    form.widgets["method"].value = "fast"
    form.widgets["sure"].value = True
    params = build(Example, form.values())
    assert params == Example(size_A=120.0, method="fast", sure=True)


def test_a_value_out_of_bounds_names_the_field(form: ParamsForm) -> None:
    form.set("size_A", -3)
    with pytest.raises(CryoAIError, match=r"Size \(Å\): input should be greater than 0"):
        build(Example, form.values())


def test_the_form_of_the_picker_can_be_made(qtbot: Any) -> None:
    form = ParamsForm(PickParams)
    qtbot.addWidget(form)
    assert build(PickParams, form.values()) == PickParams()


def test_the_command_line_spells_out_what_differs_from_the_defaults() -> None:
    params = Example(size_A=120.0, sure=True)
    line = as_command_line("cryoai example", params, ["my dir/a.mrc"])
    assert line == "cryoai example 'my dir/a.mrc' --size-A 120 --sure"
