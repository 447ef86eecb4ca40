"""The CTF job, and what it leaves behind."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.io.micrograph_ctf import read_micrograph_ctf
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.jobs.progress import finish
from napari_cryoai.particles.ctf_estimation import CtfParams
from napari_cryoai.particles.ctf_job import CtfResult, FoundCtf, ctf_of, estimate_ctfs
from napari_cryoai.particles.ctf_output import FileStore, picture_paths, write_result
from napari_cryoai.particles.ctf_picture import SIZE
from napari_cryoai.physics.ctf import CTF

DEFOCI_A = (14_000.0, 22_000.0)
PARAMS = CtfParams()


@pytest.fixture(scope="module")
def micrographs(
    noise_with_rings: Callable[..., np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> list[Micrograph]:
    folder = tmp_path_factory.mktemp("rings")
    for i, defocus_A in enumerate(DEFOCI_A):
        ctf = CTF(defocus_A, 500.0, 30.0, b_factor_A2=80.0)
        pixels = noise_with_rings(ctf, 2.0, (640, 700), seed=i)
        write_mrc(folder / f"m{i}.mrc", pixels, pixel_size_A=2.0)
    return open_micrographs([folder])[0]


@pytest.fixture(scope="module")
def found(micrographs: list[Micrograph]) -> list[FoundCtf]:
    return [ctf_of(m, PARAMS) for m in micrographs]


def test_every_micrograph_gets_its_defocus(micrographs: list[Micrograph]) -> None:
    steps = list(estimate_ctfs(PARAMS, micrographs))
    assert [s.done for s in steps] == [0, 1, 2]
    ctfs = [s.preview.ctf for s in steps[1:]]
    assert [c.name for c in ctfs] == ["m0.mrc", "m1.mrc"]
    assert [c.defocus_A for c in ctfs] == pytest.approx(DEFOCI_A, rel=0.01)
    assert ctfs[0].pixel_size_A == 2.0


def test_the_picture_shows_spectrum_and_model(found: list[FoundCtf]) -> None:
    picture = np.asarray(Image.open(io.BytesIO(found[0].picture)).convert("L"), float)
    left, right = picture[:SIZE, : SIZE // 2], picture[:SIZE, SIZE // 2 :]
    # One half turned by 180 degrees about the centre is the other, if the fit is right.
    half = SIZE // 2 - 10
    a, b = left[10:-10, -half:], right[10:-10, :half][::-1, ::-1]
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.4


def test_one_bad_micrograph_does_not_stop_the_others(micrographs: list[Micrograph]) -> None:
    blank = replace(micrographs[0], name="blank.mrc", load=lambda: np.zeros((640, 700)))
    result = finish(estimate_ctfs(PARAMS, [blank, micrographs[1]]))
    assert [c.name for c in result.ctfs] == ["m1.mrc"]
    assert "same value everywhere" in str(result.problems[0])
    assert result.problems[0].path == micrographs[0].path


def test_no_micrograph_at_all_is_an_error(micrographs: list[Micrograph]) -> None:
    with pytest.raises(CryoAIError, match="no micrographs"):
        finish(estimate_ctfs(PARAMS, []))
    with pytest.raises(CryoAIError, match="pixel size"):
        finish(estimate_ctfs(PARAMS, [replace(micrographs[0], pixel_size_A=None)]))


def test_what_is_done_is_not_done_again(
    micrographs: list[Micrograph], found: list[FoundCtf], tmp_path: Path
) -> None:
    FileStore(tmp_path, PARAMS, micrographs).save(found[0].ctf.name, found[0])
    read = []
    watched = [replace(m, load=lambda m=m: read.append(m.name) or m.read()) for m in micrographs]
    store = FileStore(tmp_path, PARAMS, watched)
    result = finish(estimate_ctfs(PARAMS, watched, store=store))
    assert read == ["m1.mrc"]
    assert result.ctfs == [f.ctf for f in found]


@pytest.mark.parametrize("other", [{"cs_mm": 2.0}, {"high_resolution_A": 6.0}])
def test_values_of_other_parameters_are_not_taken(
    micrographs: list[Micrograph], found: list[FoundCtf], tmp_path: Path, other: dict[str, float]
) -> None:
    FileStore(tmp_path, PARAMS, micrographs).save(found[0].ctf.name, found[0])
    assert FileStore(tmp_path, CtfParams(**other), micrographs).load("m0.mrc") is None


def test_a_lost_picture_or_a_damaged_value_is_made_again(
    micrographs: list[Micrograph], found: list[FoundCtf], tmp_path: Path
) -> None:
    store = FileStore(tmp_path, PARAMS, micrographs)
    for one in found:
        store.save(one.ctf.name, one)
    picture_paths(tmp_path, micrographs)["m0.mrc"].unlink()
    assert store.load("m0.mrc") is None
    for kept in (tmp_path / ".partial").glob("m1*"):
        kept.write_text('{"name": 3}')
    assert store.load("m1.mrc") is None


def test_the_star_file_has_what_was_found(
    micrographs: list[Micrograph], found: list[FoundCtf], tmp_path: Path
) -> None:
    ctfs = [f.ctf for f in found]
    write_result(CtfResult(ctfs, []), micrographs, tmp_path)
    for row, ctf in zip(read_micrograph_ctf(tmp_path / "micrographs_ctf.star"), ctfs, strict=True):
        assert row.defocus_u_A == pytest.approx(ctf.defocus_u_A, abs=1e-5)
        assert row.fit_resolution_A == pytest.approx(ctf.fit_resolution_A, abs=1e-5)
        assert (row.name, row.pixel_size_A) == (ctf.name, 2.0)


def test_pictures_of_micrographs_that_are_called_alike_differ(
    micrographs: list[Micrograph], tmp_path: Path
) -> None:
    alike = [replace(micrographs[0], name=name) for name in ("a/b.mrc", "a b.mrc", "a_b.mrc")]
    assert len(set(picture_paths(tmp_path, alike).values())) == 3
