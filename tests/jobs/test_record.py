"""`job.json` says what made the files beside it."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from pydantic import Field

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.record import package_versions, read_record, write_record


class PickParams(Params):
    diameter_A: float = Field(120.0, gt=0)
    references: Path | None = None
    threshold: float | None = None


@pytest.fixture
def record(tmp_path):
    source = tmp_path / "a.mrc"
    source.write_bytes(bytes(1234))
    os.utime(source, (1_600_000_000.25, 1_600_000_000.25))
    write_record(
        tmp_path,
        "pick",
        PickParams(diameter_A=97.3, references=Path("r.mrcs")),
        inputs=[source, tmp_path / "gone.mrc"],
        outputs=[tmp_path / "a.mrc"],
        problems=[CryoAIError("it is cut off", path=Path("b.mrc"), remedy="Copy it again")],
        seed=7,
        device="cuda:0",
        seconds=1.23456,
    )
    return read_record(tmp_path)


def test_the_parameters_make_the_same_parameters_again(record):
    again = PickParams.model_validate(record["parameters"])
    assert again == PickParams(diameter_A=97.3, references=Path("r.mrcs"))
    assert record["job"] == "pick"
    assert (record["seed"], record["device"], record["seconds"]) == (7, "cuda:0", 1.235)


def test_inputs_are_recorded_with_size_and_time(record, tmp_path):
    there, gone = record["inputs"]
    assert there["path"] == str((tmp_path / "a.mrc").resolve())
    assert there["bytes"] == 1234
    assert datetime.fromisoformat(there["modified"]).timestamp() == 1_600_000_000.25
    assert gone["bytes"] is None


def test_what_failed_is_recorded_with_its_remedy(record):
    expected = {"path": "b.mrc", "problem": "it is cut off", "remedy": "Copy it again"}
    assert record["problems"] == [expected]


def test_the_versions_that_matter_are_recorded(record):
    assert record["packages"]["numpy"] == np.__version__
    assert {"napari-cryoai", "scipy", "gemmi", "mrcfile"} <= record["packages"].keys()
    assert record["packages"] == package_versions()
    assert record["platform"]["python"].startswith("3.")
    assert datetime.fromisoformat(record["finished"]) <= datetime.now(UTC)


def test_a_record_is_replaced_whole(record, tmp_path):
    write_record(tmp_path, "convert", PickParams())
    assert read_record(tmp_path)["job"] == "convert"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mrc", "job.json"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_what_is_no_record_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "job.json").write_bytes(content)
    with pytest.raises(CryoAIError, match=r"job\.json"):
        read_record(tmp_path)


def test_the_file_is_plain_json_for_everyone(record, tmp_path):
    text = (tmp_path / "job.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == record
