"""Targets say where the particles are, and losses how far the network is from saying so."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial import cKDTree

from napari_cryoai.picking.learned import PEAK_DISTANCE, Field, peaks
from napari_cryoai.picking.losses import (
    REACH,
    SIGMA,
    Targets,
    heat_loss,
    low_passed,
    picking_loss,
    restoring_loss,
    targets,
)
from napari_cryoai.picking.network import STRIDE, Heads

SHAPE = (70, 101)  # 18 x 26 cells, the last ones not whole


def _targets(yx, size=None, shape=SHAPE) -> Targets:
    yx = np.asarray(yx, float).reshape(-1, 2)
    size = np.ones(len(yx)) if size is None else np.asarray(size)
    return targets(yx, size.astype(np.float32), np.zeros(shape, bool))


def _batch(*drawn: Targets) -> Targets:
    return Targets(*map(torch.stack, zip(*drawn, strict=True)))


def _perfect(wanted: Targets) -> Heads:
    """What a network says that knows."""
    sure = torch.where(wanted.heat >= 1, 15.0, -15.0)
    junk = torch.logit(wanted.junk, 1e-6)
    return Heads(sure, wanted.offset.clone(), wanted.size.clone(), junk)


@pytest.mark.parametrize(
    ("centre", "cell", "offset"),
    [
        ((21.5, 41.5), (5, 10), (0, 0)),
        ((20.0, 43.0), (5, 10), (-0.375, 0.375)),
        ((0.0, 0.0), (0, 0), (-0.375, -0.375)),
        ((-0.49, 100.49), (0, 25), (-0.4975, -0.2525)),
        ((69.49, 50.5), (17, 12), (-0.0025, 0.25)),
    ],
)
def test_a_centre_is_in_its_cell_and_the_offset_leads_to_it(centre, cell, offset):
    wanted = _targets([centre], size=[1.2])
    assert wanted.heat.shape == (18, 26)
    assert (wanted.heat >= 1).nonzero().tolist() == [list(cell)]
    assert wanted.near[cell] == 1
    assert wanted.offset[:, *cell].tolist() == pytest.approx(offset, abs=1e-6)
    assert float(wanted.size[cell]) == pytest.approx(np.log(1.2))


def test_around_a_centre_the_heat_is_gaussian_and_the_reach_round():
    wanted = _targets([(33.0, 50.2)])
    centre = (np.array([33.0, 50.2]) + 0.5) / STRIDE - 0.5
    away = np.hypot(*(np.indices((18, 26)) - centre[:, None, None]))
    expected = np.exp(-(away**2) / (2 * SIGMA**2))
    expected[8, 12] = 1
    assert np.allclose(wanted.heat, expected, atol=1e-6)
    assert np.array_equal(wanted.near, away <= REACH)
    outside = wanted.near == 0
    assert not wanted.offset[:, outside].any()
    assert not wanted.size[outside].any()


def test_where_particles_overlap_each_cell_belongs_to_the_nearest():
    yx = np.array([[30.0, 40.0], [30.0, 48.5], [36.0, 44.0]])
    sizes = np.array([0.8, 1.0, 1.2])
    wanted = _targets(yx, sizes)
    assert (wanted.heat >= 1).sum() == 3
    cells = np.argwhere(wanted.near.numpy() > 0)
    at = cells * STRIDE + (STRIDE - 1) / 2
    away, nearest = cKDTree(yx).query(at)
    assert away.max() <= REACH * STRIDE
    y, x = cells.T
    pointed = at + STRIDE * wanted.offset[:, y, x].numpy().T
    assert np.allclose(pointed, yx[nearest], atol=1e-4)
    assert np.allclose(wanted.size[y, x].exp(), sizes[nearest])


def test_two_particles_in_one_cell_are_one_centre():
    assert (_targets([(21.0, 41.0), (22.0, 42.0)]).heat >= 1).sum() == 1


def test_an_empty_field_has_nothing_to_find():
    wanted = _targets([])
    assert wanted.offset.shape == (2, 18, 26)
    assert all(not target.any() for target in wanted)
    assert all(target.dtype == torch.float32 for target in wanted)


def test_junk_is_the_share_of_a_cell():
    junk = np.zeros(SHAPE, bool)
    junk[:10, :3] = True
    junk[69, 100] = True  # all there is of the last row and column of its cell, mirrored
    share = targets(np.empty((0, 2)), np.empty(0, np.float32), junk).junk
    assert share[:2, 0].tolist() == [0.75, 0.75]
    assert share[2, 0] == 0.375
    assert share[3:, :20].sum() == 0
    assert share[17, 25] == 0.75  # rows 68 and thrice 69, of one column


@settings(max_examples=100, deadline=None)
@given(
    points=hnp.arrays(
        float,
        st.tuples(st.integers(0, 12), st.just(2)),
        elements=st.floats(0, 1, exclude_max=True),
    )
)
def test_decoded_targets_are_the_centres(points):
    yx = points * SHAPE - 0.5
    apart: list[np.ndarray] = []
    for point in yx:
        if all(np.hypot(*(point - other)) > PEAK_DISTANCE + STRIDE * 2**0.5 for other in apart):
            apart.append(point)
    sizes = 1 + np.arange(len(apart)) / 20
    wanted = _targets(apart, sizes)
    heads = _perfect(wanted)
    heat = torch.logit(wanted.heat, 1e-4)
    field = Field(heat.numpy(), heads.offset.numpy(), heads.size.exp().numpy(), heads.junk.numpy())
    found, logit, size = peaks(field, 2.0)
    assert len(found) == len(logit) == len(size) == len(apart)
    if apart:
        away, partner = cKDTree(np.array(apart)).query(found)
        assert sorted(partner) == list(range(len(apart)))
        assert away.max() < 0.01
        assert np.allclose(size, sizes[partner])
        assert (logit > 5).all()


def test_who_knows_all_loses_next_to_nothing():
    wanted = _batch(_targets([(20, 20), (50, 70), (3, 99)]), _targets([(40.3, 50.9)]), _targets([]))
    right = _perfect(wanted)
    assert picking_loss(right, wanted) < 1e-3
    for name in Heads._fields:
        wrong = right._replace(**{name: -getattr(right, name) + 0.5})
        assert picking_loss(wrong, wanted) > 0.05, name


def test_the_loss_is_per_centre_and_not_per_cell():
    one = _batch(_targets([(21.5, 21.5)]))
    four = _batch(_targets([(21.5, 21.5), (21.5, 77.5), (57.5, 21.5), (57.5, 77.5)]))
    losses = [heat_loss(torch.where(w.heat >= 1, -1.0, -15.0), w.heat) for w in (one, four)]
    assert float(losses[0]) == pytest.approx(float(losses[1]), rel=1e-3)


def test_what_is_said_far_from_any_particle_about_place_and_size_does_not_matter():
    wanted = _batch(_targets([(20, 20)]))
    right = _perfect(wanted)
    far = wanted.near == 0
    loud = right._replace(offset=right.offset + 100 * far[:, None], size=right.size + 100 * far)
    assert torch.equal(picking_loss(loud, wanted), picking_loss(right, wanted))


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
@pytest.mark.parametrize("fields", [[[], []], [[(20, 20)], []]])
def test_gradients_are_finite_for_empty_fields_and_wild_answers(fields, scale):
    wanted = _batch(*(_targets(yx) for yx in fields))
    noise = torch.Generator().manual_seed(0)
    said = [
        (scale * torch.randn(t.shape, generator=noise)).requires_grad_()
        for t in (wanted.heat, wanted.offset, wanted.size, wanted.junk)
    ]
    loss = picking_loss(Heads(*said), wanted)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(t.grad).all() for t in said)


def test_the_better_the_answer_the_lower_the_loss():
    wanted = _batch(_targets([(20, 20), (50, 70)]))
    right = _perfect(wanted)

    def loss(share):
        return float(picking_loss(Heads(*(share * said for said in right)), wanted))

    losses = [loss(share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert losses == sorted(losses, reverse=True)


def test_a_low_pass_keeps_slopes_where_the_cells_are():
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing="ij")
    seen = low_passed((3 * y - x)[None, None])[0, 1:-1, 1:-1]
    rows, columns = (STRIDE * torch.arange(1, n - 1) + (STRIDE - 1) / 2 for n in (12, 16))
    assert torch.allclose(seen, 3 * rows[:, None] - columns, atol=1e-3)


def test_restoring_well_costs_nothing_and_guessing_the_mean_costs_one():
    image = 2 + 5 * torch.randn(3, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    wanted, everything = low_passed(image), torch.ones(3, 16, 16, dtype=torch.bool)
    assert restoring_loss(wanted, image, everything) == 0
    mean = wanted.mean((1, 2), keepdim=True).expand_as(wanted)
    assert float(restoring_loss(mean, image, everything)) == pytest.approx(1, abs=0.01)


def test_restoring_is_judged_where_nothing_was_seen():
    image = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    hidden = torch.zeros(2, 16, 16, dtype=torch.bool)
    hidden[:, 4:8] = True
    picture = torch.where(hidden, low_passed(image), 1e3)
    assert restoring_loss(picture, image, hidden) == 0
    assert restoring_loss(picture, image, torch.zeros_like(hidden)) == 0
    blank = restoring_loss(torch.zeros(2, 16, 16), torch.zeros(2, 1, 64, 64), hidden)
    assert blank == 0
