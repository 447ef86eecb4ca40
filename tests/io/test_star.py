"""STAR files as RELION and its neighbours write them, and what trips other parsers."""

from __future__ import annotations

import pandas as pd
import pytest
import starfile
from hypothesis import given
from hypothesis import strategies as st

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.star import Pairs, quoted, read_star, unquoted, write_star

TEXT = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\x85\u2028\u2029"),
    max_size=12,
)


def read(tmp_path, text: str):
    path = tmp_path / "a.star"
    path.write_bytes(text.encode())
    return read_star(path)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_line_ends_and_byte_order_marks_of_other_systems_make_no_difference(tmp_path, newline, bom):
    text = bom + newline.join(["data_", "", "loop_ ", "_rlnA #1 ", "_rlnB #2 ", " 1 x.mrc ", ""])
    assert read(tmp_path, text) == {"": {"rlnA": ("1",), "rlnB": ("x.mrc",)}}


def test_values_are_kept_letter_by_letter(tmp_path):
    row = "-0.000 1e-03 +5 [1,2,3] 000001@a/b.mrcs µm/ä.mrc 1_000 .5 NaN"
    labels = "".join(f"_c{i} #{i}\n" for i in range(9))
    table = read(tmp_path, f"data_x\nloop_\n{labels}{row}\n")["x"]
    assert " ".join(v[0] for v in table.values()) == row


@pytest.mark.parametrize("value", ["_a.mrc", "$x", "[x]", ";x", "it's", "a#b", "a'b'", 'a"b'])
@pytest.mark.parametrize("first", [True, False])
def test_names_that_cif_forbids_are_plain_values_as_they_are_to_relion(tmp_path, value, first):
    row = f"{value} 2" if first else f"2 {value}"
    table = read(tmp_path, f"data_x\nloop_\n_a #1\n_b #2\n{row}\n")["x"]
    assert table["a" if first else "b"] == (value,)


def test_quoted_values_hold_blanks_and_stay_quoted(tmp_path):
    text = "data_x\nloop_\n_a\n_b\n'my mic.mrc' \"\"\n\"it's one\" 'x'\n"
    table = read(tmp_path, text)["x"]
    assert table == {"a": ("'my mic.mrc'", '"it\'s one"'), "b": ('""', "'x'")}
    assert [unquoted(v) for v in table["a"]] == ["my mic.mrc", "it's one"]


def test_comments_and_blank_lines_are_skipped(tmp_path):
    text = "# version 30001\n\ndata_x\n# c\nloop_\n_a #1\n\n1 # one\n\n# two\n2\n"
    assert read(tmp_path, text) == {"x": {"a": ("1", "2")}}


@pytest.mark.parametrize("path", ["data_1/a.mrc", "loop_2/a.mrc", "data_"])
def test_folders_named_like_keywords_are_values(tmp_path, path):
    table = read(tmp_path, f"data_x\nloop_\n_a\n_b\n{path} 1\n{path} 2\n")["x"]
    assert table["a"] == (path, path)


def test_a_loop_without_rows_keeps_its_columns(tmp_path):
    text = "data_a\nloop_\n_x #1\n_y #2\n\ndata_b\nloop_\n_z #1\n7\n"
    assert read(tmp_path, text) == {"a": {"x": (), "y": ()}, "b": {"z": ("7",)}}


def test_lists_of_pairs_are_tables_of_one_row_and_are_written_as_such(tmp_path):
    text = "data_general\n\n_rlnA   1\n_rlnB  'x y' # comment\n"
    table = read(tmp_path, text)["general"]
    assert table == {"rlnA": ("1",), "rlnB": ("'x y'",)}
    write_star(tmp_path / "b.star", {"general": table})
    assert "loop_" not in (tmp_path / "b.star").read_text()
    assert read_star(tmp_path / "b.star") == {"general": table}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("data_x\nloop_\n_a\n_b\n1 2\n3\n", "line 6: 1 values in a row of 2"),
        ("data_x\nloop_\n_a\n1\ndata_x\n_a 1\n", "line 5: there are two tables"),
        ("data_x\nloop_\n_a\n_a\n1 2\n", "line 4: the column 'a' is there twice"),
        ("data_x\nloop_\n1 2\n", "line 3: no column names"),
        ("data_x\n_a\n", "line 2"),
        ("data_x\nloop_\n_a\n1\nloop_\n_b\n2\n", "line 5: a second 'loop_'"),
        ("hello\n", "line 1: a line that begins with 'data_'"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(tmp_path, text, line):
    with pytest.raises(CryoAIError, match=line):
        read(tmp_path, text)


def test_the_layout_is_relions(tmp_path):
    write_star(tmp_path / "a.star", {"particles": {"rlnX": ("1", "10"), "rlnY": ("a", "b")}})
    assert (tmp_path / "a.star").read_text().split("\n") == [
        "",
        "# version 30001",
        "",
        "data_particles",
        "",
        "loop_",
        "_rlnX #1",
        "_rlnY #2",
        " 1 a",
        "10 b",
        "",
        "",
    ]


def test_another_program_reads_what_we_write(tmp_path):
    optics = {"rlnOpticsGroup": ("1",), "rlnOpticsGroupName": ("opticsGroup1",)}
    particles = {"rlnCoordinateX": ("1.5", "2.5"), "rlnMicrographName": ('"my mic.mrc"', "b.mrc")}
    write_star(tmp_path / "a.star", {"optics": optics, "particles": particles})
    tables = starfile.read(tmp_path / "a.star", always_dict=True)
    assert tables["optics"]["rlnOpticsGroup"].tolist() == [1]
    assert tables["particles"]["rlnCoordinateX"].tolist() == [1.5, 2.5]
    assert tables["particles"]["rlnMicrographName"].tolist() == ["my mic.mrc", "b.mrc"]


def test_we_read_what_another_program_writes(tmp_path):
    frame = pd.DataFrame({"rlnCoordinateX": [1.5, 2.5], "rlnMicrographName": ["a b.mrc", ""]})
    starfile.write({"particles": frame}, tmp_path / "a.star")
    table = read_star(tmp_path / "a.star")["particles"]
    assert [float(v) for v in table["rlnCoordinateX"]] == [1.5, 2.5]
    assert [unquoted(v) for v in table["rlnMicrographName"]] == ["a b.mrc", ""]


def test_real_files_survive_a_round_trip_token_for_token(data, tmp_path):
    paths = sorted((data / "particles").glob("*.star"))
    assert len(paths) >= 4
    for path in paths:
        blocks = read_star(path)
        write_star(tmp_path / "a.star", blocks)
        assert read_star(tmp_path / "a.star") == blocks


@given(
    st.lists(st.lists(TEXT, min_size=2, max_size=2), max_size=4),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), TEXT, min_size=1),
)
def test_any_text_survives_a_round_trip(tmp_path_factory, rows, pairs):
    try:
        table = {name: tuple(quoted(row[i]) for row in rows) for i, name in enumerate("xy")}
        listed = Pairs({name: (quoted(value),) for name, value in pairs.items()})
    except CryoAIError:
        return  # both kinds of quotation marks before blanks
    path = tmp_path_factory.mktemp("star") / "a.star"
    write_star(path, {"t": table, "p": listed, "one": {"x": table["x"]}})
    assert read_star(path) == {"t": table, "p": listed, "one": {"x": table["x"]}}
    for i, name in enumerate("xy"):
        assert [unquoted(v) for v in read_star(path)["t"][name]] == [row[i] for row in rows]
