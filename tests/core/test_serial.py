"""Edits and documents as JSON: exact on the way out, distrustful on the way in."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_cryoai.core.document import PickDocument, PickFilters, Stroke
from napari_cryoai.core.edits import (
    AddPicks,
    Group,
    RemovePicks,
    ReplacePicks,
    SetColumn,
    SetFilters,
    SetFlag,
    SetStrokes,
)
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import COLUMNS, PickTable, State, concatenate
from napari_cryoai.core.serial import (
    decode,
    decode_document,
    decode_table,
    encode,
    encode_document,
    encode_table,
)

PICKS = concatenate(
    [
        PickTable.of_points(
            "sub/a 1.mrc",
            [[0.1, 1 / 3], [4096.0, 1e-300]],
            score=[np.nan, 0.1],
            diameter_px=[np.inf, 21.5],
            source=[0, 1],
            extra={"_rlnClassNumber": ["007", 'µ "quoted"\n']},
            sidecar={"optics": {"_rlnOpticsGroup": ("1",), "_rlnVoltage": ("300.000",)}},
        ),
        PickTable.of_points("000001@b.mrcs", [[5, 6]], state=State.REJECTED, in_junk=True),
    ]
)
STROKE = Stroke(((1.0, 2.0), (3.25, 1 / 3)), 30.0, erase=True)
FILTERS = PickFilters(threshold=0.1 + 0.2, min_distance_A=120, edge_margin_A=1.5, hide_junk=False)
DOCUMENT = PickDocument(
    PICKS, FILTERS, {"sub/a 1.mrc": (STROKE, STROKE)}, frozenset({"b", "a"}), frozenset({"c"})
)
ALL_ROWS = np.arange(3)
EDITS = {
    "add": AddPicks(PICKS),
    "remove": RemovePicks(PICKS.select(np.array([1]))),
    "replace": ReplacePicks(PICKS, PickTable.empty(["x.mrc"])),
    "move": SetColumn.of(PICKS, ALL_ROWS, "yx_px", [[1 / 7, 2], [3, 4], [5, 6]]),
    "rescore": SetColumn.of(PICKS, ALL_ROWS, "score", [np.nan, 0.7, -np.inf]),
    "resize": SetColumn.of(PICKS, ALL_ROWS, "diameter_px", 33.3),
    "reject": SetColumn.of(PICKS, np.array([True, False, True]), "state", State.REJECTED),
    "relabel": SetColumn.of(PICKS, np.array([0]), "source", 2),
    "mask": SetColumn.of(PICKS, ALL_ROWS, "in_junk", [True, False, True]),
    "filters": SetFilters(PickFilters(), FILTERS),
    "brush": SetStrokes("sub/a 1.mrc", (), (STROKE,)),
    "flag": SetFlag("reviewed", "000001@b.mrcs", True),
    "group": Group((AddPicks(PICKS), Group((SetFlag("junk", "a", False),)), Group(()))),
}


def through_json(value: object) -> object:
    return json.loads(json.dumps(value, allow_nan=False))


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_every_edit_comes_back_as_it_was(edit):
    written = encode(edit)
    again = decode(through_json(written))
    assert type(again) is type(edit)
    assert encode(again) == written


@pytest.mark.parametrize("name", ["move", "rescore", "resize", "reject", "relabel", "mask"])
def test_an_edit_that_was_read_back_does_and_undoes_the_same(name):
    edit, again = EDITS[name], decode(through_json(encode(EDITS[name])))
    done = edit.apply(DOCUMENT)
    assert again.apply(DOCUMENT) == done
    assert again.inverse().apply(done) == DOCUMENT
    assert again.after.dtype == edit.after.dtype


def test_a_document_comes_back_as_it_was():
    again = decode_document(through_json(encode_document(DOCUMENT)))
    assert again == DOCUMENT
    for column in COLUMNS:
        assert getattr(again.picks, column).dtype == getattr(PICKS, column).dtype, column


def test_an_empty_document_comes_back_as_it_was():
    assert decode_document(through_json(encode_document(PickDocument()))) == PickDocument()


@given(
    yx=arrays(np.float64, (5, 2), elements=st.floats(width=64)),
    score=arrays(np.float32, 5, elements=st.floats(width=32)),
)
def test_every_number_survives_exactly(yx, score):
    picks = PickTable.of_points("a.mrc", yx, score=score)
    again = decode_table(through_json(encode_table(picks)))
    assert again == picks
    numbers = ~np.isnan(yx)
    assert again.yx_px[numbers].tobytes() == yx[numbers].tobytes()


def test_an_edit_of_an_unknown_kind_is_not_written():
    with pytest.raises(TypeError):
        encode("RemovePicks")


def changed(value: dict, path: str, new: object) -> dict:
    """A copy with the value at `path`, dotted, replaced; `...` deletes it."""
    value = copy.deepcopy(value)
    *way, last = path.split(".")
    place = value
    for key in way:
        place = place[int(key) if isinstance(place, list) else key]
    if new is ...:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = new
    return value


BROKEN = [
    ("add", "edit", "__class__"),
    ("add", "edit", "AddPicks"),
    ("add", "edit", ["add_picks"]),
    ("add", "rows", None),
    ("add", "rows", []),
    ("add", "rows.score", ...),
    ("add", "rows.surprise", [1]),
    ("add", "rows.id", [0, 1]),
    ("add", "rows.id", [0, 2, 1]),
    ("add", "rows.id", [0, 1, 1]),
    ("add", "rows.id", [-1, 0, 1]),
    ("add", "rows.id", [0, 1, 2**63]),
    ("add", "rows.id", [0, 1, 2.0]),
    ("add", "rows.id", [0, 1, True]),
    ("add", "rows.id", "012"),
    ("add", "rows.micrograph", [0, 0, 2]),
    ("add", "rows.micrograph", [0, 0, -1]),
    ("add", "rows.micrograph", [0, 0, 2**40]),
    ("add", "rows.names", ["a", "a"]),
    ("add", "rows.names", ["a", 1]),
    ("add", "rows.yx_px", [1.0, 2.0, 3.0, 4.0, 5.0]),
    ("add", "rows.yx_px", [[1.0, 2.0]] * 3),
    ("add", "rows.yx_px", ["1", "2", "3", "4", "5", "6"]),
    ("add", "rows.yx_px", [10**400, 2, 3, 4, 5, 6]),
    ("add", "rows.score", [1e300, 0.0, 0.0]),
    ("add", "rows.score", [False, 0.0, 0.0]),
    ("add", "rows.score", ["nan", 0.0, 0.0]),
    ("add", "rows.score", [{}, 0.0, 0.0]),
    ("add", "rows.source", [0, 0, 3]),
    ("add", "rows.source", [0, 0, 256]),
    ("add", "rows.state", [0, 0, 2]),
    ("add", "rows.in_junk", [0, 1, 0]),
    ("add", "rows.extra._rlnClassNumber", ["1"]),
    ("add", "rows.extra._rlnClassNumber", [1, 2, 3]),
    ("add", "rows.extra", []),
    ("add", "rows.sidecar.optics", ["300"]),
    ("add", "rows.sidecar.optics._rlnVoltage", "300"),
    ("remove", "rows.names", "a"),
    ("replace", "after", ...),
    ("replace", "before.names", None),
    ("move", "column", "__dict__"),
    ("move", "column", "id"),
    ("move", "column", "names"),
    ("move", "column", ["yx_px"]),
    ("move", "ids", [0, 1]),
    ("move", "before", [1.0]),
    ("reject", "after", [1]),
    ("reject", "after", [1, 7]),
    ("reject", "before", [7, 0]),
    ("filters", "after.threshold", "0.5"),
    ("filters", "after.threshold", [0.5]),
    ("filters", "after.hide_junk", 1),
    ("filters", "after.min_distance_A", ...),
    ("brush", "micrograph", 3),
    ("brush", "after.0.yx_px", []),
    ("brush", "after.0.yx_px", [1.0]),
    ("brush", "after.0.radius_px", True),
    ("brush", "after", {}),
    ("flag", "flag", "picks"),
    ("flag", "on", 1),
    ("flag", "micrograph", None),
    ("group", "edits", {}),
    ("group", "edits.1", "flag"),
    ("group", "edits.1.edits.0.flag", "filters"),
]


@pytest.mark.parametrize(("name", "path", "new"), BROKEN)
def test_what_is_no_edit_is_refused(name, path, new):
    with pytest.raises(CryoAIError):
        decode(changed(encode(EDITS[name]), path, new))


@pytest.mark.parametrize("value", [None, 1, "add", [], {}, {1: 2}, {"edit": None}])
def test_what_is_not_even_an_object_is_refused(value):
    for read in (decode, decode_document, decode_table):
        with pytest.raises(CryoAIError):
            read(value)


@pytest.mark.parametrize(
    ("path", "new"),
    [
        ("picks.id", [0]),
        ("filters", None),
        ("strokes", []),
        ("strokes.x", [None]),
        ("reviewed", "ab"),
        ("junk", [1]),
        ("junk", ...),
    ],
)
def test_what_is_no_document_is_refused(path, new):
    with pytest.raises(CryoAIError):
        decode_document(changed(encode_document(DOCUMENT), path, new))


def test_groups_nested_without_end_are_refused():
    bomb: dict = {"edit": "group", "edits": []}
    for _ in range(5000):
        bomb = {"edit": "group", "edits": [bomb]}
    with pytest.raises(CryoAIError, match="nested"):
        decode(bomb)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(EDITS)), st.data())
def test_an_edit_with_anything_at_all_in_place_of_one_value_is_read_or_refused(name, data):
    written = encode(EDITS[name])
    key = data.draw(st.sampled_from(sorted(written)))
    value = {**written, key: data.draw(json_values)}
    try:
        edit = decode(value)
    except CryoAIError:
        return
    assert encode(decode(through_json(encode(edit)))) == encode(edit)
