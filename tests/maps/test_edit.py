"""Hand and box of maps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.maps.edit import Box, box_around, centred_box, crop_to_mask, flip_hand, in_box
from napari_cryoai.maps.sampling import values_at

ORIGIN_A = (100.0, -50.0, 7.0)


def some_map(shape: tuple[int, int, int] = (12, 14, 17)) -> DensityMap:
    data = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return DensityMap(data, 2.0, ORIGIN_A)


def helix(n: int = 40, turn: float = 1.0) -> DensityMap:
    """A helix about the z axis through the centre of the box."""
    data = np.zeros((n,) * 3, np.float32)
    t = np.linspace(-2 * np.pi, 2 * np.pi, 400)
    zyx = np.stack([t * n / 16, 8 * np.sin(turn * t), 8 * np.cos(turn * t)], 1) + n // 2
    data[tuple(np.round(zyx).astype(int).T)] = 1
    return DensityMap(data, 1.0)


@pytest.mark.parametrize("shape", [(12, 14, 17), (13, 13, 13), (1, 4, 4), (16, 16, 16)])
def test_flipping_the_hand_twice_gives_back_the_map(shape: tuple[int, int, int]) -> None:
    density = some_map(shape)
    twice = flip_hand(flip_hand(density))
    np.testing.assert_array_equal(twice.data, density.data)
    assert twice.origin_A == density.origin_A


def test_a_right_handed_helix_becomes_a_left_handed_one() -> None:
    np.testing.assert_array_equal(flip_hand(helix(turn=1)).data, helix(turn=-1).data)


@pytest.mark.parametrize("n", [12, 13])
def test_the_centre_that_particles_turn_around_stays(n: int) -> None:
    data = np.zeros((n,) * 3, np.float32)
    data[n // 2, n // 2, n // 2] = 1
    assert flip_hand(DensityMap(data, 1.0)).data[n // 2, n // 2, n // 2] == 1


@given(
    st.tuples(*[st.integers(-6, 8)] * 3),
    st.tuples(*[st.integers(7, 20)] * 3),
)
def test_what_stays_in_the_box_stays_in_its_place(
    first: tuple[int, int, int], shape: tuple[int, int, int]
) -> None:
    density = some_map((16, 16, 16))
    cut = in_box(density, Box(first, shape), fill=-9.0)
    assert cut.shape == shape
    assert cut.pixel_size_A == density.pixel_size_A
    inside = np.argwhere(cut.data != -9.0)
    world = cut.world_of(inside)
    index = density.index_of(world)
    np.testing.assert_allclose(index, np.round(index), atol=1e-9)
    np.testing.assert_array_equal(
        cut.data[tuple(inside.T)], density.data[tuple(np.round(index).astype(int).T)]
    )


def test_padding_and_cropping_again_gives_back_the_map() -> None:
    density = some_map((12, 12, 12))
    padded = in_box(density, centred_box(density.shape, 20))
    back = in_box(padded, centred_box(padded.shape, 12))
    np.testing.assert_array_equal(back.data, density.data)
    assert back.origin_A == density.origin_A


@pytest.mark.parametrize(("before", "after"), [(12, 20), (13, 20), (12, 9), (13, 9)])
def test_the_centre_of_the_box_stays_its_centre(before: int, after: int) -> None:
    data = np.zeros((before,) * 3, np.float32)
    data[(before // 2,) * 3] = 1
    cut = in_box(DensityMap(data, 1.0), centred_box((before,) * 3, after))
    assert cut.data[(after // 2,) * 3] == 1


def test_a_crop_to_a_mask_holds_all_of_it_in_a_cube_of_even_side() -> None:
    density = some_map((32, 32, 32))
    inside = np.zeros(density.shape, np.float32)
    inside[3:8, 10:21, 27:32] = 0.5
    cut = crop_to_mask(density, density.with_data(inside), margin_A=0)
    assert cut.shape == (12, 12, 12)
    kept = in_box(density.with_data(inside), box_around(density.with_data(inside)))
    assert kept.data.sum() == inside.sum()


def test_the_margin_is_added_on_all_sides() -> None:
    inside = np.zeros((32, 32, 32), np.float32)
    inside[12:20, 12:20, 12:20] = 1
    box = box_around(DensityMap(inside, 2.0), margin_A=5.0)
    assert (box.first, box.shape) == ((9, 9, 9), (14, 14, 14))
    flat = box_around(DensityMap(inside, 2.0), margin_A=100.0, cubic=False)
    assert (flat.first, flat.shape) == ((0, 0, 0), (32, 32, 32))


def test_what_makes_no_box_is_told() -> None:
    density = some_map()
    with pytest.raises(CryoAIError, match="empty"):
        box_around(density.with_data(np.zeros(density.shape)))
    with pytest.raises(CryoAIError, match="nothing of the map"):
        in_box(density, Box((40, 0, 0), (4, 4, 4)))
    with pytest.raises(CryoAIError, match="cannot be made"):
        in_box(density, Box((0, 0, 0), (4000, 4, 4)))
    with pytest.raises(CryoAIError, match="boxes"):
        crop_to_mask(density, some_map((12, 12, 12)))


def test_values_are_read_where_they_lie_in_space() -> None:
    density = some_map()
    index = np.array([[3, 4, 5], [0, 13, 16]])
    np.testing.assert_allclose(
        values_at(density, density.world_of(index)), density.data[tuple(index.T)], rtol=1e-5
    )
    between = values_at(density, density.world_of(np.array([[3.0, 4.0, 5.5]])))
    assert between[0] == pytest.approx(density.data[3, 4, 5:7].mean(), rel=1e-5)
