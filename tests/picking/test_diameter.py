"""The diameter of simulated particles, from the image alone."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.picking.diameter import CANDIDATES_A, estimate_diameter

CASES = [
    ("shell", 120.0, 1.5),
    ("shell", 140.0, 2.0),
    ("shell", 200.0, 2.5),
    ("barrel", 150.0, 2.0),
    ("elongated", 150.0, 2.0),
    ("globular", 140.0, 2.0),
    ("small", 110.0, 1.5),
]


def test_most_are_right_within_a_quarter(simulate):
    ratios = []
    for kind, diameter_A, pixel_size_A in CASES:
        truth = simulate(
            0, kind=kind, diameter_A=diameter_A, pixel_size_A=pixel_size_A, count=40, snr=0.15
        )
        ratios.append(estimate_diameter([(truth.image, pixel_size_A)]) / diameter_A)
    right = np.abs(np.log(ratios)) < np.log(1.25)
    assert right.sum() > len(CASES) / 2, dict(zip(CASES, np.round(ratios, 2), strict=True))
    assert np.all((np.array(ratios) > 0.6) & (np.array(ratios) < 1.7))


def test_shells_are_measured_well_whatever_the_pixel_size(simulate):
    truth = simulate(1, kind="shell")
    fine = estimate_diameter([(truth.image, 2.0)])
    binned = truth.image.reshape(384, 2, 384, 2).mean((1, 3))
    coarse = estimate_diameter([(binned, 4.0)])
    assert fine == pytest.approx(140, rel=0.1)
    assert coarse == pytest.approx(fine, rel=0.1)


def test_it_stays_within_what_is_tried(simulate):
    found = estimate_diameter([(simulate(0, count=0).image, 2.0)])
    assert CANDIDATES_A[0] * 0.9 < found < CANDIDATES_A[-1] * 1.1


@pytest.mark.parametrize("micrographs", [[], [(np.zeros((40, 40)), 2.0)]])
def test_where_there_is_too_little_to_see_it_is_asked_for(micrographs):
    with pytest.raises(CryoAIError, match=r"cannot be estimated.*--diameter-A"):
        estimate_diameter(micrographs)


def test_a_blank_image_is_no_crash(recwarn):
    with pytest.raises(CryoAIError, match="cannot be estimated"):
        estimate_diameter([(np.full((500, 500), 3.3, np.float32), 2.0)])
    assert not recwarn.list
