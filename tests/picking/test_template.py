"""The template detector: asymmetric references in any in-plane orientation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_cryoai.picking.evaluate import match
from napari_cryoai.picking.preprocess import prepare
from napari_cryoai.picking.template import (
    MASK,
    detect_templates,
    references_from_picks,
    references_from_stack,
)

RADIUS_PX = 40.0


def draw(shape, yx, angle):
    """A shape without any symmetry, bright, `RADIUS_PX` large."""
    y, x = np.mgrid[: shape[0], : shape[1]] - np.reshape(yx, (2, 1, 1))
    u = (np.cos(angle) * x + np.sin(angle) * y) / RADIUS_PX
    v = (np.cos(angle) * y - np.sin(angle) * x) / RADIUS_PX
    spots = [
        (-0.5, -0.1, 0.22, 1),
        (0, 0.1, 0.2, 1),
        (0.45, 0.35, 0.2, 0.9),
        (0.3, -0.5, 0.15, 0.6),
    ]
    return sum(w * np.exp(-((u - a) ** 2 + (v - b) ** 2) / (2 * s * s)) for a, b, s, w in spots)


@pytest.fixture(scope="module")
def field():
    """A noisy micrograph of 64 such shapes, and where they are."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(range(60, 860, 105), range(60, 860, 105)), -1).reshape(-1, 2)
    yx = grid + rng.uniform(-9, 9, grid.shape)
    image = -sum(draw((860, 873), p, rng.uniform(0, 2 * np.pi)) for p in yx)
    return (image + rng.normal(0, 1.5, image.shape)).astype(np.float32), yx


@pytest.mark.parametrize("box", [127, 128, 160, 161])
def test_rotated_particles_are_found_and_centred_whatever_the_box(field, box):
    image, truth = field
    prepared = prepare(image, 2 * RADIUS_PX)
    stack = draw((box, box), (box // 2, box // 2), 0.7)[None]
    references = references_from_stack(stack, 1.0, 2 * RADIUS_PX)
    yx, score, _ = detect_templates(prepared, references)
    found = prepared.to_micrograph(yx)[: len(truth)]
    a, b = match(found, truth, RADIUS_PX / 2)
    assert len(a) == len(truth)
    assert score[len(truth) - 1] > 1.3 * score[len(truth)]
    offsets = found[a] - truth[b]
    assert np.sqrt((offsets**2).sum(1).mean()) < 0.025 * 2 * RADIUS_PX
    assert np.abs(offsets.mean(0)).max() < 0.5


def test_references_may_be_of_any_pixel_size_and_box():
    coarse = draw((200, 200), (100, 100), 0.0)
    fine = ndimage.zoom(coarse, 2, order=3, grid_mode=True, mode="nearest")
    fine = np.pad(fine, 20)[19:419, 19:419]  # its centre, at 200.5 + 20, goes to 400 // 2 + 1
    fine = ndimage.shift(fine, -1.5)
    a = references_from_stack(coarse[None], 2.0, 4 * RADIUS_PX)[0]
    b = references_from_stack(fine[None], 1.0, 4 * RADIUS_PX)[0]
    c = references_from_stack(coarse[None, 55:145, 55:145], 2.0, 4 * RADIUS_PX)[0]
    assert a.shape == b.shape == c.shape == MASK.shape
    for other in (b, c):
        assert np.corrcoef(a[MASK > 0], other[MASK > 0])[0, 1] > 0.99


def test_picks_average_to_the_shape_that_was_picked(field):
    image, truth = field
    prepared = prepare(image, 2 * RADIUS_PX)
    references = references_from_picks([prepared], [prepared.from_micrograph(truth)], count=1)
    assert references.shape == (1, *MASK.shape)
    expected = references_from_stack(draw((161, 161), (80, 80), 0.0)[None], 1.0, 2 * RADIUS_PX)[0]
    inside = MASK > 0.5
    fits = [
        np.corrcoef(ndimage.rotate(expected, angle, reshape=False)[inside], references[0][inside])
        for angle in range(0, 360, 6)
    ]
    best = max(fit[0, 1] for fit in fits)
    round_ = np.corrcoef(
        np.mean([ndimage.rotate(expected, a, reshape=False) for a in range(0, 360, 6)], 0)[inside],
        references[0][inside],
    )[0, 1]
    assert best > 0.9
    assert best > round_ + 0.1


def test_the_user_s_first_picks_find_the_others(field):
    image, truth = field
    prepared = prepare(image, 2 * RADIUS_PX)
    references = references_from_picks([prepared], [prepared.from_micrograph(truth[:20])])
    yx, _, _ = detect_templates(prepared, references)
    a, _ = match(prepared.to_micrograph(yx)[: len(truth)], truth, RADIUS_PX / 2)
    assert len(a) >= 0.95 * len(truth)


def test_picks_across_the_border_make_no_reference(field):
    prepared = prepare(field[0], 2 * RADIUS_PX)
    none = references_from_picks([prepared], [np.array([[0.0, 0.0], [5.0, 100.0]])])
    assert none.shape == (0, *MASK.shape)


def test_the_best_reference_decides_the_score(field):
    image, truth = field
    prepared = prepare(image, 2 * RADIUS_PX)
    good = references_from_stack(draw((161, 161), (80, 80), 0.0)[None], 1.0, 2 * RADIUS_PX)
    poor = np.random.default_rng(0).normal(size=good.shape).astype(np.float32)
    alone = detect_templates(prepared, good)[1]
    both = detect_templates(prepared, np.concatenate([good, poor]))[1]
    assert np.allclose(alone[: len(truth)], both[: len(truth)])
