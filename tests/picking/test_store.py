"""What a picking job keeps for the case that it is killed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.picking import store
from napari_cryoai.picking.pick import PickParams, pick_micrograph
from napari_cryoai.picking.store import FileStore

PARAMS = PickParams(diameter_A=120.0)


@pytest.fixture
def micrographs(small_set):
    return open_micrographs(small_set)[0]


def test_every_field_survives_the_store(micrographs, tmp_path):
    found = pick_micrograph(micrographs[0], diameter_A=120.0)
    found = replace(found, strangeness=1.25, size=0.75)
    FileStore(tmp_path, PARAMS, micrographs).save(found.name, found)
    kept = FileStore(tmp_path, PARAMS, micrographs).load(found.name)
    assert kept.picks == found.picks
    assert np.array_equal(kept.junk_mask, found.junk_mask)
    numbers = ("name", *store.NUMBERS)
    assert [getattr(kept, n) for n in numbers] == [getattr(found, n) for n in numbers]


@pytest.mark.parametrize(
    "other",
    [
        PickParams(diameter_A=121.0),
        PickParams(),
        PickParams(diameter_A=120.0, detector="template"),
    ],
)
def test_results_of_other_parameters_are_not_taken(micrographs, tmp_path, other):
    found = pick_micrograph(micrographs[0], diameter_A=120.0)
    FileStore(tmp_path, PARAMS, micrographs).save(found.name, found)
    assert FileStore(tmp_path, other, micrographs).load(found.name) is None


def test_another_threshold_takes_what_was_found(micrographs, tmp_path):
    found = pick_micrograph(micrographs[0], diameter_A=120.0)
    FileStore(tmp_path, PARAMS, micrographs).save(found.name, found)
    other = PickParams(diameter_A=120.0, threshold=0.4)
    assert FileStore(tmp_path, other, micrographs).load(found.name) is not None


def test_results_of_another_pixel_size_are_not_taken(micrographs, tmp_path):
    found = pick_micrograph(micrographs[0], diameter_A=120.0)
    FileStore(tmp_path, PARAMS, micrographs).save(found.name, found)
    others = [m.with_pixel_size(1.9) for m in micrographs]
    assert FileStore(tmp_path, PARAMS, others).load(found.name) is None


def test_results_for_other_references_are_not_taken(micrographs, tmp_path):
    references = tmp_path / "first.star"
    references.write_text("one")
    params = PickParams(diameter_A=120.0, detector="template", references=references)
    found = pick_micrograph(micrographs[0], diameter_A=120.0)
    FileStore(tmp_path / "out", params, micrographs).save(found.name, found)
    assert FileStore(tmp_path / "out", params, micrographs).load(found.name) is not None
    references.write_text("another")
    assert FileStore(tmp_path / "out", params, micrographs).load(found.name) is None


def test_results_of_other_shipped_weights_are_not_taken(micrographs, tmp_path, monkeypatch):
    shipped = tmp_path / "picker.safetensors"
    shipped.write_bytes(b"one")
    monkeypatch.setattr(store, "shipped_weights", lambda: shipped)
    found = pick_micrograph(micrographs[0], diameter_A=120.0)
    FileStore(tmp_path, PARAMS, micrographs).save(found.name, found)
    assert FileStore(tmp_path, PARAMS, micrographs).load(found.name) is not None
    shipped.write_bytes(b"another")
    assert FileStore(tmp_path, PARAMS, micrographs).load(found.name) is None
