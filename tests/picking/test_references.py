"""References from files."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.picks import write_picks
from napari_cryoai.picking.references import load_references
from napari_cryoai.picking.template import MASK


@pytest.mark.parametrize("name", ["classes.mrcs", "class.mrc"])
def test_a_stack_of_class_averages(tmp_path, name):
    stack = np.random.default_rng(0).normal(size=(3, 64, 64)).astype(np.float32)
    write_mrc(tmp_path / name, stack if name.endswith("s") else stack[0], 2.0)
    references = load_references(tmp_path / name, [], 100.0)
    assert references.shape == (3 if name.endswith("s") else 1, *MASK.shape)


def test_a_stack_that_does_not_say_its_pixel_size_is_refused(tmp_path):
    write_mrc(tmp_path / "classes.mrcs", np.zeros((2, 64, 64), np.float32), None)
    with pytest.raises(CryoAIError, match="do not say their pixel size"):
        load_references(tmp_path / "classes.mrcs", [], 100.0)


def test_picks_of_the_micrographs_at_hand(tmp_path, simulate, in_memory):
    truth = simulate(0, kind="shell")
    micrograph = in_memory(truth.image)
    write_picks(truth.picks, tmp_path / "picks.star", micrographs=[micrograph])
    references = load_references(tmp_path / "picks.star", [micrograph], 140.0)
    assert references.shape[1:] == MASK.shape
    middle = len(MASK) // 2
    assert references.mean(0)[middle - 11 : middle + 12, middle - 11 : middle + 12].mean() > 0


@pytest.mark.parametrize("yx", [np.empty((0, 2)), [[1.0, 1.0]]])
def test_picks_that_lie_nowhere_useful_are_refused(tmp_path, simulate, in_memory, yx):
    micrograph = in_memory(simulate(0, kind="shell").image)
    picks = PickTable.of_points(micrograph.name, yx)
    write_picks(picks, tmp_path / "picks.csv")
    with pytest.raises(CryoAIError, match="Pick a few particles first"):
        load_references(tmp_path / "picks.csv", [micrograph], 140.0)


def test_no_file_is_no_reference():
    with pytest.raises(CryoAIError, match="Give references"):
        load_references(None, [], 140.0)
