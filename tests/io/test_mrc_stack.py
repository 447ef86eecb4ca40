"""Stacks that are written piece by piece."""

from __future__ import annotations

from collections import namedtuple

import mrcfile
import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.mrc import read_header, read_mrc
from napari_cryoai.io.mrc_stack import ImageStatistics, StackDraft


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(3, 2, (200, 5, 5)).astype(np.float32)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_pieces_in_any_order_make_the_stack(tmp_path, images, dtype):
    draft = StackDraft(tmp_path / "a.draft", 5, 200, dtype)
    draft.create()
    for first in (150, 0, 50, 100):
        draft.write(first, images[first : first + 50])
    target = tmp_path / "a.mrcs"
    draft.finish(target, 1.25, ImageStatistics.of(images))
    assert np.array_equal(read_mrc(target), images.astype(dtype))
    assert read_header(target).pixel_size_A == 1.25
    assert not draft.path.exists()
    with mrcfile.open(target) as other:
        assert other.is_image_stack()
        assert other.header.dmean == pytest.approx(images.mean(), abs=1e-3)
        assert other.header.rms == pytest.approx(images.std(), abs=1e-3)


def test_images_that_are_not_wanted_are_taken_out(tmp_path, images):
    draft = StackDraft(tmp_path / "a.draft", 5, 200, "float32")
    draft.create()
    draft.write(0, images)
    unwanted = [0, 7, 8, 100, 199]
    draft.without(unwanted).finish(tmp_path / "a.mrcs", 1.0, ImageStatistics())
    assert np.array_equal(read_mrc(tmp_path / "a.mrcs"), np.delete(images, unwanted, 0))


def test_sums_of_parts_are_those_of_the_whole(images):
    parts = ImageStatistics.of(images[:30]) + ImageStatistics.of(images[30:])
    whole = ImageStatistics.of(images)
    assert (parts.lowest, parts.highest, parts.pixels) == (whole.lowest, whole.highest, images.size)
    assert parts.squares == pytest.approx(whole.squares, rel=1e-5)
    assert ImageStatistics.of(images[:0]) + whole == whole


def test_a_full_disk_is_known_before_the_work(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(1, 1, 10_000))
    with pytest.raises(CryoAIError, match="disk has"):
        StackDraft(tmp_path / "a.draft", 64, 1000, "float32").create()


def test_only_a_draft_of_the_right_size_is_taken_up_again(tmp_path):
    StackDraft(tmp_path / "a.draft", 5, 20, "float32").create()
    assert StackDraft(tmp_path / "a.draft", 5, 20, "float32").exists()
    assert not StackDraft(tmp_path / "a.draft", 5, 21, "float32").exists()
