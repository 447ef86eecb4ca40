"""The picking job: its protocol, its failures, its resumption, its threshold."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import Source
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.picks import write_picks
from napari_cryoai.jobs.progress import Progress, finish
from napari_cryoai.picking.output import kept_picks
from napari_cryoai.picking.pick import (
    MicrographPicks,
    PickParams,
    PickResult,
    Store,
    common_threshold,
    pick,
    pick_micrograph,
)
from napari_cryoai.picking.store import FileStore

PARAMS = PickParams(diameter_A=120.0, detector="blob")


@pytest.fixture
def micrographs(small_set):
    return open_micrographs(small_set)[0]


@pytest.fixture(scope="session")
def uninterrupted(small_set) -> PickResult:
    return finish(pick(PARAMS, open_micrographs(small_set)[0]))


def run(job):
    """All steps of a job, and its result."""
    steps = []
    while True:
        try:
            steps.append(next(job))
        except StopIteration as stop:
            return steps, stop.value


def same(a: PickResult, b: PickResult) -> bool:
    return a.picks == b.picks and a.threshold == b.threshold and a.diameter_A == b.diameter_A


class Memory(Store):
    """Keeps what was found, and counts what was asked for in vain."""

    def __init__(self):
        self.kept: dict[str, MicrographPicks] = {}

    def load(self, name):
        return self.kept.get(name)

    def save(self, name, found):
        self.kept[name] = found


def test_progress_counts_the_micrographs_and_shows_each(micrographs):
    steps, result = run(pick(PARAMS, micrographs))
    assert all(isinstance(step, Progress) and step.total == 4 for step in steps)
    done = [step.done for step in steps]
    assert done[0] == 0
    assert done == sorted(done)
    assert done[-1] == 4
    shown = [step.preview for step in steps if step.preview is not None]
    assert [preview.name for preview in shown] == [m.name for m in micrographs]
    for preview in shown:
        assert preview.picks == result.picks.of(preview.name).renumbered()
        assert preview.junk_mask.dtype == bool
        assert preview.diameter_A == 120


def test_all_peaks_are_kept_best_first_with_score_diameter_and_source(micrographs, uninterrupted):
    picks = uninterrupted.picks
    assert picks.names == tuple(m.name for m in micrographs)
    assert (picks.score > 0).all()
    assert (picks.score < uninterrupted.threshold).sum() > 20
    assert (picks.diameter_px == 60).all()
    assert (picks.source == Source.AUTO).all()
    for name in picks.names:
        assert np.all(np.diff(picks.of(name).score) <= 0)


def test_the_same_input_gives_the_same_picks(micrographs, uninterrupted):
    assert same(finish(pick(PARAMS, micrographs)), uninterrupted)


def test_two_workers_find_the_same_as_one(micrographs, uninterrupted):
    assert same(finish(pick(PARAMS, micrographs, workers=2)), uninterrupted)


def test_closing_the_job_cancels_it_and_keeps_what_was_found(micrographs):
    store = Memory()
    job = pick(PARAMS, micrographs, store=store)
    while not next(job).preview:
        pass
    start = time.perf_counter()
    job.close()
    assert time.perf_counter() - start < 1
    assert list(store.kept) == [micrographs[0].name]
    with pytest.raises(StopIteration):
        next(job)


def test_a_broken_micrograph_is_reported_and_the_others_go_on(
    small_set, tmp_path, micrographs, uninterrupted
):
    broken = tmp_path / "broken.mrc"
    broken.write_bytes(small_set[0].read_bytes())
    opened, _ = open_micrographs([small_set[0], broken, *small_set[1:]])
    broken.write_bytes(small_set[0].read_bytes()[:5000])
    steps, result = run(pick(PARAMS, opened))
    problems = [step.problem for step in steps if step.problem]
    assert len(problems) == 1
    assert Path(problems[0].path) == broken
    assert problems == result.problems
    assert steps[-1].done == steps[-1].total == 5
    assert result.picks == uninterrupted.picks


def test_if_all_are_broken_the_reason_is_told(small_set, tmp_path):
    path = tmp_path / "a.mrc"
    path.write_bytes(small_set[0].read_bytes())
    opened, _ = open_micrographs([path])
    path.write_bytes(small_set[0].read_bytes()[:5000])
    with pytest.raises(CryoAIError, match="cut off"):
        finish(pick(PARAMS, opened))


def test_nothing_to_pick_is_told():
    with pytest.raises(CryoAIError, match="no micrographs"):
        finish(pick(PARAMS, []))


def test_a_missing_pixel_size_is_asked_for(in_memory):
    job = pick(PARAMS, [in_memory(np.zeros((300, 300), np.float32), pixel_size_A=None)])
    with pytest.raises(CryoAIError, match="--pixel-size-A"):
        finish(job)


@pytest.mark.parametrize("diameter_A", [11.0, 1500.0])
def test_a_diameter_that_does_not_go_with_the_image_is_told(micrographs, diameter_A):
    with pytest.raises(CryoAIError, match="Check the diameter and the pixel size"):
        finish(pick(PickParams(diameter_A=diameter_A), micrographs[:1]))


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0, -7.3, 3e4])
def test_an_image_without_anything_on_it_is_told(in_memory, value):
    with pytest.raises(CryoAIError, match="same value everywhere"):
        pick_micrograph(in_memory(np.full((400, 420), value, np.float32)), diameter_A=120.0)


@pytest.mark.parametrize("offset", [0.0, 1e3, -3e4])
def test_a_large_offset_is_no_reason_to_find_nothing(simulate, in_memory, offset):
    image = simulate(0, kind="shell").image
    plain = pick_micrograph(in_memory(image), diameter_A=140.0)
    moved = pick_micrograph(in_memory(image + np.float32(offset)), diameter_A=140.0)
    kept = [(f.picks.score >= f.threshold).sum() for f in (plain, moved)]
    assert kept[1] == pytest.approx(kept[0], rel=0.05)


class TestResume:
    def test_what_was_found_is_not_looked_for_again(self, micrographs, uninterrupted, tmp_path):
        job = pick(PARAMS, micrographs, store=FileStore(tmp_path, PARAMS, micrographs))
        while next(job).done < 2:
            pass
        job.close()
        read = []
        watched = [_watched(m, read) for m in micrographs]
        result = finish(pick(PARAMS, watched, store=FileStore(tmp_path, PARAMS, micrographs)))
        assert same(result, uninterrupted)
        assert len(read) == 2

    def test_a_complete_store_gives_the_very_same_result(
        self, micrographs, uninterrupted, tmp_path
    ):
        for _ in range(2):
            store = FileStore(tmp_path, PARAMS, micrographs)
            assert same(finish(pick(PARAMS, micrographs, store=store)), uninterrupted)
        store.remove()
        assert not list(tmp_path.iterdir())

    def test_a_damaged_result_is_found_anew(self, micrographs, uninterrupted, tmp_path):
        finish(pick(PARAMS, micrographs, store=FileStore(tmp_path, PARAMS, micrographs)))
        files = sorted((tmp_path / ".partial").iterdir())
        files[0].write_bytes(files[0].read_bytes()[:200])
        files[1].write_bytes(b"")
        files[2].write_bytes(b"PK\x03\x04 nonsense")
        store = FileStore(tmp_path, PARAMS, micrographs)
        assert same(finish(pick(PARAMS, micrographs, store=store)), uninterrupted)


def _watched(micrograph, read):
    def load():
        read.append(micrograph.name)
        return micrograph.load()

    return replace(micrograph, load=load)


class TestThreshold:
    def test_one_is_chosen_for_the_set_so_that_an_empty_micrograph_stays_empty(
        self, micrographs, uninterrupted
    ):
        kept = kept_picks(uninterrupted, micrographs)
        counts = kept.counts()
        assert counts["mic3.mrc"] <= 3
        for name, true in zip(("mic0.mrc", "mic1.mrc", "mic2.mrc"), (20, 25, 15), strict=True):
            assert counts[name] == pytest.approx(true, abs=0.2 * true + 1)

    def test_it_does_not_depend_on_the_order_of_the_micrographs(self, micrographs, uninterrupted):
        backwards = finish(pick(PARAMS, micrographs[::-1]))
        assert backwards.threshold == pytest.approx(uninterrupted.threshold, abs=1e-6)

    def test_the_last_preview_shows_that_of_the_result(self, micrographs):
        steps, result = run(pick(PARAMS, micrographs))
        assert steps[-1].preview.threshold == result.threshold

    def test_a_given_one_is_taken(self, micrographs):
        params = PickParams(diameter_A=120.0, threshold=0.33)
        result = finish(pick(params, micrographs[:1]))
        assert result.threshold == 0.33
        assert (kept_picks(result, micrographs).score >= 0.33).all()
        assert len(result.picks) > len(kept_picks(result, micrographs))

    def test_picks_in_junk_have_no_say(self, micrographs):
        found = pick_micrograph(micrographs[0], diameter_A=120.0)
        plain = common_threshold(PARAMS, [found])
        junk = found.picks.in_junk.copy()
        junk[:5] = True
        fewer = replace(found, picks=replace(found.picks, in_junk=junk))
        rest = replace(found, picks=found.picks.select(~junk))
        assert common_threshold(PARAMS, [fewer]) == common_threshold(PARAMS, [rest]) != plain


class TestTemplateJob:
    def test_first_picks_are_references_enough(self, micrographs, uninterrupted, tmp_path):
        some = uninterrupted.picks.select(uninterrupted.picks.score > uninterrupted.threshold)
        write_picks(some, tmp_path / "first.star", micrographs=micrographs)
        params = PickParams(
            diameter_A=120.0, detector="template", references=tmp_path / "first.star"
        )
        result = finish(pick(params, micrographs))
        counts = kept_picks(result, micrographs).counts()
        assert counts["mic1.mrc"] == pytest.approx(25, abs=6)

    def test_without_references_they_are_asked_for(self, micrographs):
        params = PickParams(diameter_A=120.0, detector="template")
        with pytest.raises(CryoAIError, match="Give references"):
            finish(pick(params, micrographs))


def test_an_estimated_diameter_is_reported(simulate, in_memory):
    result = finish(pick(PickParams(), [in_memory(simulate(1, kind="shell").image)]))
    assert result.diameter_A == pytest.approx(140, rel=0.2)


def test_a_broken_or_blank_first_micrograph_does_not_spoil_the_estimate(simulate, in_memory):
    def broken():
        raise CryoAIError("is cut off", remedy="Copy it again")

    good = in_memory(simulate(1, kind="shell").image, name="good.mrc")
    blank = in_memory(np.ones((768, 768), np.float32), name="blank.mrc")
    bad = replace(good, name="bad.mrc", load=broken)
    result = finish(pick(PickParams(), [bad, blank, good]))
    assert result.diameter_A == pytest.approx(140, rel=0.2)
    assert [p.problem for p in result.problems] == ["is cut off", "has the same value everywhere"]
    with pytest.raises(CryoAIError, match="cut off"):
        finish(pick(PickParams(), [bad]))


@pytest.mark.parametrize(
    "bad",
    [{"diameter_A": 0}, {"diameter_A": -5}, {"threshold": 2}, {"detector": "magic"}, {"x": 1}],
)
def test_parameters_out_of_bounds_are_refused(bad):
    with pytest.raises(ValidationError):
        PickParams(**bad)
