"""Tables that lost their order are noticed; another refinement is not mistaken for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.euler import matrices_from_zyz
from napari_cryoai.io.row_order import check_order

COUNT = 300
rng = np.random.default_rng(0)
POSES = matrices_from_zyz(*rng.uniform(-180, 180, (3, COUNT)))


def check(own: np.ndarray, given: np.ndarray) -> None:
    check_order(own, given, 1e-4, "poses", Path("poses.pkl"), Path("p.star"))


def test_the_same_order_is_the_same_order():
    check(POSES, POSES)
    check(POSES, POSES.astype(np.float32))


def test_a_permutation_is_noticed_and_a_row_named():
    order = rng.permutation(COUNT)
    with pytest.raises(CryoAIError, match=r"poses of 'p\.star' in another order") as caught:
        check(POSES, POSES[order].astype(np.float32))
    moved = int(np.flatnonzero(order != np.arange(COUNT))[0])
    assert f"row {moved + 1} is that of particle {order[moved] + 1} " in str(caught.value)


@pytest.mark.parametrize("shift", [1, -1, 7])
def test_rows_that_slipped_by_a_few_are_noticed(shift):
    with pytest.raises(CryoAIError, match="another order"):
        check(POSES, np.roll(POSES, shift, 0))


def test_another_refinement_is_another_refinement():
    other = matrices_from_zyz(*rng.uniform(-180, 180, (3, COUNT)))
    check(POSES, other)
    turned = POSES @ matrices_from_zyz(0.0, 0.5, 0.0)
    check(POSES, turned)


def test_a_few_poses_that_were_exchanged_by_hand_may_stay():
    other = POSES.copy()
    other[[3, 4]] = POSES[[4, 3]]
    check(POSES, other)


def test_values_that_are_all_alike_have_no_order():
    check(np.tile(np.eye(3), (COUNT, 1, 1)), POSES)
    check(np.zeros((COUNT, 2)), np.zeros((COUNT, 2)))
    check(np.zeros((COUNT, 2)), np.ones((COUNT, 2)))


def test_no_particles_have_no_order():
    check(POSES[:0], POSES[:0])
