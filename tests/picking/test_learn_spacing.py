"""Overlapping particles are told from particles seen double, and picked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import PickTable, Source, State
from napari_cryoai.picking.calibration import Calibration
from napari_cryoai.picking.corrections import Corrections
from napari_cryoai.picking.learn_head import refit
from napari_cryoai.picking.learn_spacing import spacing_of
from napari_cryoai.picking.learned import Field, Picker, load_picker, save_picker
from napari_cryoai.picking.network import STRIDE, PickerConfig, PickerNetwork
from napari_cryoai.picking.sight import View, picks_of
from napari_cryoai.picking.spacing import CLOSEST, SPACING

TINY = PickerConfig(fine_dim=8, dim=16, depth=1, heads=2, window=4, global_tokens=1)
SIDE = 120
AWAY = 3
"""Cells from a particle to the one that it overlaps: 0.55 diameters."""


@pytest.fixture(scope="module")
def picker():
    torch.manual_seed(0)
    return Picker(PickerNetwork(TINY).eval().requires_grad_(False), Calibration())


def seen(picker: Picker, pairs: int, likely: float = 1.5) -> View:
    """A hundred particles far apart; next to some of them a slightly less certain peak."""
    heat = np.full((SIDE, SIDE), -8.0, np.float32)
    places = np.stack(np.meshgrid(*[np.arange(5, SIDE, 12)] * 2, indexing="ij"), -1).reshape(-1, 2)
    heat[tuple(places.T)] = 3.0
    heat[tuple((places[:pairs] + np.array([0, AWAY])).T)] = likely
    zero = np.zeros_like(heat)
    field = Field(heat, np.zeros((2, SIDE, SIDE), np.float32), zero + 1, zero - 8)
    features = np.random.default_rng(0).normal(size=(TINY.fine_dim, SIDE, SIDE)) * 0.1
    shape = (SIDE * STRIDE, SIDE * STRIDE)
    return View(
        "field.mrc", shape, np.ones(2), 22.0, 110.0, features.astype(np.float16), field, picker
    )


def told(view: View, picker: Picker, *, clicked: int = 0, rejected: int = 0) -> Corrections:
    """The picker's picks; close peaks clicked or rejected, and one pick far from all rejected."""
    found = picks_of(view, replace(picker, spacing=SPACING)).picks
    close = np.argwhere(view.field.heat == 1.5)[: clicked + rejected]
    yx_px = np.concatenate([found.yx_px, (close + 0.5) * STRIDE - 0.5])
    state = np.full(len(yx_px), State.KEPT)
    state[0] = State.REJECTED
    state[len(found) + clicked :] = State.REJECTED
    source = np.full(len(yx_px), Source.AUTO)
    source[len(found) : len(found) + clicked] = Source.MANUAL
    table = PickTable.of_points(
        view.name, yx_px, diameter_px=view.diameter_px, source=source, state=state
    )
    return Corrections(view, table)


def test_a_picker_sees_double_now_and_then(picker) -> None:
    view = seen(picker, pairs=4)
    assert spacing_of(picker, [told(view, picker)]) == SPACING


def test_many_close_pairs_are_overlapping_particles(picker) -> None:
    view = seen(picker, pairs=40)
    assert spacing_of(picker, [told(view, picker)]) == CLOSEST


def test_pairs_that_are_improbable_do_not_count(picker) -> None:
    view = seen(picker, pairs=40, likely=-2.0)
    assert spacing_of(picker, [told(view, picker)]) == SPACING


def test_clicks_next_to_picks_speak_for_overlap(picker) -> None:
    view = seen(picker, pairs=9)
    assert spacing_of(picker, [told(view, picker, clicked=9)]) == CLOSEST


def test_who_rejects_overlapping_particles_gets_none(picker) -> None:
    view = seen(picker, pairs=40)
    assert spacing_of(picker, [told(view, picker, rejected=20)]) == SPACING


def test_a_refitted_picker_finds_both_of_a_pair(picker) -> None:
    view = seen(picker, pairs=40)
    apart = replace(picker, spacing=SPACING)
    learned = refit(apart, [told(view, apart)])
    assert len(picks_of(view, apart).picks) == 100
    assert len(picks_of(view, learned).picks) == 140


def test_overlapping_particles_are_found_without_corrections(picker) -> None:
    assert len(picks_of(seen(picker, pairs=40), picker).picks) == 140
    assert len(picks_of(seen(picker, pairs=4), picker).picks) == 100


def test_a_pair_among_few_picks_may_be_one_particle_seen_double(picker) -> None:
    view = seen(picker, pairs=1)
    view.field.heat[20:] = -8.0
    assert len(picks_of(view, picker).picks) == 20


def test_the_spacing_survives_the_file(picker, tmp_path) -> None:
    path = tmp_path / "learned.safetensors"
    save_picker(path, replace(picker, spacing=CLOSEST), {})
    assert load_picker(path).spacing == CLOSEST


@pytest.mark.parametrize("spacing", [0.0, -1.0, float("nan"), 1e9])
def test_a_spacing_that_is_none_is_refused(picker, tmp_path, spacing) -> None:
    path = tmp_path / "odd.safetensors"
    save_picker(path, replace(picker, spacing=spacing), {})
    with pytest.raises(CryoAIError, match="another architecture"):
        load_picker(path)
