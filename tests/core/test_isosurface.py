"""Surfaces lie where the density has the level, in one piece, and in time."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from skimage.measure import marching_cubes

from napari_cryoai.core.isosurface import Stopped, isosurface, preview_step


def ball(n: int, radius: float, centre: tuple[float, float, float] | None = None) -> np.ndarray:
    """Density that falls off linearly, and is 0 at the radius."""
    z, y, x = np.indices((n,) * 3) - np.reshape(centre or ((n - 1) / 2,) * 3, (3, 1, 1, 1))
    return (radius - np.sqrt(z**2 + y**2 + x**2)).astype(np.float32)


def test_the_surface_of_a_ball_lies_at_its_radius():
    mesh = isosurface(ball(64, 20), 0.0)
    r = np.linalg.norm(mesh.vertices - 31.5, axis=1)
    assert np.abs(r - 20).max() < 0.05
    assert mesh.step == 1


@pytest.mark.parametrize("n", [40, 96, 130])
def test_slabs_are_sewn_together_without_a_seam(n):
    rng = np.random.default_rng(0)
    data = ball(n, n / 3) + rng.normal(0, 0.3, (n,) * 3).astype(np.float32)
    mesh = isosurface(data, 0.0, max_faces=10**7)
    vertices, faces, _, _ = marching_cubes(data, 0.0)
    assert (len(mesh.vertices), len(mesh.faces)) == (len(vertices), len(faces))
    ours, theirs = (np.unique(v.round(3), axis=0) for v in (mesh.vertices, vertices))
    assert len(ours) == len(theirs)
    np.testing.assert_allclose(ours.mean(0), theirs.mean(0), atol=1e-3)


def test_a_closed_surface_has_every_edge_twice():
    mesh = isosurface(ball(130, 50), 0.0)
    edges = np.sort(np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]],
                                    mesh.faces[:, [2, 0]]]), axis=1)  # fmt: skip
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 2).all()


def test_a_surface_off_the_centre_of_the_box_stays_in_its_place():
    mesh = isosurface(ball(60, 6, (40.0, 12.0, 50.0)), 0.0)
    np.testing.assert_allclose(mesh.vertices.mean(0), [40, 12, 50], atol=0.05)


@pytest.mark.parametrize("step", [2, 3, 5])
def test_coarse_surfaces_lie_in_the_same_place(step):
    mesh = isosurface(ball(90, 30), 0.0, first_step=step)
    r = np.linalg.norm(mesh.vertices - 44.5, axis=1)
    assert mesh.step == step
    assert abs(r.mean() - 30) < 0.3


def test_too_many_triangles_make_it_coarser():
    noise = np.random.default_rng(0).normal(size=(60,) * 3).astype(np.float32)
    mesh = isosurface(noise, 0.5, max_faces=20_000)
    assert mesh.step > 1
    assert 0 < len(mesh.faces) <= 20_000


@pytest.mark.parametrize("level", [1e9, -1e9])
def test_a_level_beyond_all_values_gives_an_empty_surface(level):
    assert isosurface(ball(20, 5), level).is_empty


@pytest.mark.parametrize("shape", [(1, 5, 5), (2, 2, 2), (5, 1, 9)])
def test_the_thinnest_of_boxes_do_no_harm(shape):
    data = np.zeros(shape, np.float32)
    data[0, 0, 0] = 1
    isosurface(data, 0.5)


def test_it_can_be_stopped():
    with pytest.raises(Stopped):
        isosurface(ball(40, 12), 0.0, stopped=lambda: True)


def test_another_thread_runs_on_meanwhile():
    noise = np.random.default_rng(0).normal(size=(160,) * 3).astype(np.float32)
    work = threading.Thread(target=isosurface, args=(noise, 2.0), kwargs={"max_faces": 10**7})
    work.start()
    longest, last = 0.0, time.perf_counter()
    while work.is_alive():
        time.sleep(0.001)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    # In one piece it takes a second. A loaded machine may well take its time.
    assert longest < 0.3


def test_previews_look_at_a_few_million_voxels_at_most():
    assert preview_step((64, 64, 64)) == 1
    assert preview_step((256, 256, 256)) == 3
    assert (512 / preview_step((512, 512, 512))) ** 3 < 3e6
