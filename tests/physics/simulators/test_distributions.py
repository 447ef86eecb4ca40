"""Distributions by name."""

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.physics.simulators.distributions import Distribution


@pytest.mark.parametrize(
    ("text", "mean", "low", "high"),
    [
        ("3.5", 3.5, 3.5, 3.5),
        ("constant 2", 2, 2, 2),
        ("uniform 1 3", 2, 1, 3),
        ("log-uniform 1 100", 99 / np.log(100), 1, 100),
        ("normal 5 0.5", 5, 0, 10),
        ("log-normal 2 0.1", 2 * np.exp(0.005), 1, 4),
        ("exponential 4", 4, 0, 100),
    ],
)
def test_values_have_the_mean_and_lie_in_the_range(text, mean, low, high):
    values = Distribution.of(text).draw(40_000, np.random.default_rng(0))
    assert values.mean() == pytest.approx(mean, rel=0.02)
    assert low <= values.min() <= values.max() <= high


@pytest.mark.parametrize("text", ["uniform 1 3", "constant 2", "log-normal 2 0.1"])
def test_text_is_what_it_was_made_of(text):
    assert str(Distribution.of(text)) == text
    assert Distribution.of(Distribution.of(text)) == Distribution.of(text)


@pytest.mark.parametrize(
    "text",
    ["", "gauss 1 2", "uniform 1", "uniform 3 1", "normal 0 -1", "log-uniform 0 1", "constant nan",
     "exponential -2", "uniform a b", "log-normal -1 1"],
)  # fmt: skip
def test_what_is_no_distribution_is_refused(text):
    with pytest.raises(CryoAIError, match="is no distribution"):
        Distribution.of(text)
