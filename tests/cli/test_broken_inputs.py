"""What users give by mistake to extract, fsc, evaluate map, ctf and simulate: a line that helps."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from napari_cryoai.cli import main
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.maps import write_map
from napari_cryoai.io.micrograph_ctf import write_micrograph_ctf
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.picks import write_picks

Simulated = tuple[Path, PickTable]
Case = Callable[[Path], list[object]]

ATOM = "ATOM      1  CA  ALA A{:4d}    {:8.3f}   0.000   0.000  1.00 50.00           C\n"


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def check_refused(done: Result, says: str, output: Path) -> None:
    """One readable message, and no file that could be taken for a result."""
    assert done.exit_code == 2, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "Traceback" not in done.output and "Warning:" not in done.output
    errors = [line for line in done.stderr.splitlines() if "Error:" in line]
    assert errors and says in errors[-1]
    results = [*output.rglob("*.star"), *output.rglob("*.mrc*"), *output.rglob("job.json")]
    assert not results


@pytest.fixture
def folder(simulated: Simulated, tmp_path: Path) -> Path:
    """Picks, their CTF and the micrographs, side by side."""
    source, truth = simulated
    for file in source.glob("*.mrc"):
        shutil.copy(file, tmp_path)
    micrographs, _ = open_micrographs([source])
    write_picks(truth, tmp_path / "picks.star", micrographs=micrographs)
    write_ctf(tmp_path, "m0.mrc", "m1.mrc", "m2.mrc")
    return tmp_path


def write_ctf(folder: Path, *names: str, pixel_size_A: float = 2.0) -> Path:
    rows = [MicrographCtf(name, 15e3, 14e3, 30, 300, 2.7, 0.1, pixel_size_A) for name in names]
    write_micrograph_ctf(folder / "ctf.star", rows)
    return folder / "ctf.star"


def moved_picks(folder: Path, truth: PickTable, by_px: float) -> Path:
    path = folder / "moved.star"
    micrographs, _ = open_micrographs([folder])
    write_picks(replace(truth, yx_px=truth.yx_px + by_px), path, micrographs=micrographs)
    return path


EXTRACT: dict[str, tuple[Callable[[Path, PickTable], dict[str, object]], str]] = {
    "no micrographs": (lambda f, _: {"--micrographs": f / "empty"}, "empty"),
    "missing micrographs": (lambda f, _: {"PICKS": alone(f)}, "--micrographs"),
    "ctf of others": (lambda f, _: {"--ctf": write_ctf(f, "other.mrc")}, "CTF"),
    "ctf of other pixels": (
        lambda f, _: {"--ctf": write_ctf(f, "m0.mrc", "m1.mrc", "m2.mrc", pixel_size_A=1.0)},
        "estimated with 1 A",
    ),
    "ctf that is no ctf": (lambda f, _: {"--ctf": f / "m0.mrc"}, "m0.mrc"),
    "huge box": (lambda f, _: {"--box-size-px": 2048}, "smaller box"),
    "picks outside": (lambda f, t: {"PICKS": moved_picks(f, t, 9000)}, "beyond their micrographs"),
    "no picks": (lambda f, t: {"PICKS": no_picks(f, t)}, "no picks"),
    "finer than recorded": (lambda f, _: {"--pixel-size-A": 0.5}, "finer"),
    "images instead of picks": (lambda f, _: {"PICKS": f / "m0.mrc"}, "m0.mrc"),
    "linked from elsewhere": (lambda f, _: {"PICKS": linked(f)}, "--micrographs"),
    "no box size": (lambda f, _: {"--box-size-px": None}, "--box-size-px"),
    "output is a file": (lambda f, _: {"--output": f / "picks.star"}, "cannot be written"),
    "circle beyond the box": (lambda f, _: {"--background-diameter-A": 4000}, "smaller circle"),
}


def alone(folder: Path) -> Path:
    (folder / "alone").mkdir()
    for i in range(3):
        (folder / f"m{i}.mrc").rename(folder / "alone" / f"x{i}.mrc")
    return folder / "picks.star"


def linked(folder: Path) -> Path:
    """As on many clusters: the micrographs lie on another disk."""
    (folder / "project").mkdir()
    for i in range(3):
        (folder / "project" / f"m{i}.mrc").symlink_to(folder / f"m{i}.mrc")
    return (folder / "picks.star").rename(folder / "project" / "picks.star")


def no_picks(folder: Path, truth: PickTable) -> Path:
    path = folder / "none.star"
    micrographs, _ = open_micrographs([folder])
    write_picks(truth.select(np.zeros(len(truth), bool)), path, micrographs=micrographs)
    return path


@pytest.mark.parametrize("case", EXTRACT)
def test_extract(folder: Path, simulated: Simulated, case: str) -> None:
    change, says = EXTRACT[case]
    words: dict[str, object] = {
        "PICKS": folder / "picks.star",
        "--ctf": folder / "ctf.star",
        "--box-size-px": 48,
        "--output": folder / "out",
        "--workers": 1,
    } | change(folder, simulated[1])
    picks = words.pop("PICKS")
    options = [item for pair in words.items() if pair[1] is not None for item in pair]
    check_refused(run("extract", picks, *options), says, folder / "out")


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("maps")
    noise = np.random.default_rng(0).normal(size=(2, 24, 24, 24)).astype(np.float32)
    write_map(folder / "a.mrc", DensityMap(noise[0], 2.0))
    write_map(folder / "b.mrc", DensityMap(noise[1], 2.0))
    write_map(folder / "small.mrc", DensityMap(noise[0, 4:, 4:, 4:], 2.0))
    write_map(folder / "coarse.mrc", DensityMap(noise[0], 3.0))
    write_map(folder / "flat.mrc", DensityMap(np.ones_like(noise[0]), 2.0))
    write_map(folder / "zero.mrc", DensityMap(np.zeros_like(noise[0]), 2.0))
    write_mrc(folder / "nan.mrc", np.full((24, 24, 24), np.nan, np.float32), 2.0)
    write_mrc(folder / "image.mrc", noise[0, 0], 2.0)
    write_mrc(folder / "stack.mrcs", noise[0], 2.0)
    (folder / "text.mrc").write_text("no map at all\n" * 200)
    return folder


@pytest.mark.parametrize("command", ["fsc", "evaluate map"])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("small", "boxes of the maps differ"),
        ("coarse", "voxel sizes"),
        ("flat", "same value everywhere"),
        ("zero", "same value everywhere"),
        ("nan", "no finite voxel"),
        ("image", "one image"),
        ("stack.mrcs", "stack"),
        ("text", "text.mrc"),
        ("missing", "no such file"),
    ],
)
def test_maps_that_cannot_be_compared(
    maps: Path, tmp_path: Path, command: str, name: str, says: str
) -> None:
    other = maps / (name if "." in name else f"{name}.mrc")
    if command == "fsc":
        done = run("fsc", maps / "a.mrc", other, "--output", tmp_path / "out")
    else:
        done = run("evaluate", "map", other, "--reference", maps / "a.mrc")
    check_refused(done, says, tmp_path / "out")
    assert other.name in done.stderr or "a.mrc" in done.stderr


@pytest.mark.parametrize("command", ["fsc", "evaluate map"])
@pytest.mark.parametrize(("mask", "says"), [("zero", "zero.mrc"), ("small", "boxes of the maps")])
def test_masks_that_hold_nothing(maps: Path, command: str, mask: str, says: str) -> None:
    words = {
        "fsc": ["fsc", maps / "a.mrc", maps / "b.mrc"],
        "evaluate map": ["evaluate", "map", maps / "a.mrc", "--reference", maps / "b.mrc"],
    }
    check_refused(run(*words[command], "--mask", maps / f"{mask}.mrc"), says, maps / "out")


def noise_image(folder: Path, side: int) -> Path:
    image = np.random.default_rng(1).normal(size=(side, side)).astype(np.float32)
    write_mrc(folder / "noise.mrc", image, 2.0)
    return folder / "noise.mrc"


def blank_image(folder: Path, value: float) -> Path:
    write_mrc(folder / "blank.mrc", np.full((512, 512), value, np.float32), 2.0)
    return folder / "blank.mrc"


CTF: dict[str, tuple[Case, str]] = {
    "blank": (lambda f: [blank_image(f, 3.0)], "blank.mrc"),
    "nan": (lambda f: [blank_image(f, np.nan)], "blank.mrc"),
    "tiny": (lambda f: [noise_image(f, 64)], "noise.mrc"),
    "one pixel": (lambda f: [noise_image(f, 1)], "noise.mrc"),
    "no voltage": (lambda f: [noise_image(f, 512), "--voltage-kV", 0], "--voltage-kV"),
    "volts": (lambda f: [noise_image(f, 512), "--voltage-kV", 300_000], "--voltage-kV"),
    "contrast": (lambda f: [noise_image(f, 512), "--amplitude-contrast", 7], "amplitude"),
    "aberration": (lambda f: [noise_image(f, 512), "--cs-mm", -1], "--cs-mm"),
    "ranges": (
        lambda f: [noise_image(f, 512), "--low-resolution-A", 5, "--high-resolution-A", 20],
        "nothing to fit",
    ),
    "defocus": (lambda f: [noise_image(f, 512), "--min-defocus-A", 60_000], "--min-defocus-A"),
    "coarse pixels": (lambda f: [noise_image(f, 512), "--pixel-size-A", 20], "noise.mrc"),
    "nothing there": (lambda f: [f / "missing.mrc"], "missing.mrc"),
    "output is a file": (
        lambda f: [noise_image(f, 512), "--output", f / "noise.mrc"],
        "cannot be written",
    ),
}


@pytest.mark.parametrize("case", CTF)
def test_ctf(tmp_path: Path, case: str) -> None:
    make, says = CTF[case]
    done = run("ctf", "--output", tmp_path / "out", "--workers", 1, *make(tmp_path))
    check_refused(done, says, tmp_path / "out")


def test_noise_without_rings_is_told(tmp_path: Path) -> None:
    done = run("ctf", noise_image(tmp_path, 512), "--output", tmp_path / "out", "--workers", 1)
    assert done.exit_code == 0
    assert "no rings were found on 1 of 1 (noise.mrc)" in done.stderr


def atoms(folder: Path, text: str, name: str = "a.pdb") -> Path:
    (folder / name).write_text(text)
    return folder / name


def two_atoms(folder: Path) -> Path:
    return atoms(folder, ATOM.format(1, 0.0) + ATOM.format(2, 200.0) + "END\n")


SIMULATE: dict[str, tuple[Case, str]] = {
    "no atoms": (lambda f: ["particles", atoms(f, "REMARK nothing\nEND\n")], "a.pdb"),
    "no structure": (lambda f: ["particles", f / "missing.pdb"], "missing.pdb"),
    "a picture": (lambda f: ["particles", atoms(f, "not a structure", "a.png")], "a.png"),
    "nan": (lambda f: ["particles", atoms(f, ATOM.format(1, np.nan))], "a.pdb"),
    "box": (lambda f: ["particles", two_atoms(f), "--box-size-px", 32], "--box-size-px"),
    "text": (lambda f: ["particles", two_atoms(f), "--snr", "uniform 1"], "uniform 1"),
    "swapped": (lambda f: ["particles", two_atoms(f), "--snr", "uniform 2 1"], "uniform 2 1"),
    "negative snr": (lambda f: ["particles", two_atoms(f), "--snr", -1], "--snr"),
    "no snr": (lambda f: ["particles", two_atoms(f), "--snr", "normal 0 1"], "--snr"),
    "no images": (lambda f: ["particles", two_atoms(f), "--count", 0], "--count"),
    "pixels": (lambda f: ["particles", two_atoms(f), "--pixel-size-A", 0], "--pixel-size-A"),
    "particles": (lambda f: ["micrographs", two_atoms(f), "--particles", "many"], "many"),
    "small micrograph": (lambda f: ["micrographs", two_atoms(f), "--side-px", 64], "--side-px"),
    "defocus": (lambda f: ["micrographs", two_atoms(f), "--defocus-A", "a b c"], "a b c"),
    "resolution": (lambda f: ["half-maps", two_atoms(f), "--resolution-A", "low"], "low"),
    "beyond nyquist": (lambda f: ["half-maps", two_atoms(f), "--resolution-A", 0], "--resolution"),
    "half-map box": (lambda f: ["half-maps", two_atoms(f), "--box-size-px", 32], "--box-size-px"),
    "output is a file": (
        lambda f: ["particles", two_atoms(f), "--output", f / "a.pdb"],
        "cannot be written",
    ),
}


@pytest.mark.parametrize("case", SIMULATE)
def test_simulate(tmp_path: Path, case: str) -> None:
    make, says = SIMULATE[case]
    what, *words = make(tmp_path)
    done = run("simulate", what, "--output", tmp_path / "out", "--count", 2, *words)
    check_refused(done, says, tmp_path / "out")
