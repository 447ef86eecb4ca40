"""Point groups, and maps that have them."""

import math

import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.physics.fsc import fsc
from napari_cryoai.physics.masks import sphere
from napari_cryoai.physics.radial import low_pass
from napari_cryoai.physics.so3 import rotation_grid
from napari_cryoai.physics.symmetry import (
    in_asymmetric_unit,
    point_group,
    symmetrise,
    to_asymmetric_unit,
)

ORDERS = {"C1": 1, "C5": 5, "D1": 2, "D2": 4, "D7": 14, "T": 12, "O": 24}
ORDERS |= {"I": 60, "I1": 60, "I2": 60, "I3": 60, "I4": 60}
GOLDEN = (1 + math.sqrt(5)) / 2


@pytest.mark.parametrize("name", ORDERS)
def test_a_group_has_its_order_and_is_closed(name):
    group = point_group(name, dtype=torch.float64)
    assert len(group) == ORDERS[name]
    assert torch.allclose(group[0], torch.eye(3).double())
    assert torch.allclose(group @ group.mT, torch.eye(3).double().expand_as(group))
    assert torch.allclose(torch.linalg.det(group), torch.ones(()).double())
    products = torch.einsum("aij,bjk->abik", group, group).reshape(-1, 1, 9)
    distance = (products - group.reshape(1, -1, 9)).abs().amax(-1)
    assert distance.amin(1).max() < 1e-9
    assert ((distance < 1e-6).sum(1) == 1).all()


def has_axis(name, fold, axis):
    axis = torch.tensor(axis, dtype=torch.float64)
    axis = axis / axis.norm()
    group = point_group(name, dtype=torch.float64)
    fixed = torch.isclose(group @ axis, axis, atol=1e-6).all(-1)
    return int(fixed.sum()) == fold


X, Y, Z = (1, 0, 0), (0, 1, 0), (0, 0, 1)


@pytest.mark.parametrize(
    ("name", "fold", "axis"),
    [
        ("C4", 4, Z),
        ("D3", 3, Z),
        ("D3", 2, X),
        ("T", 3, Z),
        ("T", 2, (0, 0.816496, 0.577350)),
        ("O", 4, X),
        ("O", 4, Y),
        ("O", 4, Z),
        ("O", 3, (1, 1, 1)),
        ("I1", 2, X),
        ("I1", 2, Z),
        ("I1", 5, (0.85065080702670, 0, -0.5257311142635)),
        ("I1", 3, (0.9341723640, 0.3568220765, 0)),
        ("I1", 5, (0, 1, GOLDEN)),
        ("I2", 2, Y),
        ("I2", 5, (0.525731114, 0, 0.850650807)),
        ("I2", 3, (0, 0.356822076, 0.934172364)),
        ("I3", 5, Z),
        ("I3", 2, (-0.5257311143, 0, 0.8506508070)),
        ("I3", 3, (-0.4911234778630044, 0.3568220764705179, 0.7946544753759428)),
        ("I4", 5, Z),
        ("I4", 5, (0.8944271932547096, 0, 0.4472135909903704)),
        ("I4", 3, (0.4911234778630044, 0.3568220764705179, 0.7946544753759428)),
    ],
)
def test_the_axes_are_where_relion_has_them(name, fold, axis):
    assert has_axis(name, fold, axis)


@pytest.mark.parametrize("name", ["", "C0", "C", "Th", "I5", "P21", "C1000"])
def test_other_groups_are_refused(name):
    with pytest.raises(CryoAIError, match="no point group"):
        point_group(name)


def blob(n, seed=0):
    """Smooth density, off centre, in the middle of a box."""
    noise = torch.randn(n, n, n, generator=torch.Generator().manual_seed(seed))
    return low_pass(noise, 1.0, 6.0) * sphere((n, n, n), n / 6, n / 8)


@pytest.mark.parametrize("n", [24, 25])
@pytest.mark.parametrize("name", ["C2", "C4", "D2", "O"])
def test_turns_of_the_axes_are_exact(n, name):
    made = symmetrise(blob(n), point_group(name))
    assert torch.allclose(symmetrise(made, point_group(name)), made, atol=1e-6)
    rotated = torch.rot90(made, 2, (1, 2))  # about z, in the plane of y and x
    rotated = rotated.roll((1, 1), (1, 2)) if n % 2 == 0 else rotated
    assert torch.allclose(rotated, made, atol=1e-6)


@pytest.mark.parametrize("name", ["C3", "D5", "T", "I1"])
def test_a_symmetric_map_stays_as_it_is(name):
    once = symmetrise(blob(32), point_group(name))
    twice = symmetrise(once, point_group(name))
    assert float((twice - once).norm() / once.norm()) < 2e-3
    assert fsc(once, twice)[1:13].min() > 0.9999


def test_the_sense_of_rotation_is_that_of_the_matrix():
    n = 33
    point = torch.zeros(n, n, n)
    point[16, 16, 22] = 1.0  # on the x axis
    made = symmetrise(low_pass(point, 1.0, 3.0), point_group("C4")[:2])
    assert made[16, 22, 16] == pytest.approx(float(made[16, 16, 22]), rel=1e-4)  # x went to y
    oblique = symmetrise(low_pass(point, 1.0, 3.0), point_group("C3")[:2])
    y, x = 6 * math.sin(2 * math.pi / 3), 6 * math.cos(2 * math.pi / 3)
    assert oblique[16, 16 + round(y), 16 + round(x)] > 0.5 * oblique.max()


@pytest.mark.parametrize("name", ["C1", "C6", "D3", "T", "O", "I3"])
def test_one_in_so_many_views_is_in_the_asymmetric_unit(name):
    group = point_group(name)
    views = rotation_grid(3)
    share = in_asymmetric_unit(views, group).float().mean()
    assert float(share) * len(group) == pytest.approx(1, abs=0.25)


def test_every_view_has_one_mate_in_the_asymmetric_unit():
    group = point_group("O")
    views = rotation_grid(1)
    mates = to_asymmetric_unit(views, group)
    assert in_asymmetric_unit(mates, group).all()
    difference = views.mT @ mates  # an element of the group
    distance = (difference[:, None] - group).abs().amax((-1, -2)).amin(1)
    assert distance.max() < 1e-5
