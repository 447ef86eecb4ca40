"""Pickles are read for their numbers, and can run nothing."""

from __future__ import annotations

import collections
import os
import pickle
import random
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.plain_pickle import read_pickles

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
EVENTS: list[str] = []
WATCHING = False


def note(event: str, _: Any) -> None:
    if WATCHING and event.split(".")[0] in {"import", "exec", "compile", "os", "subprocess"}:
        EVENTS.append(event)
    if WATCHING and event in {"pickle.find_class", "marshal.loads"}:
        EVENTS.append(event)


sys.addaudithook(note)


def watched(path: Path) -> tuple[Any, list[str]]:
    """What reading gives, and what the interpreter did meanwhile that a reader of numbers needs
    not."""
    global WATCHING
    EVENTS.clear()
    WATCHING = True
    try:
        return read_pickles(path), EVENTS
    finally:
        WATCHING = False


def saved(folder: Path, *values: Any, protocol: int = 4) -> Path:
    path = folder / "values.pkl"
    path.write_bytes(b"".join(pickle.dumps(value, protocol) for value in values))
    return path


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_of_every_protocol_come_back_bit_for_bit(tmp_path, protocol):
    rng = np.random.default_rng(0)
    arrays = (
        rng.normal(size=(5, 3, 3)).astype(np.float32),
        np.asfortranarray(rng.normal(size=(4, 6))),
        np.arange(7, dtype=">i4"),
        np.zeros((0, 2)),
        np.array([True, False]),
        np.array(["a.mrcs", "ü"]),
    )
    (found,) = read_pickles(saved(tmp_path, arrays, protocol=protocol))
    assert type(found) is tuple
    for array, again in zip(arrays, found, strict=True):
        assert again.dtype == array.dtype
        assert np.array_equal(again, array)
    if arrays[0].flags.c_contiguous:
        assert found[1].flags.f_contiguous


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_several_pickles_in_one_file_are_all_read(tmp_path, protocol):
    mean, log_variance = np.ones((3, 2)), np.zeros((3, 2))
    found = read_pickles(saved(tmp_path, mean, log_variance, protocol=protocol))
    assert len(found) == 2
    assert np.array_equal(found[1], log_variance)


def test_a_number_of_numpys_is_a_number(tmp_path):
    values = [np.float32(0.5), np.int64(-3), np.bool_(True)]
    assert read_pickles(saved(tmp_path, values)) == [[0.5, -3, True]]


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=plain, protocol=st.sampled_from(range(3, 6)))
def test_plain_values_come_back(tmp_path, value, protocol):
    assert read_pickles(saved(tmp_path, value, protocol=protocol)) == [value]


class Runs:
    """What an attacker writes: loading it calls a function of his choice."""

    def __init__(self, function: Any, *arguments: Any):
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def hostile(mark: Path) -> dict[str, Any]:
    touch = f"touch {mark}"
    return {
        "system": Runs(os.system, touch),
        "open": Runs(open, str(mark), "w"),
        "eval": Runs(eval, f"__import__('os').system({touch!r})"),
        "exec": Runs(exec, f"import os; os.system({touch!r})"),
        "getattr": Runs(getattr, "a", "upper"),
        "load": Runs(np.load, "x.npy", None, True),
        "import": Runs(__import__, "antigravity"),
        "in an array": np.array([Runs(os.system, touch)], object),
        "in a list": [1, {"a": (Runs(os.system, touch),)}],
        "a class": collections.OrderedDict(a=1),
        "a set": {1, 2},
    }


@pytest.mark.parametrize("name", hostile(Path("x")))
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_what_is_no_number_is_refused_and_nothing_runs(tmp_path, name, protocol):
    mark = tmp_path / "ran"
    path = saved(tmp_path, hostile(mark)[name], protocol=protocol)
    with pytest.raises(CryoAIError, match=r"only numbers, texts and numpy arrays") as caught:
        watched(path)
    assert not mark.exists()
    assert EVENTS == []
    assert caught.value.path == path


