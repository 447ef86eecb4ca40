"""What is unlike the training is told apart."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.picking.familiar import fit, summary


@pytest.fixture
def known():
    """Summaries that vary much along some directions and little along others."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(400, 6)) * [5, 2, 1, 0.5, 0.2, 0.1] + [3, 0, -1, 0, 7, 0]


def field(of, noise=0.5):
    rng = np.random.default_rng(1)
    return of[:, None, None] + noise * rng.normal(size=(len(of), 20, 30))


def test_more_of_the_same_is_familiar(known):
    familiar = fit(known[:300])
    assert max(familiar.strangeness(field(one)) for one in known[300:]) < 1


def test_what_is_off_in_a_direction_that_hardly_varies_is_strange(known):
    familiar = fit(known)
    along, across = (np.eye(6)[axis] * 6 for axis in (0, 4))
    assert familiar.strangeness(field(known.mean(0) + along)) < 1
    assert familiar.strangeness(field(known.mean(0) + across)) > 2


def test_the_mean_of_a_large_field_has_no_noise():
    of = np.arange(5.0)
    assert summary(field(of)) == pytest.approx(of, abs=0.1)
    assert summary(field(of, 0).astype(np.float16)).dtype == np.float64


def test_few_fields_are_enough_to_go_on(known):
    familiar = fit(known[:3])
    assert np.isfinite(familiar.strangeness(field(known[10])))
