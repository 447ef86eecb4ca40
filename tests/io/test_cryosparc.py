"""cryoSPARC's tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import PickTable, concatenate
from napari_cryoai.io.cryosparc import read_cs
from napari_cryoai.io.picks import read_picks, write_picks

RNG = np.random.default_rng(0)
DTYPE = np.dtype(
    [
        ("uid", "<u8"),
        ("location/micrograph_uid", "<u8"),
        ("location/exp_group_id", "<u4"),
        ("location/micrograph_path", "S64"),
        ("location/micrograph_shape", "<u4", (2,)),
        ("location/center_x_frac", "<f4"),
        ("location/center_y_frac", "<f4"),
        ("pick_stats/ncc_score", "<f4"),
        ("pick_stats/power", "<f4"),
        ("ctf/tetra_A", "<f4", (4,)),
    ]
)
UID = "008578565574161745010"


@pytest.fixture
def table():
    table = np.frombuffer(RNG.bytes(5 * DTYPE.itemsize), DTYPE).copy()
    table["location/micrograph_path"] = [
        f"J14/motioncorrected/{UID}_{name}.mrc".encode() for name in "aaabb"
    ]
    table["location/micrograph_uid"] = [7, 7, 7, 8, 8]
    table["location/micrograph_shape"] = 4092, 5760
    table["location/center_x_frac"] = [0.0, 0.25, 0.5, 0.1, 1.0]
    table["location/center_y_frac"] = [0.0, 0.25, 0.5, 0.9, 1.0]
    table["pick_stats/ncc_score"] = [0.1, 0.2, 0.3, np.nan, 0.5]
    return table


def save(path, table):
    with path.open("wb") as file:
        np.save(file, table)
    return path


def test_fractions_run_from_the_left_and_from_the_last_row_upwards(tmp_path, table):
    picks = read_picks(save(tmp_path / "p.cs", table))
    np.testing.assert_allclose(
        picks.yx_px,
        [[4092, 0], [3069, 1440], [2046, 2880], [409.2, 576], [0, 5760]],
        atol=1e-3,
    )


def test_the_21_digit_prefix_does_not_hide_the_micrograph(tmp_path, table, micrograph):
    mics = [micrograph("a.mrc", (4092, 5760)), micrograph("b.tif", (4092, 5760))]
    picks = read_picks(save(tmp_path / "p.cs", table), micrographs=mics)
    assert picks.counts() == {"a.mrc": 3, "b.tif": 2}


def test_a_round_trip_is_the_same_bit_for_bit(tmp_path, table):
    picks = read_picks(save(tmp_path / "p.cs", table))
    write_picks(picks, tmp_path / "q.cs")
    assert read_cs(tmp_path / "q.cs").tobytes() == table.tobytes()
    assert read_cs(tmp_path / "q.cs").dtype == DTYPE


def test_a_moved_pick_changes_its_fractions_alone(tmp_path, table):
    picks = read_picks(save(tmp_path / "p.cs", table))
    yx = picks.yx_px.copy()
    yx[2] = 1023, 1440
    write_picks(replace(picks, yx_px=yx), tmp_path / "q.cs")
    expected = table.copy()
    expected["location/center_x_frac"][2] = 0.25
    expected["location/center_y_frac"][2] = 0.75
    assert read_cs(tmp_path / "q.cs").tobytes() == expected.tobytes()


def test_an_added_pick_inherits_its_micrograph_and_has_an_id_of_its_own(tmp_path, table):
    picks = read_picks(save(tmp_path / "p.cs", table))
    added = PickTable.of_points(picks.names[1], [[100, 200], [300, 400]])
    write_picks(concatenate([picks, added]), tmp_path / "q.cs")
    back = read_cs(tmp_path / "q.cs")
    assert len(set(back["uid"])) == 7
    assert (back["location/micrograph_path"][5:] == table["location/micrograph_path"][3]).all()
    assert (back["location/micrograph_uid"][5:] == table["location/micrograph_uid"][3]).all()
    assert np.isnan(back["pick_stats/ncc_score"][5:]).all()
    np.testing.assert_allclose(read_picks(tmp_path / "q.cs").yx_px[5], [100, 200], atol=1e-3)


def test_picks_of_a_new_micrograph_with_a_longer_name_fit(tmp_path, table, micrograph):
    picks = read_picks(save(tmp_path / "p.cs", table))
    name = "x" * 100 + ".mrc"
    added = PickTable.of_points(name, [[100, 200]])
    write_picks(
        concatenate([picks, added]),
        tmp_path / "q.cs",
        micrographs=[micrograph(name, (4092, 5760))],
    )
    back = read_cs(tmp_path / "q.cs")
    assert back["location/micrograph_path"][-1] == name.encode()
    np.testing.assert_array_equal(back["ctf/tetra_A"][:5], table["ctf/tetra_A"])


def test_picks_from_elsewhere_need_the_size_of_the_micrograph(tmp_path, micrograph):
    picks = PickTable.of_points("a.mrc", [[100, 200]], score=0.5)
    with pytest.raises(CryoAIError, match="size of the micrograph"):
        write_picks(picks, tmp_path / "p.cs")
    write_picks(picks, tmp_path / "p.cs", micrographs=[micrograph("a.mrc", (1200, 1240))])
    back = read_picks(tmp_path / "p.cs")
    np.testing.assert_allclose(back.yx_px, picks.yx_px, atol=1e-3)
    assert back.score[0] == 0.5
    assert read_cs(tmp_path / "p.cs")["location/micrograph_shape"].tolist() == [[1200, 1240]]


def test_rows_of_files_with_different_fields_do_not_mix(tmp_path, table, micrograph):
    first = read_picks(save(tmp_path / "p.cs", table))
    fields = [(n, DTYPE[n].base, DTYPE[n].shape) for n in DTYPE.names if n != "uid"]
    other = np.zeros(1, [*fields, ("extra", "<u8")])
    for n, _, _ in fields:
        other[n] = table[n][:1]
    second = read_picks(save(tmp_path / "q.cs", other))
    write_picks(concatenate([first, second]), tmp_path / "r.cs")
    back = read_cs(tmp_path / "r.cs")
    assert back[:5].tobytes() == table.tobytes()
    np.testing.assert_allclose(read_picks(tmp_path / "r.cs").yx_px[5], first.yx_px[0], atol=1e-3)


def test_a_real_table_without_locations_says_where_they_are(data):
    with pytest.raises(CryoAIError, match="passthrough"):
        read_picks(data / "particles" / "cdrgn_empiar_10076_7.cs")
