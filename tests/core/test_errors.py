"""The error that a user reads."""

from __future__ import annotations

import pickle
from pathlib import Path

from napari_cryoai.core.errors import CryoAIError


def test_it_names_the_problem_the_file_and_the_remedy():
    error = CryoAIError("the header is cut off", path=Path("a.mrc"), remedy="Copy it again")
    assert str(error) == "a.mrc: the header is cut off. Copy it again."
    assert str(CryoAIError("no input", remedy="Give a file")) == "no input. Give a file."


def test_it_survives_the_way_back_from_another_process():
    error = CryoAIError("the header is cut off", path=Path("a.mrc"), remedy="Copy it again")
    again = pickle.loads(pickle.dumps(error))
    assert (again.problem, again.path, again.remedy) == (error.problem, error.path, error.remedy)
    assert str(again) == str(error)


def test_machines_get_the_same_three_facts():
    error = CryoAIError("the header is cut off", path=Path("a.mrc"), remedy="Copy it again")
    expected = {"problem": "the header is cut off", "path": "a.mrc", "remedy": "Copy it again"}
    assert error.as_json() == expected


def test_a_question_ends_as_one():
    error = CryoAIError("What is the pixel size?", remedy="Answer with --pixel-size-A")
    assert str(error) == "What is the pixel size? Answer with --pixel-size-A."
