"""Augmentation leaves the truth on the particles, and batches repeat themselves on demand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_cryoai.picking import batches
from napari_cryoai.picking.batches import (
    CROP_PX,
    HIDDEN,
    PATCH,
    augmented,
    ending,
    hide,
    make_batch,
    noisier,
)
from napari_cryoai.picking.network import STRIDE
from napari_cryoai.picking.preprocess import BLUR_PX
from napari_cryoai.picking.training_data import Example

SIDE = 260


def _dots(yx: np.ndarray, side: int = SIDE) -> Example:
    """A Gaussian on every centre, junk on its upper left quarter."""
    at = np.indices((side, side))
    away = at[None] - yx[:, :, None, None]
    white = np.exp(-np.sum(away**2, 1) / (2 * 3.0**2)).sum(0)
    junk = np.any(np.all((away >= -8) & (away <= 0), axis=1), axis=0)
    return Example(
        white.astype(np.float32), yx, np.arange(1.0, 1 + len(yx), dtype=np.float32), junk
    )


def _noise(count: int, side: int = 64) -> list[Example]:
    rng = np.random.default_rng(0)
    return [
        Example(
            rng.standard_normal((side, side), np.float32),
            rng.uniform(0, side - 1, (i, 2)),
            np.ones(i, np.float32),
            rng.random((side, side)) < 0.1,
        )
        for i in range(count)
    ]


def test_centres_sizes_and_junk_stay_on_their_particles(monkeypatch):
    monkeypatch.setattr(batches, "NOISE", 0.0)
    example = _dots(np.array([[70.3, 60.8], [150.0, 100.5], [100.2, 181.4], [205.7, 199.1]]))
    corners, seen = set(), set()
    for seed in range(48):
        drawn = augmented(example, np.random.default_rng(seed))
        assert drawn.white.shape == drawn.junk.shape == (CROP_PX, CROP_PX)
        assert drawn.white.dtype == np.float32
        base = np.median(drawn.white)
        for (y, x), size in zip(drawn.yx, drawn.size, strict=True):
            if not 12 <= min(y, x) <= max(y, x) <= CROP_PX - 13:
                continue
            at = np.rint([y, x]).astype(int)
            window = tuple(slice(a - 10, a + 11) for a in at)
            found = ndimage.center_of_mass(drawn.white[window] - base)
            assert at - 10 + found == pytest.approx([y, x], abs=0.05)
            junk = np.argwhere(drawn.junk[window]).mean(0) - 10
            assert np.abs(junk) == pytest.approx([4, 4], abs=1)
            corners.add(tuple(np.sign(junk).astype(int).tolist()))
            seen.add(float(size))
    assert seen == {1.0, 2.0, 3.0, 4.0}
    assert len(corners) == 4


def test_all_eight_views_of_a_field_are_shown(monkeypatch):
    monkeypatch.setattr(batches, "NOISE", 0.0)
    field = np.arange(9.0, dtype=np.float32).reshape(3, 3)
    example = Example(field, np.empty((0, 2)), np.empty(0, np.float32), np.zeros((3, 3), bool))
    views = set()
    for seed in range(100):
        white = augmented(example, np.random.default_rng(seed)).white
        views.add(tuple(np.argsort(white.ravel()).tolist()))
    assert len(views) == 8


def test_sizes_go_with_the_centres_that_are_left():
    yx = np.array([[5.0, 5.0], [130.0, 130.0], [250.0, 250.0]])
    counts = set()
    for seed in range(30):
        drawn = augmented(_dots(yx), np.random.default_rng(seed))
        assert ((drawn.yx > -0.5) & (drawn.yx < CROP_PX - 0.5)).all()
        assert len(drawn.yx) == len(drawn.size)
        assert 2.0 in drawn.size
        counts.add(len(drawn.yx))
    assert min(counts) == 1
    assert max(counts) <= 2


@pytest.mark.parametrize("amount", [0.0, 0.3, 0.6])
def test_added_noise_keeps_the_variance_and_the_spectrum(amount):
    rng = np.random.default_rng(0)
    white = ndimage.gaussian_filter(rng.standard_normal((256, 256)), BLUR_PX).astype(np.float32)
    white /= white.std()
    noisy = noisier(white, amount, rng)
    assert noisy.dtype == np.float32
    assert noisy.std() == pytest.approx(1, abs=0.02)
    expected = 1 / np.sqrt(1 + amount**2)
    assert np.corrcoef(white.ravel(), noisy.ravel())[0, 1] == pytest.approx(expected, abs=0.02)
    neighbours = [np.mean(image[1:] * image[:-1]) for image in (white, noisy)]
    assert neighbours[0] == pytest.approx(neighbours[1], abs=0.02)


def test_patches_of_the_right_share_are_hidden():
    hidden = hide((201, 200), np.random.default_rng(0))
    assert hidden.shape == (201, 200)
    assert hidden.mean() == pytest.approx(HIDDEN, abs=0.02)
    blocks = hidden[:200].reshape(100, PATCH, 100, PATCH).mean((1, 3))
    assert set(np.unique(blocks)) == {0, 1}


def test_a_batch_has_all_that_a_step_needs():
    batch = make_batch(_noise(5), 3, (0, 1))
    assert batch.image.shape == (3, 1, 64, 64)
    cells = (3, 64 // STRIDE, 64 // STRIDE)
    assert batch.hidden.shape == cells
    assert batch.hidden.dtype == torch.bool
    assert [t.shape for t in batch.targets] == [cells, (3, 2, *cells[1:]), cells, cells, cells]
    assert batch.image.dtype == batch.targets.heat.dtype == torch.float32
    moved = batch.to(torch.device("cpu"))
    assert torch.equal(moved.targets.junk, batch.targets.junk)


def test_one_seed_one_batch():
    a, b, c = (
        make_batch(_noise(9), 4, seed) for seed in [(0, 1, 7, 0), (0, 1, 7, 0), (0, 1, 7, 1)]
    )
    assert torch.equal(a.image, b.image)
    assert torch.equal(a.hidden, b.hidden)
    assert all(torch.equal(s, t) for s, t in zip(a.targets, b.targets, strict=True))
    assert not torch.equal(a.image, c.image)


def test_beyond_its_end_an_example_is_what_the_network_adds_to_a_micrograph():
    example = _noise(30)[29]
    shapes = set()
    for seed in range(40):
        ended = ending(example, np.random.default_rng(seed))
        assert ended.white.shape == example.white.shape
        rows = np.flatnonzero(ended.white.any(1)).max() + 1
        columns = np.flatnonzero(ended.white.any(0)).max() + 1
        assert np.array_equal(ended.white[:rows, :columns], example.white[:rows, :columns])
        assert not ended.junk[rows:].any()
        assert not ended.junk[:, columns:].any()
        kept = np.all(example.yx < np.array([rows, columns]) - 0.5, axis=1)
        assert np.array_equal(ended.yx, example.yx[kept])
        assert np.array_equal(ended.size, example.size[kept])
        shapes.add((rows < 64, columns < 64))
    assert len(shapes) == 4
