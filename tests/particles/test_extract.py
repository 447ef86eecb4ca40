"""The extraction job: from picks to a stack and its table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.core.picks import PickTable, State, concatenate
from napari_cryoai.io.micrographs import open_micrograph
from napari_cryoai.io.mrc import read_mrc, write_mrc
from napari_cryoai.io.particle_stacks import read_particles
from napari_cryoai.io.picks import read_picks
from napari_cryoai.io.star import read_star
from napari_cryoai.jobs.progress import finish
from napari_cryoai.particles.extract import extract
from napari_cryoai.particles.extract_plan import ExtractParams

SHAPE = (200, 240)
RAW = ExtractParams(box_size_px=32, normalise=False, invert=False)
FILES = ("particles.mrcs", "particles.star")


@pytest.fixture
def micrographs(tmp_path: Path):
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"m{i}.mrc" for i in range(3)]
    for path in paths:
        write_mrc(path, rng.normal(100, 5, SHAPE).astype(np.float32), 1.5)
    return [open_micrograph(path) for path in paths]


def picks_on(micrographs, n=6, seed=1):
    rng = np.random.default_rng(seed)
    return concatenate(
        PickTable.of_points(m.name, rng.uniform(40, 160, (n, 2)), score=rng.uniform(size=n))
        for m in micrographs
    )


def ctf_of(micrographs):
    return {
        m.name: MicrographCtf(m.name, 15000 + 1000 * i, 14000, 30, 300, 2.7, 0.1, 1.5, 0, 0.2, 5.0)
        for i, m in enumerate(micrographs)
    }


def test_images_are_cut_where_the_rows_say(micrographs, tmp_path):
    picks = picks_on(micrographs)
    result = finish(extract(RAW, picks, micrographs, tmp_path / "out"))
    assert result.paths == [tmp_path / "out" / name for name in FILES]
    stack = read_particles(tmp_path / "out/particles.star")
    images = stack.images.read(np.arange(len(stack)))
    pixels = {m.name: m.read() for m in micrographs}
    assert len(stack) == 18
    for image, index, (y, x) in zip(images, stack.micrograph, stack.yx_px.astype(int), strict=True):
        assert np.array_equal(image, pixels[stack.names[index]][y - 16 : y + 16, x - 16 : x + 16])


def test_the_road_back_leads_to_the_pick_exactly(micrographs, tmp_path):
    picks = picks_on(micrographs)
    finish(extract(RAW, picks, micrographs, tmp_path / "out"))
    stack = read_particles(tmp_path / "out/particles.star")
    np.testing.assert_allclose(stack.yx_px + stack.shifts_yx_A / 1.5, picks.yx_px, atol=1e-5)
    assert np.abs(stack.shifts_yx_A).max() <= 0.75
    again = read_picks(tmp_path / "out/particles.star", micrographs=micrographs)
    np.testing.assert_allclose(again.yx_px, picks.yx_px, atol=1e-5)
    np.testing.assert_allclose(again.score, picks.score)
    assert again.names == picks.names


def test_every_row_has_the_ctf_of_its_micrograph(micrographs, tmp_path):
    ctf = ctf_of(micrographs)
    finish(extract(RAW, picks_on(micrographs), micrographs, tmp_path / "out", ctf=ctf))
    stack = read_particles(tmp_path / "out/particles.star")
    assert stack.require_ctf().defocus_u_A.tolist() == np.repeat([15e3, 16e3, 17e3], 6).tolist()
    assert set(stack.ctf.voltage_kV) == {300}
    assert not stack.ctf.phase_flipped.any()
    blocks = read_star(tmp_path / "out/particles.star")
    assert blocks["optics"]["rlnImagePixelSize"] == ("1.5",)
    assert set(blocks["particles"]["rlnCtfMaxResolution"]) == {"5.000000"}


def test_binning_gives_the_nearest_pixel_size_that_the_box_permits(micrographs, tmp_path):
    params = ExtractParams(box_size_px=32, pixel_size_A=3.1)
    result = finish(extract(params, picks_on(micrographs), micrographs, tmp_path / "out"))
    size_A = result.particles.require_pixel_size()
    assert size_A == pytest.approx(66 * 1.5 / 32)
    assert abs(size_A - 3.1) < 1.5 / 32
    assert read_particles(tmp_path / "out/particles.star").box_size_px == 32


def test_particles_are_bright_on_a_background_of_0_and_1(tmp_path):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    noise = np.random.default_rng(0).normal(500, 3, SHAPE)
    dark = noise - 30 * np.exp(-((y - 100) ** 2 + (x - 120) ** 2) / 50)
    write_mrc(tmp_path / "m.mrc", dark.astype(np.float32), 1.5)
    micrograph = open_micrograph(tmp_path / "m.mrc")
    picks = PickTable.of_points("m.mrc", [[100, 120]])
    result = finish(extract(ExtractParams(box_size_px=64), picks, [micrograph], tmp_path / "out"))
    (image,) = result.particles.images.read(np.array([0]))
    assert image[32, 32] > 6
    assert image[:5].std() == pytest.approx(1, abs=0.2)


def test_what_is_at_the_border_is_left_out_and_counted_or_padded(micrographs, tmp_path):
    picks = PickTable.of_points("m0.mrc", [[100, 100], [5, 100], [100, 239], [-50, 20]])
    params = ExtractParams(box_size_px=32)
    left_out = finish(extract(params, picks, micrographs, tmp_path / "a"))
    assert (len(left_out.particles), left_out.at_border) == (1, 3)
    padded = finish(
        extract(params.model_copy(update={"border": "pad"}), picks, micrographs, tmp_path / "b")
    )
    assert (len(padded.particles), padded.at_border) == (3, 1)


def test_rejected_picks_and_junk_are_left_out(micrographs, tmp_path):
    picks = picks_on(micrographs[:1])
    state = np.where(np.arange(6) == 2, State.REJECTED, State.KEPT).astype(np.uint8)
    picks = replace(picks, state=state, in_junk=np.arange(6) == 4)
    result = finish(extract(RAW, picks, micrographs, tmp_path / "out"))
    kept = [0, 1, 3, 5]
    np.testing.assert_allclose(result.particles.score, picks.score[kept])


def test_phases_are_flipped_to_the_contrast_of_low_frequencies(micrographs, tmp_path):
    params = ExtractParams(box_size_px=64, normalise=False, phase_flip=True, invert=False)
    picks, ctf = picks_on(micrographs[:1]), ctf_of(micrographs)
    raw = finish(
        extract(params.model_copy(update={"phase_flip": False}), picks, micrographs, tmp_path / "a")
    )
    flipped = finish(extract(params, picks, micrographs, tmp_path / "b", ctf=ctf))
    rows = np.arange(len(picks))
    a, b = (np.fft.rfft2(r.particles.images.read(rows))[0] for r in (raw, flipped))
    assert flipped.particles.ctf.phase_flipped.all()
    # The highest frequency stands for both its signs, which astigmatism treats differently.
    a, b = (np.delete(ft, 32, 0)[:, :-1] for ft in (a, b))
    np.testing.assert_allclose(np.abs(a), np.abs(b), rtol=1e-2, atol=0.5)
    ratio = (b / a).real.round(1)
    assert ratio[0, 0] == 1
    assert set(np.unique(ratio[1:, 1:])) == {-1, 1}
    with pytest.raises(CryoAIError, match="CTF"):
        finish(extract(params, picks, micrographs, tmp_path / "c"))


def test_half_precision_halves_the_file(micrographs, tmp_path):
    for dtype in ("float32", "float16"):
        params = ExtractParams(box_size_px=32, dtype=dtype)
        finish(extract(params, picks_on(micrographs), micrographs, tmp_path / dtype))
    single, half = (read_mrc(tmp_path / d / "particles.mrcs") for d in ("float32", "float16"))
    assert half.dtype == np.float16
    np.testing.assert_allclose(single, half, atol=4e-3)
    with pytest.raises(CryoAIError, match="float16"):
        params = ExtractParams(box_size_px=32, dtype="float16", normalise=False)
        finish(extract(params, picks_on(micrographs), micrographs, tmp_path / "x"))


def test_one_bad_micrograph_is_reported_and_the_others_go_on(micrographs, tmp_path):
    picks = picks_on(micrographs)
    micrographs[1].path.write_bytes(micrographs[1].path.read_bytes()[:5000])
    result = finish(extract(RAW, picks, micrographs, tmp_path / "out"))
    assert len(result.problems) == 1
    stack = read_particles(tmp_path / "out/particles.star")
    assert len(stack) == len(read_mrc(tmp_path / "out/particles.mrcs")) == 12
    y, x = stack.yx_px[-1].astype(int)
    expected = micrographs[2].read()[y - 16 : y + 16, x - 16 : x + 16]
    assert np.array_equal(stack.images.read(np.array([11]))[0], expected)


def test_micrographs_without_file_or_ctf_are_reported(micrographs, tmp_path):
    picks, ctf = picks_on(micrographs), ctf_of(micrographs)
    del ctf["m2.mrc"]
    result = finish(extract(RAW, picks, micrographs[1:], tmp_path / "out", ctf=ctf))
    assert len(result.particles) == 6
    assert [str(p).partition("'")[2][:6] for p in result.problems] == ["m0.mrc", "m2.mrc"]


def test_boxes_without_contrast_are_no_particles(tmp_path):
    pixels = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    pixels[:, :80] = 7
    write_mrc(tmp_path / "m.mrc", pixels, 1.5)
    picks = PickTable.of_points("m.mrc", [[100, 40], [100, 150], [60, 40], [60, 160]])
    result = finish(
        extract(
            ExtractParams(box_size_px=32),
            picks,
            [open_micrograph(tmp_path / "m.mrc")],
            tmp_path / "out",
        )
    )
    assert (len(result.particles), result.blank) == (2, 2)
    assert len(read_mrc(tmp_path / "out/particles.mrcs")) == 2
    np.testing.assert_allclose(result.particles.yx_px, [[100, 150], [60, 160]])


def test_a_job_that_was_stopped_goes_on_and_gives_the_same(micrographs, tmp_path):
    picks, params = picks_on(micrographs), ExtractParams(box_size_px=32)
    finish(extract(params, picks, micrographs, tmp_path / "whole"))
    job = extract(params, picks, micrographs, tmp_path / "parts")
    for _ in range(3):
        next(job)
    job.close()
    assert not any((tmp_path / "parts" / name).exists() for name in FILES)
    write_mrc(tmp_path / "other.mrc", np.zeros(SHAPE, np.float32), 1.5)
    done = {m.name for m in micrographs[:2]}
    unreadable = [
        replace(m, load=lambda: pytest.fail("it was read twice")) if m.name in done else m
        for m in micrographs
    ]
    finish(extract(params, picks, unreadable, tmp_path / "parts"))
    for name in FILES:
        whole = (tmp_path / "whole" / name).read_bytes().replace(b"whole", b"parts")
        assert whole == (tmp_path / "parts" / name).read_bytes()
    assert not (tmp_path / "parts/.partial").exists()


def test_other_parameters_begin_anew(micrographs, tmp_path):
    picks = picks_on(micrographs)
    job = extract(ExtractParams(box_size_px=32), picks, micrographs, tmp_path / "out")
    for _ in range(3):
        next(job)
    job.close()
    result = finish(extract(RAW, picks, micrographs, tmp_path / "out"))
    assert result.particles.images.read(np.arange(18)).mean() == pytest.approx(100, abs=1)


def test_two_processes_make_the_same_stack_as_one(micrographs, tmp_path):
    picks, params = picks_on(micrographs), ExtractParams(box_size_px=32)
    finish(extract(params, picks, micrographs, tmp_path / "one"))
    finish(extract(params, picks, micrographs, tmp_path / "two", workers=2))
    one, two = (tmp_path / d / "particles.mrcs" for d in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_columns_of_the_picks_that_are_not_ours_go_along(micrographs, tmp_path):
    path = tmp_path / "picks.star"
    path.write_text(
        "data_optics\nloop_\n_rlnOpticsGroup\n_rlnOpticsGroupName\n_rlnVoltage\n"
        "_rlnSphericalAberration\n_rlnAmplitudeContrast\n_rlnBeamTiltX\n3 mine 200 2.7 0.1 0.25\n\n"
        "data_particles\nloop_\n_rlnMicrographName\n_rlnCoordinateX\n_rlnCoordinateY\n"
        "_rlnClassNumber\n_rlnOpticsGroup\n_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\n"
        "Movies/m0.mrc 100.25 90 0042 3 12000.50 11000 45\n"
    )
    picks = read_picks(path, micrographs=micrographs)
    finish(extract(RAW, picks, micrographs, tmp_path / "out"))
    blocks = read_star(tmp_path / "out/particles.star")
    assert blocks["particles"]["rlnClassNumber"] == ("0042",)
    assert blocks["particles"]["rlnMicrographName"] == ("Movies/m0.mrc",)
    assert blocks["optics"]["rlnBeamTiltX"] == ("0.25",)
    stack = read_particles(tmp_path / "out/particles.star")
    assert stack.require_ctf().defocus_u_A.tolist() == [12000.5]
    assert stack.group.tolist() == [3]


def test_the_default_box_is_one_and_a_half_diameters(micrographs, tmp_path):
    picks = picks_on(micrographs)
    given = finish(extract(ExtractParams(diameter_A=40), picks, micrographs, tmp_path / "a"))
    assert given.particles.box_size_px == 40
    wide = replace(picks, diameter_px=np.full(18, 40 / 1.5, np.float32))
    read = finish(extract(ExtractParams(), wide, micrographs, tmp_path / "b"))
    assert read.particles.box_size_px == 40
    with pytest.raises(CryoAIError, match="box size"):
        finish(extract(ExtractParams(), picks, micrographs, tmp_path / "c"))


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        (ExtractParams(box_size_px=32, pixel_size_A=1.0), "finer than what was recorded"),
        (ExtractParams(box_size_px=512), "all 18 boxes reach beyond"),
        (ExtractParams(box_size_px=32, background_diameter_A=90), "no background"),
    ],
)
def test_what_cannot_be_done_is_said(micrographs, tmp_path, params, problem):
    with pytest.raises(CryoAIError, match=problem):
        finish(extract(params, picks_on(micrographs), micrographs, tmp_path / "out"))
    assert not (tmp_path / "out/particles.star").exists()


def test_a_ctf_of_another_pixel_size_is_refused(micrographs, tmp_path):
    ctf = {n: replace(c, pixel_size_A=3.0) for n, c in ctf_of(micrographs).items()}
    with pytest.raises(CryoAIError, match=r"1\.5 A, and its CTF was estimated with 3 A"):
        finish(extract(RAW, picks_on(micrographs), micrographs, tmp_path / "out", ctf=ctf))
