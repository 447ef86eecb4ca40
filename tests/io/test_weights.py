"""Weights come back as they were written, or not at all."""

from __future__ import annotations

import json
import pickle
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.weights import KEY, check_name, read_weights, write_weights

FACTS = {"config": {"dim": 16}, "calibration": {"slope": 0.5, "intercept": -1.25}, "data": "Größe"}


def _tensors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "b.weight": rng.normal(size=(3, 4)),
        "a.bias": rng.normal(size=5),
        "c": np.zeros((0, 2)),
    }


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "picker.safetensors"
    write_weights(path, _tensors(), "picker", FACTS)
    return path


@settings(max_examples=30, deadline=None)
@given(
    tensor=hnp.arrays(
        np.float16,
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
        elements=st.floats(-65504, 65504, width=16),
    )
)
def test_half_precision_comes_back_bit_by_bit(tmp_path_factory, tensor):
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    write_weights(path, {"t": tensor.astype(np.float32)}, "picker", {})
    back = read_weights(path, "picker").tensors["t"]
    assert back.dtype == np.float32
    assert back.shape == tensor.shape
    assert np.array_equal(back.astype(np.float16).view(np.uint16), tensor.view(np.uint16))


def test_what_was_written_is_read(path):
    weights = read_weights(path, "picker")
    assert weights.kind == "picker"
    assert weights.facts == FACTS
    assert set(weights.tensors) == set(_tensors())
    for name, tensor in _tensors().items():
        assert np.array_equal(weights.tensors[name], tensor.astype(np.float16))


def test_transposed_tensors_are_written_by_their_indices(tmp_path):
    path, turned = tmp_path / "w.safetensors", np.arange(12.0).reshape(3, 4).T
    write_weights(path, {"t": turned}, "picker", {})
    assert np.array_equal(read_weights(path, "picker").tensors["t"], turned)


def test_the_same_weights_are_the_same_bytes(path, tmp_path):
    again = tmp_path / "again.safetensors"
    write_weights(again, _tensors(), "picker", dict(reversed(FACTS.items())))
    assert again.read_bytes() == path.read_bytes()


def test_the_digest_tells_files_apart(path, tmp_path):
    digests = {read_weights(path, "picker").digest}
    for change in ({"b.weight": np.ones((3, 4))}, {"new": np.ones(1)}):
        other = tmp_path / "other.safetensors"
        write_weights(other, _tensors() | change, "picker", FACTS)
        digests.add(read_weights(other, "picker").digest)
    write_weights(other, _tensors(), "picker", FACTS | {"calibration": {"slope": 2.0}})
    digests.add(read_weights(other, "picker").digest)
    assert len(digests) == 4


def test_facts_need_no_text_keys(tmp_path):
    path = tmp_path / "w.safetensors"
    write_weights(path, {}, "picker", {"seen": {10: "a", 9: "b"}, "sides": (1, 2)})
    assert read_weights(path, "picker").facts == {"seen": {"10": "a", "9": "b"}, "sides": [1, 2]}


def test_weights_of_something_else_are_named(path):
    with pytest.raises(CryoAIError, match="weights of a picker, not of a denoiser"):
        read_weights(path, "denoiser")


@pytest.mark.parametrize("bad", [1e6, np.nan, -np.inf])
def test_numbers_that_do_not_fit_are_not_written(tmp_path, bad):
    path = tmp_path / "w.safetensors"
    with pytest.raises(CryoAIError, match=r"a\.bias"):
        write_weights(path, {"a.bias": np.array([1.0, bad])}, "picker", {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["w.pt", "w", "w.safetensors.gz"])
def test_only_one_suffix_will_do(tmp_path, name):
    with pytest.raises(CryoAIError, match=r"end in \.safetensors"):
        write_weights(tmp_path / name, {}, "picker", {})
    assert check_name("W.SafeTensors").name == "W.SafeTensors"


def test_no_flipped_bit_goes_unnoticed(path):
    whole, content = read_weights(path, "picker"), path.read_bytes()
    rng = random.Random(0)
    for _ in range(400):
        broken = bytearray(content)
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        _read_as_it_was_or_not_at_all(path, bytes(broken), whole)


def test_no_lost_or_added_byte_goes_unnoticed(path):
    whole, content = read_weights(path, "picker"), path.read_bytes()
    for size in range(0, len(content), 7):
        path.write_bytes(content[:size])
        with pytest.raises(CryoAIError):
            read_weights(path, "picker")
    path.write_bytes(content + b"\0")
    with pytest.raises(CryoAIError):
        read_weights(path, "picker")
    assert whole.digest


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_other_file_is_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("noise") / "w.safetensors"
    for prefix in (b"", len(content).to_bytes(8, "little")):
        path.write_bytes(prefix + content)
        with pytest.raises(CryoAIError):
            read_weights(path, "picker")


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {"format": "pt"},
        {KEY: "not JSON"},
        {KEY: "[]"},
        {KEY: json.dumps({"kind": "picker", "digest": "0"})},
        {KEY: json.dumps({"kind": 1, "digest": "0", "facts": {}})},
        {KEY: json.dumps({"kind": "picker", "digest": "0", "facts": {}})},
        {KEY: "[" * 100_000},
        {KEY: "1" * 10_000},
    ],
    ids=lambda m: str(m)[:40],
)
def test_safetensors_files_of_other_programs_are_refused(tmp_path, metadata):
    path = tmp_path / "w.safetensors"
    path.write_bytes(save({"t": np.ones(3, np.float16)}, metadata))
    with pytest.raises(CryoAIError):
        read_weights(path, "picker")


def test_a_header_that_claims_more_than_there_is_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    header = json.dumps({"t": {"dtype": "F16", "shape": [1 << 40], "data_offsets": [0, 1 << 41]}})
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode())
    with pytest.raises(CryoAIError):
        read_weights(path, "picker")


def test_a_pickle_is_not_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("the pickle was run",)

    path = tmp_path / "w.safetensors"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(CryoAIError):
        read_weights(path, "picker")


def test_missing_files_and_folders_are_named(tmp_path):
    for path in (tmp_path, tmp_path / "none.safetensors"):
        with pytest.raises(CryoAIError) as told:
            read_weights(path, "picker")
        assert told.value.path == path


def _read_as_it_was_or_not_at_all(path, content, whole):
    path.write_bytes(content)
    try:
        weights = read_weights(path, "picker")
    except CryoAIError:
        return
    assert weights.facts == whole.facts
    assert list(weights.tensors) == list(whole.tensors)
    for name, tensor in whole.tensors.items():
        assert np.array_equal(weights.tensors[name], tensor)
