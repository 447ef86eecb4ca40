"""Scenes in a folder: made once, kept, and a bad one does not stop the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.progress import finish
from napari_cryoai.nets.scenes import SceneStore


@dataclass(frozen=True, eq=False)
class Scene:
    values: np.ndarray
    number: np.ndarray


def make(seed, structures):
    return Scene(np.random.default_rng(seed).normal(size=5), np.array(seed[1]))


def make_odd_ones(seed, structures):
    if seed[1] % 2 == 0:
        raise CryoAIError("is no structure", path=structures[0], remedy="Take another")
    return make(seed, structures)


@pytest.fixture
def store():
    return SceneStore(Scene, make)


def test_a_pool_that_grows_keeps_the_scenes_that_it_has(tmp_path, store):
    first = finish(store.write(tmp_path / "pool", 2, (), seed=1))
    before = [path.stat().st_mtime_ns for path in first.paths]
    more = finish(store.write(tmp_path / "pool", 4, (), seed=1))
    assert len(more) == 4
    assert [path.stat().st_mtime_ns for path in more.paths[:2]] == before
    assert [int(more[i].number) for i in range(4)] == [0, 1, 2, 3]


def test_a_scene_that_cannot_be_made_is_told_and_left_out(tmp_path):
    job = SceneStore(Scene, make_odd_ones).write(tmp_path, 4, [tmp_path / "a.pdb"], 0)
    problems = []
    with pytest.raises(StopIteration) as ended:
        while True:
            problems.append(next(job).problem)
    assert [str(p.path) for p in problems if p] == [str(tmp_path / "a.pdb")] * 2
    assert [int(scene.number) for scene in ended.value.value] == [1, 3]


def test_where_no_scene_can_be_made_there_is_nothing_to_learn_from(tmp_path):
    with pytest.raises(CryoAIError, match="is no structure"):
        finish(SceneStore(Scene, make_odd_ones).write(tmp_path, 1, [tmp_path / "a.pdb"], 0))


def test_a_damaged_scene_and_an_empty_folder_are_told(tmp_path, store):
    with pytest.raises(CryoAIError, match="holds no scenes"):
        store.open(tmp_path)
    pool = finish(store.write(tmp_path, 1, (), 0))
    pool.paths[0].write_bytes(pool.paths[0].read_bytes()[:100])
    with pytest.raises(CryoAIError, match="cannot be read"):
        pool[0]
