"""Which format a file is, and round trips through every one of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import PickTable, concatenate
from napari_cryoai.io.picks import FORMATS, detect, read_picks, write_picks

NAMES = ("grid/a.mrc", "b 2.tif", "000003@s.mrcs")
SHAPE = (4092, 5760)
PRECISION_PX = {"cryosparc": SHAPE[1] * 2.0**-23}
"""A `.cs` file holds fractions in single precision; the others hold six decimals."""

COORDINATES = st.floats(-50, 6000).map(lambda v: round(v, 6))
SCORES = st.one_of(st.just(float("nan")), st.floats(-900, 900, width=32).filter(lambda v: v != 0))
ROWS = st.lists(st.tuples(COORDINATES, COORDINATES, SCORES), min_size=1, max_size=6)


@st.composite
def tables(draw):
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    parts = []
    for name in names:
        y, x, score = zip(*draw(ROWS), strict=True)
        diameter = draw(st.sampled_from([63, 64.0, 100.5]))
        yx = np.stack([y, x], -1)
        parts.append(PickTable.of_points(name, yx, score=score, diameter_px=diameter))
    return concatenate(parts)


def by_name(picks: PickTable) -> PickTable:
    return concatenate(picks.of(name) for name in sorted(picks.names))


@pytest.mark.parametrize("form", [f.name for f in FORMATS])
@given(picks=tables(), box=st.sampled_from([None, 64, 65, 33.5]))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_centres_and_scores_survive_two_round_trips(tmp_path_factory, micrograph, form, picks, box):
    folder = tmp_path_factory.mktemp(form)
    mics = [micrograph(name, SHAPE) for name in NAMES]
    chosen = next(f for f in FORMATS if f.name == form)
    single = chosen.per_micrograph or form == "relion-coordinates"
    tolerance = PRECISION_PX.get(form, 1e-6)
    start = by_name(picks)
    now = picks
    for i in range(2):
        path = folder / (f"p{i}" if chosen.per_micrograph else f"p{i}{chosen.suffixes[0]}")
        paths = write_picks(now, path, micrographs=mics, format=form, box_size_px=box)
        assert all(p.is_file() for p in paths)
        assert len(paths) == (len(picks.names) if chosen.per_micrograph else 1) + (
            len(picks.names) if form == "relion-coordinates" else 0
        )
        now = read_picks(path, micrographs=mics, format=form)
        assert now.counts() == {k: v for k, v in picks.counts().items() if v}
        back = by_name(now)
        np.testing.assert_allclose(back.yx_px, start.yx_px, rtol=0, atol=tolerance)
        np.testing.assert_array_equal(back.score, start.score)
    assert single or now.names == picks.names


@pytest.mark.parametrize("form", [f.name for f in FORMATS])
def test_what_is_read_and_written_again_is_the_same_file(tmp_path, micrograph, form):
    chosen = next(f for f in FORMATS if f.name == form)
    mics = [micrograph("a.mrc", SHAPE)]
    rng = np.random.default_rng(0)
    picks = PickTable.of_points(
        "a.mrc", rng.uniform(0, 4000, (50, 2)), score=rng.normal(size=50), diameter_px=81.5
    )
    first, second = (tmp_path / f"{i}{chosen.suffixes[0]}" for i in "ab")
    write_picks(picks, first, micrographs=mics, format=form)
    back = read_picks(first, micrographs=mics, format=form)
    write_picks(back, second, micrographs=mics, format=form)
    if form == "relion-coordinates":
        assert len(read_picks(second)) == 50
        return
    assert second.read_bytes() == first.read_bytes()


@pytest.mark.parametrize("form", [f.name for f in FORMATS])
def test_the_writer_writes_exactly_the_rows_it_is_given(tmp_path, micrograph, form):
    chosen = next(f for f in FORMATS if f.name == form)
    mics = [micrograph("a.mrc", SHAPE)]
    picks = PickTable.of_points("a.mrc", [[5, 5]] * 7, diameter_px=10, state=1, in_junk=True)
    path = tmp_path / f"a{chosen.suffixes[0]}"
    write_picks(picks, path, micrographs=mics, format=form)
    assert len(read_picks(path, micrographs=mics, format=form)) == 7


@pytest.mark.parametrize("form", ["relion", "csv", "topaz", "cbox", "box", "eman2", "cryosparc"])
def test_a_file_without_a_telling_name_is_known_by_its_content(tmp_path, micrograph, form):
    chosen = next(f for f in FORMATS if f.name == form)
    picks = PickTable.of_points("a.mrc", [[5, 5]], diameter_px=10, score=1)
    path = tmp_path / f"a{chosen.suffixes[0]}"
    write_picks(picks, path, micrographs=[micrograph("a.mrc")], format=form)
    path.rename(tmp_path / "a.dat")
    assert detect(tmp_path / "a.dat").name == form


def test_picks_of_several_micrographs_go_into_a_folder_of_boxes(tmp_path):
    picks = concatenate(
        PickTable.of_points(n, [[1, 2]], diameter_px=9) for n in ("x/a.mrc", "y/a.mrc", "../b.mrc")
    )
    paths = write_picks(picks, tmp_path / "out.box")
    assert [p.relative_to(tmp_path).as_posix() for p in paths] == [
        "out/x_a.box",
        "out/y_a.box",
        "out/b.box",
    ]


def test_picks_from_crYOLO_to_relion_to_boxes_stay_where_they_are(tmp_path, micrograph):
    (tmp_path / "a.box").write_text("10\t20\t65\t65\t0.5\n")
    mics = [micrograph("a.mrc")]
    picks = read_picks(tmp_path / "a.box", micrographs=mics)
    write_picks(picks, tmp_path / "a.star", micrographs=mics)
    again = read_picks(tmp_path / "a.star", micrographs=mics)
    write_picks(again, tmp_path / "b.box", box_size_px=65)
    assert (tmp_path / "b.box").read_text() == "10\t20\t65\t65\t0.5\n"


def test_unknown_formats_and_endings_name_the_known_ones(tmp_path):
    picks = PickTable.of_points("a.mrc", [[5, 5]])
    with pytest.raises(CryoAIError, match="relion"):
        write_picks(picks, tmp_path / "a.xyz")
    with pytest.raises(CryoAIError, match="relion"):
        write_picks(picks, tmp_path / "a.star", format="exel")
    assert not list(tmp_path.iterdir())


def test_a_folder_of_relion_coordinate_files_is_a_set(tmp_path, micrograph):
    text = "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 2\n"
    (tmp_path / "a_autopick.star").write_text(text)
    (tmp_path / "b_autopick.star").write_text(text)
    mics = [micrograph("a.mrc"), micrograph("b.mrc")]
    assert read_picks(tmp_path, micrographs=mics).counts() == {"a.mrc": 1, "b.mrc": 1}


def test_a_failed_export_leaves_the_old_file(tmp_path):
    picks = PickTable.of_points("a", [[5, 5]], diameter_px=10)
    write_picks(picks, tmp_path / "a.box")
    before = (tmp_path / "a.box").read_bytes()
    with pytest.raises(CryoAIError):
        write_picks(replace(picks, diameter_px=picks.diameter_px * np.nan), tmp_path / "a.box")
    assert (tmp_path / "a.box").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_place_that_cannot_be_written_to_is_an_error_for_the_user(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(CryoAIError, match="cannot be written"):
        write_picks(PickTable.of_points("a", [[5, 5]]), tmp_path / "file" / "a.star")
