"""The picker that comes with the program, on micrographs it has never seen."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.io.weights import read_weights
from napari_cryoai.jobs.progress import finish
from napari_cryoai.physics.simulators.micrograph_model import MicrographModel
from napari_cryoai.physics.simulators.micrographs import simulate_micrograph
from napari_cryoai.picking.detectors import by_network, shipped_weights
from napari_cryoai.picking.evaluate import compare
from napari_cryoai.picking.pick import PickParams, pick, pick_micrograph

MODEL = MicrographModel(
    shape=(768, 800), pixel_size_A=2.0, diameter_A=150.0, count=60, snr=0.08, structure_seed=11
)
PARAMS = PickParams(detector="transformer", diameter_A=150.0, device="cpu")


def in_memory(pixels: np.ndarray, pixel_size_A: float = 2.0, name: str = "m.mrc") -> Micrograph:
    return Micrograph(name, Path(name), pixels.shape, pixel_size_A, partial(np.array, pixels))


@pytest.fixture(scope="module")
def made():
    return simulate_micrograph(MODEL, 5, "m.mrc")


def test_it_finds_the_particles_and_scores_them_as_probabilities(made):
    result = finish(pick(PARAMS, [in_memory(made.image)]))
    kept = result.picks.select((result.picks.score >= result.threshold) & ~result.picks.in_junk)
    found = compare(kept, made.picks, 20.0)
    assert found.f1 > 0.9
    assert 0 <= result.picks.score.min() <= result.picks.score.max() <= 1
    assert kept.score.mean() == pytest.approx(found.precision, abs=0.1)
    assert not result.unfamiliar
    assert result.size == pytest.approx(1, abs=0.15)


def test_it_sees_in_which_direction_the_diameter_is_off(made):
    sizes = [
        finish(pick(PARAMS.model_copy(update={"diameter_A": told_A}), [in_memory(made.image)])).size
        for told_A in (120.0, 150.0, 185.0)
    ]
    assert sizes[0] > sizes[1] + 0.03
    assert sizes[1] > sizes[2] + 0.03


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_micrograph_without_particles_gives_hardly_any(seed):
    model = replace(MODEL, count=0, n_ice=2, carbon=0.15, structure_seed=seed)
    empty = simulate_micrograph(model, seed).image
    result = finish(pick(PARAMS, [in_memory(empty)]))
    assert ((result.picks.score >= result.threshold) & ~result.picks.in_junk).sum() <= 2


def test_what_is_no_micrograph_is_unfamiliar():
    y, x = np.indices((700, 700))
    stripes = np.sin(x / 3) + np.cos(y / 17) * np.sin(x * y / 5_000)
    found = pick_micrograph(
        in_memory(stripes.astype(np.float32)),
        diameter_A=120.0,
        detect=partial(by_network, weights=shipped_weights(), device="cpu"),
    )
    assert found.strangeness > 1


def test_a_small_micrograph_and_a_large_one_give_the_same_picks(made):
    """What lies beyond a few diameters hardly matters."""
    whole = pick_micrograph(
        in_memory(made.image),
        diameter_A=150.0,
        detect=partial(by_network, weights=shipped_weights(), device="cpu"),
    ).picks
    part = pick_micrograph(
        in_memory(made.image[:600, :600]),
        diameter_A=150.0,
        detect=partial(by_network, weights=shipped_weights(), device="cpu"),
    ).picks
    middle = [p.select((p.yx_px.max(1) < 450) & (p.score > 0.6)) for p in (whole, part)]
    assert compare(*middle, 6.0).f1 > 0.9


def test_the_weights_are_small_and_say_how_good_they_are():
    assert shipped_weights().stat().st_size < 8e6
    facts = read_weights(shipped_weights(), "picker").facts
    assert facts["validation"]["calibration_error"] <= 0.05
    assert facts["validation"]["f1"] > 0.8


def test_weights_that_are_not_there_are_named(tmp_path):
    params = PARAMS.model_copy(update={"weights": tmp_path / "none.safetensors"})
    with pytest.raises(CryoAIError, match=r"none\.safetensors"):
        finish(pick(params, [in_memory(np.random.default_rng(0).normal(size=(600, 600)))]))
