"""The picture of all particles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from qtpy.QtGui import QImage

from napari_cryoai.ui.latent.colours import SELECTED, Tint, colours_of
from napari_cryoai.ui.latent.picture import FEW_IN_VIEW, ParticlePicture
from napari_cryoai.ui.latent.view import View

pytestmark = pytest.mark.qt
VIEW = View((0.0, 10.0), (0.0, 10.0), 200.0, 200.0)


def pixels(image: QImage) -> NDArray[np.uint8]:
    """`(h, w, 4)`, blue, green, red, alpha."""
    image = image.convertToFormat(QImage.Format.Format_ARGB32)
    data: Any = image.constBits()
    data.setsize(image.sizeInBytes())
    return np.frombuffer(data, np.uint8).reshape(image.height(), image.width(), 4).copy()


def test_a_particle_is_drawn_where_it_lies_with_y_going_up(qapp: Any) -> None:
    image = ParticlePicture().make(np.array([[2.0, 9.0]], np.float32), VIEW, Tint(), None)
    y, x = np.nonzero(pixels(image)[..., 3])
    assert x.mean() == pytest.approx(40, abs=1)
    assert y.mean() == pytest.approx(20, abs=1)


def test_crowds_are_a_density_and_few_are_discs(qapp: Any) -> None:
    xy = np.random.default_rng(0).uniform(0, 10, (FEW_IN_VIEW + 1, 2)).astype(np.float32)
    picture = ParticlePicture()
    picture.make(xy, VIEW, Tint(), None)
    assert not picture.few
    assert picture.in_view == len(xy)
    picture.make(xy, VIEW.zoomed(10, (100, 100)), Tint(), None)
    assert picture.few
    picture.make(xy[:100], VIEW, Tint(), None)
    assert picture.few


def test_where_there_are_more_particles_it_is_brighter(qapp: Any) -> None:
    rng = np.random.default_rng(0)
    xy = np.concatenate(
        [rng.uniform((0, 0), (5, 10), (40_000, 2)), rng.uniform((5, 0), 10, (4000, 2))]
    )
    seen = pixels(ParticlePicture().make(xy.astype(np.float32), VIEW, Tint(), None))
    light = (seen[..., :3].astype(float) * (seen[..., 3:] / 255)).mean(-1)
    assert light[:, :100].mean() > 1.5 * light[:, 100:].mean()


@pytest.mark.parametrize("count", [500, 60_000])
def test_selected_particles_have_the_colour_of_the_selection(qapp: Any, count: int) -> None:
    xy = np.random.default_rng(0).uniform(0, 10, (count, 2)).astype(np.float32)
    seen = pixels(ParticlePicture().make(xy, VIEW, Tint(), xy[:, 0] > 5)).astype(int)
    warm = seen[..., 2] - seen[..., 0] > 60  # red over blue, as in SELECTED
    assert int(SELECTED[1:3], 16) > int(SELECTED[5:7], 16)
    assert warm[:, 110:].sum() > 500
    assert not warm[:, :90].any()


def test_a_single_selected_particle_in_a_crowd_is_seen(qapp: Any) -> None:
    xy = np.random.default_rng(0).uniform(0, 10, (400_000, 2)).astype(np.float32)
    selected = np.zeros(len(xy), bool)
    selected[7] = True
    seen = pixels(ParticlePicture().make(xy, VIEW, Tint(), selected)).astype(int)
    assert (seen[..., 2] - seen[..., 0] > 40).any()


def test_colours_run_from_the_low_end_to_the_high_one_and_unknown_is_grey() -> None:
    tint = Tint(np.zeros(1, np.float32), (0.0, 1.0))
    rgb = colours_of(np.array([0.0, 1.0, 5.0, np.nan]), tint)
    np.testing.assert_array_equal(rgb[1], rgb[2])
    assert np.abs(rgb[0] - rgb[1]).max() > 0.3
    np.testing.assert_allclose(rgb[3], 0.5)


def test_all_but_stray_values_span_the_colours() -> None:
    values = np.append(np.random.default_rng(0).normal(size=10_000), 1e6).astype(np.float32)
    assert Tint.of(values, labels=False).limits[1] < 5


def test_a_million_particles_are_drawn_anew_while_they_are_dragged(qapp: Any) -> None:
    """At most 40 ms each on an idle core; five times that on a loaded one."""
    import time

    xy = np.random.default_rng(0).normal(5, 1.5, (1_000_000, 2)).astype(np.float32)
    picture, took = ParticlePicture(), []
    for step in range(4):
        start = time.perf_counter()
        picture.make(xy, VIEW.moved(step + 1, 0), Tint(), None)
        took.append(time.perf_counter() - start)
    assert min(took) < 0.2
