"""A pool of examples gives back what was put in, and survives being killed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.progress import finish
from napari_cryoai.picking import training_pool
from napari_cryoai.picking.training_data import make_example
from napari_cryoai.picking.training_pool import Pool, example_seed, write_pool

SIDE = 64


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(training_pool, "SHARD", 3)


def test_a_pool_gives_back_its_examples(tmp_path):
    pool = finish(write_pool(tmp_path, 5, [], seed=7, side_px=SIDE))
    assert len(pool) == 5
    for i in (4, 0, 2):
        made, read = make_example(example_seed(7, i), [], SIDE), pool[i]
        assert np.abs(read.white - made.white).max() < 2e-3
        assert read.white.dtype == np.float32
        assert np.abs(read.yx - made.yx).max(initial=0) < 1e-4
        assert np.array_equal(read.size, made.size)
        assert np.array_equal(read.junk, made.junk)


def test_a_pool_ends_where_it_ends(tmp_path):
    pool = finish(write_pool(tmp_path, 2, [], side_px=SIDE))
    assert len(list(pool)) == 2
    with pytest.raises(IndexError):
        pool[2]


def test_what_a_cancelled_run_made_is_there_and_the_next_run_goes_on(tmp_path):
    job = write_pool(tmp_path, 7, [], side_px=SIDE)
    while next(job).done < 3:
        pass
    job.close()
    assert len(Pool(tmp_path)) == 3
    first = sorted(tmp_path.glob("00000*"))
    times = [path.stat().st_mtime_ns for path in first]
    assert len(finish(write_pool(tmp_path, 7, [], side_px=SIDE))) == 7
    assert [path.stat().st_mtime_ns for path in first] == times


def test_images_without_labels_are_not_a_shard(tmp_path):
    finish(write_pool(tmp_path, 6, [], side_px=SIDE))
    (tmp_path / "00000.labels.npz").unlink()
    pool = Pool(tmp_path)
    assert len(pool) == 3
    assert np.abs(pool[0].white - make_example(example_seed(0, 3), [], SIDE).white).max() < 2e-3


def test_a_pool_grows_even_if_its_last_shard_was_not_full(tmp_path):
    before = finish(write_pool(tmp_path, 4, [], side_px=SIDE))[3]
    after = finish(write_pool(tmp_path, 8, [], side_px=SIDE))
    assert len(after) == 8
    assert np.array_equal(after[3].white, before.white)
    assert len(finish(write_pool(tmp_path, 2, [], side_px=SIDE))) == 8


@pytest.mark.parametrize("change", [{"seed": 1}, {"side_px": 48}])
def test_two_pools_do_not_share_a_folder(tmp_path, change):
    finish(write_pool(tmp_path, 1, [], side_px=SIDE))
    with pytest.raises(CryoAIError, match="another pool"):
        finish(write_pool(tmp_path, 1, [], **({"side_px": SIDE} | change)))


@pytest.mark.parametrize("text", ["", "no json", "[1]", '{"version": 99, "count": 3}'])
def test_a_folder_without_a_pool_is_refused(tmp_path, text):
    (tmp_path / "pool.json").write_text(text)
    with pytest.raises(CryoAIError):
        Pool(tmp_path)
    with pytest.raises(CryoAIError):
        Pool(tmp_path / "nothing")


def test_a_damaged_shard_is_named(tmp_path):
    finish(write_pool(tmp_path, 2, [], side_px=SIDE))
    path = tmp_path / "00000.labels.npz"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(CryoAIError, match="cannot be read"):
        Pool(tmp_path)


def test_pools_of_neighbouring_seeds_have_no_example_in_common():
    seeds = {example_seed(seed, i) for seed in range(20) for i in range(200)}
    assert len(seeds) == 4000


def test_the_manifest_says_how_the_pool_was_made(tmp_path):
    finish(write_pool(tmp_path, 1, [], seed=3, side_px=SIDE))
    facts = json.loads((tmp_path / "pool.json").read_text())
    assert facts["seed"] == 3
    assert facts["count"] == 1
    assert facts["side_px"] == SIDE