def test_the_refusal_names_what_was_wanted(tmp_path):
    with pytest.raises(CryoAIError, match=f"the Python object '{os.system.__module__}.system'"):
        read_pickles(saved(tmp_path, Runs(os.system, "true")))
    with pytest.raises(CryoAIError, match="an array of the type 'O8'"):
        read_pickles(saved(tmp_path, np.array([{}], object)))
    with pytest.raises(CryoAIError, match=r"'torch\._utils\._rebuild_tensor_v2'"):
        read_pickles(by_hand(tmp_path, b"ctorch._utils\n_rebuild_tensor_v2\n(tR."))


def by_hand(folder: Path, code: bytes) -> Path:
    path = folder / "hand.pkl"
    path.write_bytes(code)
    return path


CRAFTED = {
    "a call of a text": b"\x8c\x02os)R.",
    "a call without arguments": b"cnumpy\ndtype\nR.",
    "a number as arguments": b"cnumpy\ndtype\nK\x01R.",
    "the builder itself as a value": b"cnumpy\ndtype\n.",
    "the array type called": b"cnumpy\nndarray\n(K\x05tR.",
    "an array that never comes": b"cnumpy.core.multiarray\n_reconstruct\n)R.",
    "a state for a list": b"](K\x01tb.",
    "a state for a name": b"cnumpy\ndtype\n(K\x01tb.",
    "a name of numbers": b"K\x01K\x02\x93.",
    "memory that was never filled": b"h\x05.",
    "far more memory than there is": b"Nr\xff\xff\xff\xff.",  # it is a dict for us: fine
    "marks without end": b"((((((.",
    "nothing": b"\x80\x04",
    "no stop": b"K\x01",
    "a new object": b"\x8c\x01a)\x81.",
    "an old object": b"(ios\nsystem\n.",
    "a person": b"Pabc\n.",
    "an extension": b"\x82\x01.",
    "a list in itself": b"]\x94h\x00a.",
    "an unhashable key": b"}(]]u.",
    "half a pair": b"}(K\x01u.",
    "a text of the wrong size": b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "bytes of the wrong size": b"B\xff\xff\xff\x7fabc.",
    "an unknown instruction": b"\xff\xff.",
}


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_instructions_end_in_a_message(tmp_path, name):
    path = by_hand(tmp_path, CRAFTED[name])
    if name == "far more memory than there is":
        assert read_pickles(path) == [None]
        return
    with pytest.raises(CryoAIError):
        watched(path)
    assert EVENTS == []


def test_a_claimed_shape_takes_no_memory(tmp_path):
    whole = pickle.dumps(np.arange(6, dtype=np.float64), 4)
    huge = whole.replace(b"K\x06\x85", b"J" + struct.pack("<i", 1 << 30) + b"\x85")
    assert huge != whole
    with pytest.raises(CryoAIError, match="does not have 48 bytes"):
        read_pickles(by_hand(tmp_path, huge))


def test_lists_that_double_at_every_level_are_read_once(tmp_path):
    value: Any = [1]
    for _ in range(40):
        value = [value, value]
    (found,) = read_pickles(saved(tmp_path, value))
    assert found[0] is found[1]


def test_lists_in_lists_without_end_are_refused(tmp_path):
    value: Any = 1
    for _ in range(200):
        value = [value]
    with pytest.raises(CryoAIError, match="lists in lists"):
        read_pickles(saved(tmp_path, value))


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_damaged_files_end_in_a_message_or_in_plain_values(tmp_path, protocol):
    rng = random.Random(protocol)
    value = (np.arange(12.0).reshape(4, 3), {"a": [1, "x"]}, np.float32(2))
    whole = pickle.dumps(value, protocol)
    path = tmp_path / "damaged.pkl"
    refused = 0
    for _ in range(400):
        raw = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        if rng.random() < 0.3:
            del raw[rng.randrange(len(raw)) :]
        path.write_bytes(raw or b"\0")
        try:
            for read in watched(path)[0]:
                assert is_plain(read)
        except CryoAIError:
            refused += 1
        assert EVENTS == []
    assert refused > 100


def is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(map(is_plain, value.values()))
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biufSU"
    return (
        value is None
        or type(value) in (bool, int, float, str, bytes, bytearray, np.dtype)
        or (isinstance(value, np.dtype))
    )


def test_a_cut_off_file_is_refused(tmp_path):
    path = saved(tmp_path, np.arange(1000.0))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CryoAIError, match="not a pickle that can be read"):
        read_pickles(path)
