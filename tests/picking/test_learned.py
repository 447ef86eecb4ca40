"""The learned detector: from a network's answer to picks, and from a file to the same network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.weights import write_weights
from napari_cryoai.picking import learned
from napari_cryoai.picking.calibration import Calibration
from napari_cryoai.picking.learned import (
    FLOOR,
    KIND,
    PEAK_DISTANCE,
    Field,
    Picker,
    detect_learned,
    load_picker,
    look,
    peaks,
    save_picker,
)
from napari_cryoai.picking.network import STRIDE, PickerConfig, PickerNetwork
from napari_cryoai.picking.preprocess import Prepared

SMALL = {"fine_dim": 8, "dim": 16, "depth": 2, "heads": 2, "window": 2, "global_tokens": 2}
CURVE = Calibration(slope=0.75, intercept=-0.5, threshold=0.375)


def _picker(architecture: str = "transformer") -> Picker:
    """One whose random weights all matter."""
    torch.manual_seed(0)
    network = PickerNetwork(PickerConfig(architecture=architecture, **SMALL)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return Picker(network, CURVE)


def _white(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def _field(shape=(20, 30)) -> Field:
    nothing = np.zeros(shape, np.float32)
    return Field(nothing - 8, np.zeros((2, *shape), np.float32), nothing + 1, nothing - 8)


def test_a_peak_is_where_its_offset_leads():
    field = _field()
    field.heat[5, 10], field.heat[15, 4] = 3, 2
    field.offset[:, 5, 10] = 0.25, -0.5
    field.size[15, 4] = 1.5
    yx, logit, size = peaks(field, -2)
    assert yx.tolist() == [[22.5, 39.5], [61.5, 17.5]]
    assert logit.tolist() == [3, 2]
    assert size.tolist() == [1, 1.5]


def test_of_two_peaks_too_near_the_better_one_is_kept():
    field = _field()
    near = int(PEAK_DISTANCE / STRIDE)
    field.heat[5, 10], field.heat[5, 10 + near] = 2, 3
    field.heat[15, 10], field.heat[15, 10 + near + 1] = 2, 1
    yx, _, _ = peaks(field, -2)
    assert len(yx) == 3
    assert yx[0, 1] == 10 * STRIDE + near * STRIDE + 1.5


@pytest.mark.parametrize("heat", [-8.0, np.nan])
def test_a_field_without_peaks_has_no_picks(heat):
    field = _field()
    field.heat[:] = heat
    yx, logit, size = peaks(field, -2)
    assert yx.shape == (0, 2)
    assert len(logit) == len(size) == 0


@pytest.mark.parametrize("at", [(0, 0), (0, 29), (19, 0), (19, 29), (19, 15)])
def test_peaks_on_the_border_are_found(at):
    field = _field()
    field.heat[at] = 4
    yx, _, _ = peaks(field, -2)
    assert yx.tolist() == [[at[0] * STRIDE + 1.5, at[1] * STRIDE + 1.5]]


def test_an_answer_has_a_cell_for_every_four_pixels_begun():
    field = look(_white(70, 101), _picker().network)
    assert field.heat.shape == field.size.shape == field.junk.shape == (18, 26)
    assert field.offset.shape == (2, 18, 26)
    assert (field.size > 0).all()


# What is left is what the global tokens say: those of a tile know the tile only.
@pytest.mark.parametrize(("architecture", "tolerance"), [("transformer", 0.1), ("unet", 1e-3)])
def test_tiles_hardly_change_what_is_seen(monkeypatch, architecture, tolerance):
    white, network = _white(363, 300), _picker(architecture).network
    whole = look(white, network)
    monkeypatch.setattr(learned, "LARGEST_TILE", 260)
    monkeypatch.setattr(learned, "MARGIN", 100)
    pieces = look(white, network)
    for name in ("heat", "offset", "size", "junk"):
        a, b = getattr(whole, name), getattr(pieces, name)
        assert np.abs(a - b).max() < tolerance * a.std(), name


def test_when_memory_is_short_the_tiles_get_smaller(monkeypatch):
    network, asked = _picker().network, []
    forward = network.features

    def short(image, *rest):
        asked.append(max(image.shape[-2:]))
        if asked[-1] > 700:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(image, *rest)

    monkeypatch.setattr(network, "features", short)
    assert np.isfinite(look(_white(100, 1300), network).heat).all()
    assert asked[0] > 700 >= max(asked[-3:])

    def never(image, *rest):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(network, "features", never)
    with pytest.raises(CryoAIError, match="memory"):
        look(_white(100, 100), network)


def test_scores_are_calibrated_and_low_ones_left_out():
    white = _white(200, 200)
    prepared = Prepared(white, white, np.ones(33), np.ones(2))
    picker = _picker()
    found = detect_learned(prepared, picker)
    assert len(found.yx) == len(found.score) == len(found.size) > 0
    assert (np.diff(found.score) <= 0).all()
    assert (found.score >= FLOOR - 1e-6).all()
    assert found.junk.shape == (50, 50)
    assert found.junk.dtype == bool
    yx, logit, _ = peaks(look(white, picker.network), -20.0)
    best = CURVE.probability(logit)
    assert found.score[0] == pytest.approx(best[0], abs=1e-6)
    assert len(yx) >= len(found.yx)


@pytest.mark.parametrize("architecture", ["transformer", "unet"])
def test_a_picker_comes_back_from_its_file(tmp_path, architecture):
    path, picker = tmp_path / "picker.safetensors", _picker(architecture)
    save_picker(path, picker, {"note": "a test"})
    again = load_picker(path)
    assert again.calibration == CURVE
    assert again.network.config == picker.network.config
    assert not again.network.training
    assert len(again.digest) == 64
    before, after = picker.network.state_dict(), again.network.state_dict()
    for name, value in before.items():
        assert torch.equal(value.half().float(), after[name]), name
    save_picker(path, again, {})
    twice = load_picker(path)
    white = _white(70, 90)
    assert np.array_equal(look(white, again.network).heat, look(white, twice.network).heat)


@pytest.mark.parametrize(
    "change",
    [
        {"config": None},
        {"config": PickerConfig(**SMALL | {"dim": 32}).model_dump()},
        {"config": PickerConfig(**SMALL, architecture="unet").model_dump()},
        {"config": {"architecture": "of the future"}},
        {"calibration": None},
        {"calibration": {"slope": "steep"}},
        {"calibration": {"new": 1.0}},
    ],
)
def test_pickers_of_another_version_are_refused(tmp_path, change):
    path, picker = tmp_path / "picker.safetensors", _picker()
    tensors = {name: value.numpy() for name, value in picker.network.state_dict().items()}
    facts = {"config": picker.network.config.model_dump(), "calibration": CURVE._asdict()}
    write_weights(path, tensors, KIND, facts)
    assert load_picker(path).calibration == CURVE
    write_weights(path, tensors, KIND, facts | change)
    with pytest.raises(CryoAIError, match="architecture"):
        load_picker(path)


def test_weights_of_something_else_are_no_picker(tmp_path):
    path = tmp_path / "denoiser.safetensors"
    write_weights(path, {}, "denoiser", {})
    with pytest.raises(CryoAIError, match="denoiser"):
        load_picker(path)
