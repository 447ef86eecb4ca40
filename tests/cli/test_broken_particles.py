"""`cryoai reconstruct` on particles that are broken: a message that helps, and never a map."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from napari_cryoai.cli import main
from napari_cryoai.io.maps import read_map
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.physics.fsc import fsc

Files = Any
"""Particles on their way to disk; see `conftest.py`."""

COUNT, PIXEL_A = 40, 3.0
MAPS = ("half1.mrc", "half2.mrc", "map.mrc", "map_sharpened.mrc", "mask.mrc", "fsc.csv", "job.json")


@pytest.fixture(scope="session")
def whole(simulated_particles: Any, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return simulated_particles(tmp_path_factory.mktemp("whole"), 24, COUNT, 0.5)[0]


@pytest.fixture
def files(whole: Files, tmp_path: Path) -> Files:
    return replace(deepcopy(whole), folder=tmp_path / "in")


def reconstruct(files: Files, output: Path, *more: object) -> Result:
    words = ["reconstruct", files.path, "--output", output, "--device", "cpu", *files.options]
    return CliRunner().invoke(main, [str(word) for word in (*words, *more)])


Breaking = Callable[[Files], object]
BEFORE: dict[str, tuple[Breaking, str]] = {}
AFTER: dict[str, tuple[Breaking, str]] = {}


def broken(cases: dict[str, tuple[Breaking, str]], says: str) -> Callable[[Breaking], Breaking]:
    def add(function: Breaking) -> Breaking:
        cases[function.__name__] = function, says
        return function

    return add


@broken(BEFORE, "poses")
def no_poses(files: Files) -> None:
    for label in ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"):
        del files.columns[label]


@broken(BEFORE, "poses")
def half_the_angles(files: Files) -> None:
    del files.columns["rlnAnglePsi"]


@broken(BEFORE, "row 3 ")
def a_pose_of_nan(files: Files) -> None:
    files.columns["rlnAngleTilt"][2] = "nan"


@broken(BEFORE, "row 5 ")
def a_pose_of_infinity(files: Files) -> None:
    files.columns["rlnAngleRot"][4] = "inf"


@broken(BEFORE, "'north' in row 2")
def a_pose_in_words(files: Files) -> None:
    files.columns["rlnAnglePsi"][1] = "north"


@broken(BEFORE, "row 7 ")
def a_shift_of_nan(files: Files) -> None:
    files.columns["rlnOriginXAngst"][6] = "nan"


@broken(BEFORE, "row 4 ")
def a_shift_out_of_the_box(files: Files) -> None:
    files.columns["rlnOriginYAngst"][3] = 4000


@broken(BEFORE, "no CTF")
def no_ctf(files: Files) -> None:
    for label in ("rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle"):
        del files.columns[label]


@broken(BEFORE, "particle 9 ")
def a_defocus_of_nan(files: Files) -> None:
    files.columns["rlnDefocusU"][8] = "nan"


@broken(BEFORE, "voltage")
def no_optics_columns(files: Files) -> None:
    for label in ("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast"):
        del files.optics[label]


@broken(BEFORE, "voltage")
def no_optics_table(files: Files) -> None:
    files.optics.clear()


@broken(BEFORE, "voltage")
def no_voltage(files: Files) -> None:
    files.optics["rlnVoltage"] = [0]


@broken(BEFORE, "voltage")
def a_voltage_in_volts(files: Files) -> None:
    files.optics["rlnVoltage"] = [300_000]


@broken(BEFORE, "amplitude contrast")
def more_contrast_than_there_is(files: Files) -> None:
    files.optics["rlnAmplitudeContrast"] = [10]


@broken(BEFORE, "optics group '2'")
def a_group_that_is_not_described(files: Files) -> None:
    files.columns["rlnOpticsGroup"][5] = 2


@broken(BEFORE, "no particles")
def an_empty_table(files: Files) -> None:
    files.columns = {label: [] for label in files.columns}


@broken(BEFORE, "_rlnImageName")
def micrographs_instead_of_particles(files: Files) -> None:
    del files.columns["rlnImageName"]
    files.block = "micrographs"


@broken(BEFORE, "pixel size")
def a_negative_pixel_size(files: Files) -> None:
    files.optics["rlnImagePixelSize"] = [-3]


@broken(BEFORE, "pixel size")
def a_pixel_size_of_zero(files: Files) -> None:
    files.optics["rlnImagePixelSize"] = [0]


@broken(BEFORE, "header")
def a_pixel_size_that_the_header_contradicts(files: Files) -> None:
    files.optics["rlnImagePixelSize"] = [1.5]


@broken(BEFORE, "several pixel sizes")
def several_pixel_sizes(files: Files) -> None:
    files.optics = {label: values * 2 for label, values in files.optics.items()}
    files.optics["rlnOpticsGroup"] = [1, 2]
    files.optics["rlnImagePixelSize"] = [3.0, 3.1]
    files.columns["rlnOpticsGroup"][COUNT // 2 :] = [2] * (COUNT // 2)


@broken(BEFORE, "64 pixels wide")
def a_box_size_that_the_stack_contradicts(files: Files) -> None:
    files.optics["rlnImageSize"] = [64]


@broken(BEFORE, "square")
def images_that_are_not_square(files: Files) -> None:
    files.images = files.images[:, :20]


@broken(BEFORE, "not finite")
def an_image_of_nan(files: Files) -> None:
    files.images[11] = np.nan


@broken(BEFORE, "not finite")
def one_infinite_pixel(files: Files) -> None:
    files.images[12, 3, 3] = np.inf


@broken(BEFORE, "same value everywhere")
def images_of_nothing(files: Files) -> None:
    files.images[:] = 0


@broken(BEFORE, "holds 30 ")
def a_stack_that_is_shorter_than_the_table(files: Files) -> None:
    files.images = files.images[:30]


@broken(BEFORE, "counted from 1")
def image_number_zero(files: Files) -> None:
    files.columns["rlnImageName"][0] = "000000@particles.mrcs"


@broken(BEFORE, "row 6")
def a_stack_that_is_missing(files: Files) -> None:
    files.columns["rlnImageName"][5] = "000006@elsewhere.mrcs"


@broken(BEFORE, "outside its project")
def a_path_that_climbs_out(files: Files) -> None:
    files.columns["rlnImageName"][0] = "000001@../../../../etc/particles.mrcs"


@broken(BEFORE, "outside its project")
def an_absolute_path(files: Files) -> None:
    files.columns["rlnImageName"][0] = "000001@/dev/zero"


@broken(BEFORE, "several box sizes")
def several_box_sizes(files: Files) -> None:
    files.folder.mkdir(exist_ok=True)
    write_mrc(files.folder / "small.mrcs", files.images[:, :20, :20], PIXEL_A)
    files.columns["rlnImageName"][1] = "000002@small.mrcs"


@broken(BEFORE, "8 pixels")
def a_box_of_one_pixel(files: Files) -> None:
    files.images = files.images[:, :1, :1]
    files.optics["rlnImageSize"] = [1]


@broken(BEFORE, "row 3 ")
def a_third_half(files: Files) -> None:
    files.columns["rlnRandomSubset"][2] = 3


@broken(BEFORE, "empty")
def all_in_one_half(files: Files) -> None:
    files.columns["rlnRandomSubset"] = [1] * COUNT


@broken(BEFORE, "empty")
def one_particle(files: Files) -> None:
    files.columns = {label: values[:1] for label, values in files.columns.items()}


@broken(BEFORE, "no point group")
def a_symmetry_that_is_none(files: Files) -> None:
    files.options = ["--symmetry", "Q7"]


@broken(BEFORE, "no point group")
def a_symmetry_with_mirrors(files: Files) -> None:
    files.options = ["--symmetry", "C3v"]


@broken(BEFORE, "no device")
def a_device_that_is_none(files: Files) -> None:
    files.options = ["--device", "toaster"]


@broken(BEFORE, "--oversampling")
def too_much_oversampling(files: Files) -> None:
    files.options = ["--oversampling", 9]


@broken(AFTER, "no such file")
def no_table(files: Files) -> None:
    files.path.unlink()


@broken(AFTER, "is empty")
def an_empty_file(files: Files) -> None:
    files.path.write_bytes(b"")


@broken(AFTER, "not a text file")
def a_table_of_bytes(files: Files) -> None:
    files.path.write_bytes(files.stack.read_bytes())


@broken(AFTER, "particles.star")
def half_a_row(files: Files) -> None:
    text = files.path.read_text().rstrip()
    files.path.write_text(text[: len(text) - 40])


@broken(AFTER, "0 x 24 x 40 pixels")
def images_of_no_size(files: Files) -> None:
    raw = bytearray(files.stack.read_bytes())
    raw[0:4] = bytes(4)
    files.stack.write_bytes(raw)


@broken(AFTER, "particles.mrcs")
def a_stack_that_was_cut_off(files: Files) -> None:
    os.truncate(files.stack, files.stack.stat().st_size // 2)


@broken(AFTER, "particles.mrcs")
def text_instead_of_images(files: Files) -> None:
    files.stack.write_text("this is no image\n" * 200)


@broken(AFTER, "is a folder")
def a_folder_instead_of_a_file(files: Files) -> None:
    files.name = "."


@broken(AFTER, "cannot be written")
def an_output_that_is_a_file(files: Files) -> None:
    (files.folder / "taken").write_text("")
    files.options = ["--output", files.folder / "taken"]


@broken(AFTER, "cannot be written")
def an_output_below_a_file(files: Files) -> None:
    (files.folder / "taken").write_text("")
    files.options = ["--output", files.folder / "taken" / "run"]


@broken(AFTER, "not usable")
def a_pose_of_nan_in_cs(files: Files) -> None:
    as_cs(files, pose=np.full((COUNT, 3), np.nan, np.float32))


@broken(AFTER, "alignments3D/pose")
def poses_of_four_numbers_in_cs(files: Files) -> None:
    as_cs(files, pose=np.zeros((COUNT, 4), np.float32))


@broken(AFTER, "row 2 ")
def a_third_half_in_cs(files: Files) -> None:
    as_cs(files, split=np.where(np.arange(COUNT) == 1, 7, 0).astype(np.uint32))


def as_cs(files: Files, **changed: np.ndarray) -> None:
    """The same particles as cryoSPARC would have them, seen along z."""
    box = files.images.shape[-1]
    fields = {
        "blob/path": np.full(COUNT, b"particles.mrcs"),
        "blob/idx": np.arange(COUNT, dtype=np.uint32),
        "blob/shape": np.full((COUNT, 2), box, np.uint32),
        "blob/psize_A": np.full(COUNT, PIXEL_A, np.float32),
        "ctf/df1_A": np.full(COUNT, 1e4, np.float32),
        "ctf/df2_A": np.full(COUNT, 1e4, np.float32),
        "ctf/df_angle_rad": np.zeros(COUNT, np.float32),
        "ctf/accel_kv": np.full(COUNT, 300, np.float32),
        "ctf/cs_mm": np.full(COUNT, 2.7, np.float32),
        "ctf/amp_contrast": np.full(COUNT, 0.1, np.float32),
        "alignments3D/pose": changed.get("pose", np.zeros((COUNT, 3), np.float32)),
        "alignments3D/split": changed.get("split", (np.arange(COUNT) % 2).astype(np.uint32)),
    }
    table = np.empty(COUNT, [(k, v.dtype, v.shape[1:]) for k, v in fields.items()])
    for name, values in fields.items():
        table[name] = values
    files.name = "particles.cs"
    with files.path.open("wb") as file:
        np.save(file, table, allow_pickle=False)


def check_refused(done: Result, output: Path, says: str) -> None:
    """One message for people, and nothing that could be taken for a result."""
    assert done.exit_code == 2, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert says in done.stderr
    assert "Traceback" not in done.output
    message = [line for line in done.stderr.splitlines() if "Error: " in line]
    assert len(message) == 1
    assert message[0].rstrip().endswith(".") and message[0].count(". ") >= 1  # and a remedy
    left = [name for name in MAPS if (output / name).exists()]
    assert not left


@pytest.mark.parametrize("case", [*BEFORE, *AFTER])
def test_broken_input_ends_in_a_message_and_no_map(files: Files, tmp_path: Path, case: str) -> None:
    for cases in (BEFORE, AFTER):
        if cases is AFTER:
            files.write()
        if case in cases:
            cases[case][0](files)
    done = reconstruct(files, tmp_path / "out")
    check_refused(done, tmp_path / "out", (BEFORE | AFTER)[case][1])


def test_whole_particles_give_a_map(files: Files, tmp_path: Path) -> None:
    """What is broken above is not broken from the start."""
    files.write()
    assert reconstruct(files, tmp_path / "star").exit_code == 0
    as_cs(files)
    assert reconstruct(files, tmp_path / "cs").exit_code == 0
    for name in ("star", "cs"):
        assert read_map(tmp_path / name / "map.mrc").data.std() > 0


def test_the_error_comes_as_json_too(files: Files, tmp_path: Path) -> None:
    no_poses(files)
    files.write()
    done = reconstruct(files, tmp_path / "out", "--json")
    error = json.loads(done.stdout.splitlines()[-1])["error"]
    assert done.exit_code == 2
    assert error["path"] == str(files.path)
    assert "poses" in error["problem"] and error["remedy"]


def test_a_failed_run_leaves_the_maps_of_an_earlier_one(files: Files, tmp_path: Path) -> None:
    files.write()
    assert reconstruct(files, tmp_path / "out").exit_code == 0
    before = {name: (tmp_path / "out" / name).read_bytes() for name in ("map.mrc", "job.json")}
    files.columns["rlnAngleTilt"][0] = "nan"
    files.write()
    assert reconstruct(files, tmp_path / "out").exit_code == 2
    assert before == {name: (tmp_path / "out" / name).read_bytes() for name in before}


def test_other_pixels_of_an_earlier_run_that_was_cut_short_are_not_added_to(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_cryoai.reconstruction import output
    from napari_cryoai.reconstruction import reconstruct as job

    monkeypatch.setattr(output, "EVERY_S", 0.0)
    monkeypatch.setattr(job, "BATCH_BYTES", 4 * 24 * 24 * 5)
    files.images[-1] = np.nan  # the last batch fails, and the sums of the others are kept
    files.write()
    assert reconstruct(files, tmp_path / "out").exit_code == 2
    assert list((tmp_path / "out" / ".partial").glob("sums*"))
    again = reconstruct(files, tmp_path / "out")
    assert "30/40" in again.stderr and "\n0/40" not in "\n" + again.stderr
    other = reconstruct(files, tmp_path / "out", "--pixel-size-A", 2)
    assert "0/40 " in other.stderr


def truth_fsc(simulated_particles: Any, folder: Path, n: int) -> torch.Tensor:
    files, truth = simulated_particles(folder / f"in{n}", n, 400, 1.0)
    files.write()
    done = reconstruct(files, folder / f"out{n}")
    assert done.exit_code == 0, done.output
    found = torch.from_numpy(read_map(folder / f"out{n}" / "half1.mrc").data.copy())
    assert found.shape == (n, n, n)
    return fsc(found, truth)


def test_odd_boxes_are_as_good_as_even_ones(simulated_particles: Any, tmp_path: Path) -> None:
    below, odd, above = (truth_fsc(simulated_particles, tmp_path, n) for n in (32, 33, 34))
    assert odd[1:8].min() > 0.9
    assert (odd[1:10] - (below[1:10] + above[1:10]) / 2).abs().max() < 0.03
