"""CTF values of micrographs in STAR files."""

from __future__ import annotations

import numpy as np
import pytest
import starfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.io.micrograph_ctf import read_micrograph_ctf, write_micrograph_ctf


def number(low, high):
    return st.floats(low, high).map(lambda x: round(x, 6))


rows = st.builds(
    MicrographCtf,
    name=st.text("abc_/ #0'", min_size=1, max_size=8).filter(lambda s: s.strip() == s),
    defocus_u_A=number(1000, 60000),
    defocus_v_A=number(1000, 60000),
    defocus_angle_deg=number(-180, 180),
    voltage_kV=st.sampled_from([120.0, 200.0, 300.0]),
    cs_mm=st.sampled_from([0.01, 2.7]),
    amplitude_contrast=number(0, 1),
    pixel_size_A=number(0.3, 20),
    phase_shift_deg=number(0, 180),
    fit_score=number(0.001, 1),
    fit_resolution_A=number(2, 50),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(rows, min_size=1, max_size=5))
def test_what_is_written_is_read_again(tmp_path, values):
    write_micrograph_ctf(tmp_path / "ctf.star", values)
    assert read_micrograph_ctf(tmp_path / "ctf.star") == values


def usual(name="a.mrc", **values):
    return MicrographCtf(name, *(15000, 14000, 30, 300, 2.7, 0.1, 1.5), **values)


def test_another_reader_finds_the_columns_relion_needs(tmp_path):
    write_micrograph_ctf(tmp_path / "ctf.star", [usual(), usual("b.mrc")])
    blocks = starfile.read(tmp_path / "ctf.star", always_dict=True)
    assert list(blocks) == ["optics", "micrographs"]
    assert len(blocks["optics"]) == 1
    assert blocks["optics"]["rlnVoltage"][0] == 300
    assert blocks["micrographs"]["rlnDefocusV"].tolist() == [14000, 14000]


def test_a_fit_nobody_judged_has_no_score(tmp_path):
    write_micrograph_ctf(tmp_path / "ctf.star", [usual()])
    (row,) = read_micrograph_ctf(tmp_path / "ctf.star")
    assert np.isnan(row.fit_score)
    assert np.isnan(row.fit_resolution_A)


def test_relion_3_0_has_everything_in_one_table(tmp_path):
    path = tmp_path / "old.star"
    path.write_text(
        "data_\nloop_\n_rlnMicrographName\n_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\n"
        "_rlnVoltage\n_rlnSphericalAberration\n_rlnAmplitudeContrast\n_rlnMagnification\n"
        "_rlnDetectorPixelSize\na.mrc 15000 14000 30 300 2.7 0.1 50000 7.5\n"
    )
    assert read_micrograph_ctf(path)[0].pixel_size_A == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("_rlnDefocusV ", "_rlnOther ", "no CTF values"),
        ("_rlnVoltage ", "_rlnOther ", "rlnVoltage"),
        ("15000.000000", "nan", "defocus_u_A"),
        ("15000.000000", "often", "is not a number"),
        ("a.mrc 1", "a.mrc 7", "optics group '7'"),
    ],
)
def test_broken_files_are_told_about(tmp_path, old, new, problem):
    path = tmp_path / "ctf.star"
    write_micrograph_ctf(path, [usual()])
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(CryoAIError, match=problem) as caught:
        read_micrograph_ctf(path)
    assert caught.value.path == path
