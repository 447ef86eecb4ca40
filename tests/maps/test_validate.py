"""The judge acquits what is honest, and catches what invents, erases, or dreams of structure."""

import json
from itertools import islice

import numpy as np
import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.progress import Progress, finish
from napari_cryoai.maps.denoised import Denoised
from napari_cryoai.maps.local_snr import local_snr
from napari_cryoai.maps.report import write_report
from napari_cryoai.maps.validate import validate
from napari_cryoai.maps.verdict import not_verifiable
from napari_cryoai.maps.wiener import wiener
from napari_cryoai.physics.lattice import is_mirror, named, rotations, turned, turned_back, ways
from napari_cryoai.physics.radial import low_pass, power_spectrum, weighted

PIXEL_A = 1.7


def identity(half1, half2, pixel_size_A):
    return Denoised(half1, half2, torch.ones_like(half1))


def judged(denoiser, maps, **options):
    job = validate(denoiser, maps.half1, maps.half2, PIXEL_A, maps.mask, seed=0, **options)
    return finish(job)


def severity(verdict, about):
    return next(f.severity for f in verdict.findings if f.about == about)


def fake(strength, seed=0, where=None):
    """Detail that is in no data, in a ball beside the molecule or in it."""
    rng = np.random.default_rng(seed)
    detail = torch.as_tensor(rng.normal(size=(64, 64, 64)).astype(np.float32))
    detail = low_pass(detail, PIXEL_A, 5.0)
    axis = torch.arange(64.0)
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    cz, cy, cx = where or (32, 32, 32)
    ball = ((z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 < 8**2).float()
    return strength * detail / detail.std() * ball


def inventing(strength, where=None):
    added = fake(strength, where=where)

    def denoiser(half1, half2, pixel_size_A):
        found = wiener(half1, half2, pixel_size_A)
        return Denoised(found.half1 + added, found.half2 + added, found.confidence)

    return denoiser


@pytest.mark.parametrize("honest", [identity, wiener, local_snr])
def test_an_honest_denoiser_gets_a_clean_bill(molecule, honest):
    verdict = judged(honest, molecule, turns=1)
    for about in ("hallucination", "invented density", "removed density", "invented resolution"):
        assert severity(verdict, about) == "ok", verdict.findings
    assert abs(verdict.figures["hallucination_index"]) < 0.02
    assert verdict.figures["spread"] < 0.02
    assert verdict.figures["resolution_A"] == pytest.approx(4.5, rel=0.1)


def test_a_filter_over_shells_has_no_hallucination_at_all(molecule):
    verdict = judged(identity, molecule, turns=0)
    assert float(verdict.hallucination.abs().max()) < 1e-6


def test_the_truth_itself_is_no_hallucination(molecule):
    def oracle(half1, half2, pixel_size_A):
        return Denoised(molecule.truth, molecule.truth, torch.ones_like(half1))

    verdict = judged(oracle, molecule, turns=0, denoised=oracle(molecule.half1, None, PIXEL_A))
    figures = verdict.figures
    assert abs(figures["hallucination_index"]) < 3 * figures["hallucination_error"] + 0.01
    assert severity(verdict, "invented density") == "ok"


@pytest.mark.parametrize("where", [(32, 32, 32), (32, 32, 53)])
def test_density_that_is_added_to_both_halves_is_caught(molecule, where):
    strength = float(molecule.truth[molecule.mask > 0.99].std())
    verdict = judged(inventing(strength, where), molecule, turns=0)
    assert verdict.severity == "fail"
    assert severity(verdict, "invented density") != "ok"
    assert verdict.figures["hallucination_index"] > 5 * verdict.figures["hallucination_error"]
    centre = verdict.invented[tuple(slice(c - 3, c + 4) for c in where)]
    assert float(centre.mean()) > 0.25
    assert float(verdict.invented[28:36, 28:36, 8:14].mean()) < 0.1
    assert verdict.sentence.startswith("Do not trust")


def test_the_index_is_the_share_of_the_power_that_was_added(molecule):
    white = torch.randn(64, 64, 64, generator=torch.Generator().manual_seed(1))

    def denoiser(half1, half2, pixel_size_A):
        # In the mask, as much of it in every shell as there is signal and noise.
        added = _with_power_of(white * molecule.mask, half1 * molecule.mask)
        return Denoised(half1 + added, half2 + added, torch.ones_like(half1))

    verdict = judged(denoiser, molecule, turns=0)
    assert verdict.figures["hallucination_index"] == pytest.approx(0.5, abs=0.08)


def _with_power_of(noise, map_):
    return weighted(noise, (power_spectrum(map_) / power_spectrum(noise)).sqrt())


def test_density_that_is_taken_from_both_halves_is_caught(molecule):
    hole = 1 - (fake(1.0, where=(32, 32, 42)) != 0).float()

    def erasing(half1, half2, pixel_size_A):
        found = wiener(half1, half2, pixel_size_A)
        return Denoised(found.half1 * hole, found.half2 * hole, found.confidence)

    verdict = judged(erasing, molecule, turns=0)
    assert severity(verdict, "removed density") != "ok"
    assert float((verdict.returned * (1 - hole)).sum()) > 0.5 * float(verdict.returned.abs().sum())


def test_resolution_from_nowhere_is_caught(molecule):
    detail = molecule.truth - low_pass(molecule.truth, PIXEL_A, 8.0)

    def remembering(half1, half2, pixel_size_A):
        low = [low_pass(half, PIXEL_A, 8.0) for half in (half1, half2)]
        return Denoised(low[0] + detail, low[1] + detail, torch.ones_like(half1))

    verdict = judged(remembering, molecule, turns=0)
    assert verdict.figures["invented_fsc"] > 0.9
    assert severity(verdict, "invented resolution") == "fail"


def test_structure_from_noise_is_caught(molecule):
    def dreaming(half1, half2, pixel_size_A):
        found = wiener(half1, half2, pixel_size_A)
        dream = fake(float(molecule.truth[molecule.mask > 0.99].std()))
        return Denoised(found.half1 + dream, found.half2 + dream, found.confidence)

    made = judged(dreaming, molecule, turns=0).figures["noise_energy"]
    plain = judged(wiener, molecule, turns=0).figures["noise_energy"]
    assert plain < 0.01 < made


def test_a_denoiser_that_knows_up_from_down_is_caught(molecule):
    def leaning(half1, half2, pixel_size_A):
        ramp = torch.linspace(0.2, 1.8, 64)[:, None, None]
        return Denoised(half1 * ramp, half2 * ramp, torch.ones_like(half1))

    verdict = judged(leaning, molecule, turns=4)
    assert severity(verdict, "rotations") != "ok"
    assert float(verdict.spread[:20].mean()) > 0


def test_a_built_in_mask_turns_with_the_map(molecule):
    def masked_by(mask):
        return lambda one, two, _: Denoised(one * mask, two * mask, torch.ones_like(one))

    lopsided = molecule.mask.clone()
    lopsided[:, :, :28] = 0
    job = validate(
        masked_by(lopsided), molecule.half1, molecule.half2, PIXEL_A, lopsided,
        seed=0, turns=2, remasked=masked_by,
    )  # fmt: skip
    assert finish(job).figures["spread"] < 1e-5


def test_halves_of_noise_end_in_a_verdict_and_not_in_an_error():
    noise = [torch.randn(48, 48, 48, generator=torch.Generator().manual_seed(s)) for s in (1, 2)]
    verdict = finish(validate(wiener, *noise, PIXEL_A, seed=0, turns=0))
    assert verdict.severity == "fail"
    json.dumps(verdict.as_dict(), allow_nan=False)


def test_the_same_seed_gives_the_same_verdict(molecule):
    first, second = (judged(local_snr, molecule, turns=1) for _ in range(2))
    assert first.as_dict() == second.as_dict()


def test_progress_is_told_and_the_job_can_be_cancelled(molecule):
    calls = []

    def counting(half1, half2, pixel_size_A):
        calls.append(1)
        return identity(half1, half2, pixel_size_A)

    job = validate(counting, molecule.half1, molecule.half2, PIXEL_A, seed=0)
    steps = list(islice(job, 3))
    assert all(isinstance(step, Progress) for step in steps)
    assert [step.done for step in steps] == [0, 1, 2]
    job.close()
    assert len(calls) == 1


def test_a_box_that_is_no_cube_is_judged_too(molecule):
    half1, half2 = molecule.half1[4:-4], molecule.half2[4:-4]
    verdict = finish(validate(wiener, half1, half2, PIXEL_A, seed=0, turns=3))
    assert verdict.spread.shape == half1.shape
    assert abs(verdict.figures["hallucination_index"]) < 0.02


def test_a_single_map_is_not_verifiable(tmp_path):
    verdict = not_verifiable()
    assert verdict.sentence.startswith("Not verifiable")
    assert verdict.severity != "ok" and not verdict.verifiable
    write_report(verdict, tmp_path)
    assert json.loads((tmp_path / "report.json").read_text())["verifiable"] is False
    assert not (tmp_path / "fsc.csv").exists()


def test_the_report_holds_all_curves(molecule, tmp_path):
    verdict = judged(wiener, molecule, turns=1)
    write_report(verdict, tmp_path, {"model": "wiener"})
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["model"] == "wiener" and report["verdict"] == verdict.sentence
    header, *rows = (tmp_path / "fsc.csv").read_text().splitlines()
    assert {"raw", "denoised", "cross", "phase_randomised", "hallucination"} <= set(
        header.split(",")
    )
    assert len(rows) == 33
    assert (tmp_path / "fsc.png").stat().st_size > 5000


def test_bad_input_is_refused(molecule):
    half = molecule.half1
    nan = half.clone()
    nan[0, 0, 0] = float("nan")
    for one, two in (
        (half, half[:-1]),
        (half, nan),
        (half, torch.ones_like(half)),
        (half[:16, :16, :16], half[:16, :16, :16]),
    ):
        with pytest.raises(CryoAIError):
            finish(validate(wiener, one, two, PIXEL_A, seed=0))


def test_a_cube_has_24_rotations_and_as_many_mirror_images():
    map_ = torch.randn(3, 3, 3)
    images = {tuple(turned(map_, way).flatten().tolist()) for way in ways()}
    assert len(images) == 48
    assert len(rotations()) == 24 and not any(is_mirror(turn) for turn in rotations())
    for way in ways():
        assert torch.equal(turned_back(turned(map_, way), way), map_)
    assert named(ways()[0]) == "z, y, x"
    assert is_mirror(((0, 1, 2), (0,))) and is_mirror(((0, 2, 1), ()))
