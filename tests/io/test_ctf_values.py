"""CTF values that other programs estimated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.io.ctf_values import read_ctf_values
from napari_cryoai.io.micrograph_ctf import write_micrograph_ctf

HEAD = """\
# Output from CTFFind version 4.1.14, run on 2026-02-02 15:13:07
# Input file: Movies/{name} ; Number of micrographs: {n}
# Pixel size: 1.060 Angstroms ; acceleration voltage: 200.0 keV ; spherical aberration: 2.26 mm ; \
amplitude contrast: 0.07
# Box size: 512 pixels ; min. res.: 30.0 Angstroms ; max. res.: 5.0 Angstroms ; min. def.: 5000.0 \
um; max. def. 50000.0 um
# Columns: #1 - micrograph number; #2 - defocus 1 [Angstroms]; #3 - defocus 2; #4 - azimuth of \
astigmatism; #5 - additional phase shift [radians]; #6 - cross correlation; #7 - spacing (in \
Angstroms) up to which CTF rings were fit successfully
"""


def ctffind(path: Path, *rows: str, name: str = "m.mrc") -> Path:
    path.write_text(HEAD.format(name=name, n=len(rows)) + "".join(f"{row}\n" for row in rows))
    return path


def test_ctffind4(tmp_path: Path) -> None:
    path = ctffind(tmp_path / "m.txt", "1.000000 19982.5 19082.5 -41.5 1.570796 0.1656 3.98")
    (row,) = read_ctf_values(path)
    assert row.name == "m.mrc"
    assert (row.defocus_u_A, row.defocus_v_A, row.defocus_angle_deg) == (19982.5, 19082.5, -41.5)
    assert (row.voltage_kV, row.cs_mm, row.amplitude_contrast) == (200, 2.26, 0.07)
    assert row.phase_shift_deg == pytest.approx(90, abs=1e-4)
    assert (row.pixel_size_A, row.fit_score, row.fit_resolution_A) == (1.06, 0.1656, 3.98)


def test_ctffind4_without_rings_fits_to_the_coarsest_resolution(tmp_path: Path) -> None:
    path = ctffind(tmp_path / "m.txt", "1.000000 9982.5 9082.5 1.5 0 0.0156 inf")
    assert read_ctf_values(path)[0].fit_resolution_A == 30


def test_ctffind4_of_a_stack_has_a_row_for_each_image(tmp_path: Path) -> None:
    values = "9982.5 9082.5 1.5 0 0.0156 4.0"
    path = ctffind(tmp_path / "s.txt", f"1.0 {values}", f"2.0 {values}", name="s.mrcs")
    assert [row.name for row in read_ctf_values(path)] == ["000001@s.mrcs", "000002@s.mrcs"]


def test_a_folder_of_ctffind4_is_one_set(tmp_path: Path) -> None:
    for i in range(3):
        values = f"1.0 {10000 + i} 9000 0 0 0.1 4.0"
        ctffind(tmp_path / f"m{i}.txt", values, name=f"m{i}.mrc")
        (tmp_path / f"m{i}_avrot.txt").write_text("# Output from CTFFind version 4.1.14\n1 2 3\n")
    (tmp_path / "notes.txt").write_text("nothing of interest\n")
    assert [row.defocus_u_A for row in read_ctf_values(tmp_path)] == [10000, 10001, 10002]


def test_relion(tmp_path: Path) -> None:
    row = MicrographCtf("m.mrc", 2e4, 1.9e4, 30.0, 300.0, 2.7, 0.1, 1.06, 0.0, 0.12, 4.5)
    write_micrograph_ctf(tmp_path / "micrographs_ctf.star", [row])
    assert read_ctf_values(tmp_path / "micrographs_ctf.star") == [row]


def exposures(path: Path, **changes: object) -> Path:
    values = {
        "uid": ("<u8", 1),
        "micrograph_blob/path": ("S20", b"J3/motion/m.mrc"),
        "micrograph_blob/psize_A": ("<f4", 1.06),
        "ctf/accel_kv": ("<f4", 300),
        "ctf/cs_mm": ("<f4", 2.7),
        "ctf/amp_contrast": ("<f4", 0.1),
        "ctf/df1_A": ("<f4", 15301.0),
        "ctf/df2_A": ("<f4", 14916.0),
        "ctf/df_angle_rad": ("<f4", 0.09215339),
        "ctf/phase_shift_rad": ("<f4", 0),
        "ctf_stats/ctf_fit_to_A": ("<f4", 3.5),
        **changes,
    }
    values = {field: value for field, value in values.items() if value is not None}
    table = np.zeros(1, [(field, kind) for field, (kind, _) in values.items()])
    table[0] = tuple(value for _, value in values.values())
    with path.open("wb") as file:
        np.save(file, table)
    return path


def test_cryosparc_has_relions_angle_in_radians(tmp_path: Path) -> None:
    # 0.09215339 rad in a .cs file is 5.28 degrees in the .star file that it was imported from.
    (row,) = read_ctf_values(exposures(tmp_path / "e.cs"))
    assert row.name == "J3/motion/m.mrc"
    assert row.defocus_angle_deg == pytest.approx(5.28, abs=1e-4)
    assert (row.defocus_u_A, row.defocus_v_A, row.fit_resolution_A) == (15301, 14916, 3.5)
    assert np.isnan(row.fit_score)


def test_particles_of_cryosparc_are_not_exposures(tmp_path: Path) -> None:
    path = exposures(tmp_path / "p.cs", **{"micrograph_blob/path": None})
    with pytest.raises(CryoAIError, match="micrograph_blob/path is missing"):
        read_ctf_values(path)


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (["1.0 9000 8000 0 0 0.1"], "6 values instead of 7"),
        (["1.0 9000 eight 0 0 0.1 4"], "'eight' is no number"),
        (["1.0 nan 8000 0 0 0.1 4"], "not usable"),
    ],
)
def test_damaged_ctffind4_is_refused(tmp_path: Path, rows: list[str], problem: str) -> None:
    with pytest.raises(CryoAIError, match=problem):
        read_ctf_values(ctffind(tmp_path / "m.txt", *rows))


def test_ctffind4_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = ctffind(tmp_path / "m.txt", "1.0 9000 8000 0 0 0.1 4")
    path.write_text(path.read_text().rpartition("1.0")[0])
    with pytest.raises(CryoAIError, match="0 lines of values for 1 micrographs"):
        read_ctf_values(path)
    path.write_text("\n".join(path.read_text().splitlines()[:2]))
    with pytest.raises(CryoAIError, match="is missing in its head"):
        read_ctf_values(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    for path in (tmp_path / "a.txt", tmp_path, tmp_path / "none.star"):
        with pytest.raises(CryoAIError):
            read_ctf_values(path)
