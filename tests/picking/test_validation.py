"""A picker is judged by what it finds near the true centres."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_cryoai.picking.losses import low_passed
from napari_cryoai.picking.network import PickerConfig
from napari_cryoai.picking.training_data import Example
from napari_cryoai.picking.validation import RADIUS_PX, Scored, hits, summarised, validate


def test_a_pick_is_right_within_the_radius_and_a_particle_is_found_once():
    truth = np.array([[50.0, 50.0], [50.0, 90.0]])
    near, nearer = [50.0, 50 + 0.9 * RADIUS_PX], [50.0, 50 - 0.1 * RADIUS_PX]
    far = [50.0, 90 + 1.1 * RADIUS_PX]
    assert hits(np.array([near, nearer, far]), truth).tolist() == [False, True, False]
    assert hits(np.array([near, far]), truth).tolist() == [True, False]


def test_without_picks_or_particles_there_are_no_hits():
    none, some = np.empty((0, 2)), np.array([[1.0, 2.0]])
    assert hits(none, some).tolist() == []
    assert hits(some, none).tolist() == [False]


def _scored(score, hit, truth) -> Scored:
    return Scored(np.array(score, np.float32), np.array(hit, bool), truth)


def test_figures_are_those_of_the_best_threshold():
    found = summarised(
        [_scored([3, 2, -1], [True, True, False], 3), _scored([2.5, -2], [False, True], 1)]
    )
    # Of the peaks down to 2: two of three right, of four particles; down to -2: three of five.
    assert (found.precision, found.recall) == pytest.approx((3 / 5, 3 / 4))
    assert found.f1 == pytest.approx(2 * 3 / (5 + 4))
    assert found.average_precision == pytest.approx((1 + 2 / 3 + 3 / 5) / 4)
    assert (found.examples, found.particles) == (2, 4)
    assert "2 validation examples" in found.text()
    assert found.figures()["f1"] == 0.6667


@pytest.mark.parametrize(
    "scored", [[], [_scored([], [], 0)], [_scored([], [], 4)], [_scored([1.0], [False], 0)]]
)
def test_nothing_found_is_no_accident(scored):
    found = summarised(scored)
    assert found.f1 == found.precision == found.recall == 0
    assert np.isfinite(list(found.figures().values())).all()


def test_the_calibration_error_is_measured_on_other_examples():
    rng = np.random.default_rng(0)

    def scored(bias):
        logit = rng.uniform(-4, 4, 400)
        return _scored(logit, rng.random(400) < 1 / (1 + np.exp(-logit - bias)), 300)

    alike = summarised([scored(0) for _ in range(20)])
    unlike = summarised([scored(3 * (i % 2)) for i in range(20)])
    assert alike.calibration_error < 0.03
    assert unlike.calibration_error > 0.15


class Brightness(nn.Module):
    """A picker that takes what is bright for a particle."""

    def __init__(self):
        super().__init__()
        self.config = PickerConfig(fine_dim=8)
        self.weight = nn.Parameter(torch.ones(1))

    def features(self, image):
        return low_passed(image)[:, None].expand(-1, 8, -1, -1)

    def heads(self, bright):
        bright = bright[:, :1]
        nothing = torch.zeros_like(bright)
        return torch.cat([12 * bright - 6, nothing, nothing, nothing, nothing - 9], 1)


def _example(particles, blobs) -> Example:
    at = np.indices((96, 96))
    away = at[None] - np.reshape(blobs, (-1, 2))[:, :, None, None]
    white = np.exp(-np.sum(away**2, 1) / (2 * 5.0**2)).sum(0).astype(np.float32)
    yx = np.reshape(np.asarray(particles, float), (-1, 2))
    return Example(white, yx, np.ones(len(yx), np.float32), np.zeros((96, 96), bool))


def test_a_network_is_scored_on_images():
    a, b, c = (20.0, 30.0), (60.0, 70.0), (70.0, 20.0)
    examples = [
        _example([a, b], [a, b]),
        _example([a, c], [a, b]),  # one particle missed, one blob that is none
        _example([], []),
        _example([b], [b]),
    ]
    network = Brightness()
    network.train()
    found = validate(network, examples)
    assert network.training
    assert (found.precision, found.recall) == pytest.approx((4 / 5, 4 / 5))
    assert (found.examples, found.particles) == (4, 5)
    first = validate(network, examples, limit=1)
    assert (first.f1, first.examples, first.particles) == (1, 1, 2)
