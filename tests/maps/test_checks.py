"""Half maps that are not what they should be are noticed, and good ones are not suspected."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_cryoai.io.maps import read_map
from napari_cryoai.maps.checks import input_findings
from napari_cryoai.physics.radial import low_pass, weighted

PIXEL_A = 1.7
MAPS = Path(__file__).resolve().parents[3] / "shared" / "data" / "maps"


def found(half1, half2, mask):
    findings = input_findings(half1, half2, PIXEL_A, mask, 4.5)
    return {f.about: f for f in findings}


def test_good_half_maps_are_not_suspected(molecule):
    findings = found(molecule.half1, molecule.half2, molecule.mask)
    assert {f.severity for f in findings.values()} == {"ok"}, findings


def test_a_map_given_twice_is_noticed_whatever_its_scale(molecule):
    findings = found(molecule.half1, 2 * molecule.half1 + 1, molecule.mask)
    assert findings["same half twice"].severity == "fail"


def test_masked_halves_are_noticed(molecule):
    one, two = (h * molecule.mask for h in (molecule.half1, molecule.half2))
    assert found(one, two, molecule.mask)["masking"].severity == "caution"


def test_a_sphere_that_a_refinement_cut_out_is_noticed(molecule):
    axis = torch.arange(64) - 32
    r = (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2).float().sqrt()
    ring = ((30 - r) / 3).clamp(0, 1)
    one, two = molecule.half1 * ring, molecule.half2 * ring
    assert found(one, two, molecule.mask)["masking"].severity == "caution"


def test_low_passed_halves_are_noticed_with_their_limit(molecule):
    one, two = (low_pass(h, PIXEL_A, 6.0) for h in (molecule.half1, molecule.half2))
    finding = found(one, two, molecule.mask)["filtering"]
    assert finding.severity == "caution"
    limit = float(finding.text.split("about ")[1].split(" A")[0])
    assert limit == pytest.approx(6.0, abs=0.8)


@pytest.mark.parametrize("b_factor_A2", [340.0, 700.0])
def test_sharpened_halves_are_noticed(molecule, b_factor_A2):
    k = torch.arange(34, dtype=torch.float64) / (64 * PIXEL_A)
    curve = torch.exp(b_factor_A2 / 4 * k**2)
    one, two = (weighted(h, curve) for h in (molecule.half1, molecule.half2))
    assert found(one, two, molecule.mask)["sharpening"].severity == "caution"


def test_noise_that_both_halves_share_is_noticed(molecule):
    noise = torch.randn(64, 64, 64, generator=torch.Generator().manual_seed(5))
    shared = noise * (molecule.half1 - molecule.half2).std()
    one, two = molecule.half1 + shared, molecule.half2 + shared
    assert found(one, two, molecule.mask)["independence"].severity == "fail"


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirrored_half_is_noticed(molecule, axis):
    finding = found(molecule.half1, molecule.half2.flip(axis), molecule.mask)["hand"]
    assert finding.severity == "fail" and "mirror" in finding.text


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_swapped_axes_are_noticed(molecule, order):
    finding = found(molecule.half1, molecule.half2.permute(order), molecule.mask)["hand"]
    assert finding.severity == "fail"


def test_that_the_absolute_hand_cannot_be_told_is_said(molecule):
    one, two = (h.flip(0) for h in (molecule.half1, molecule.half2))
    finding = found(one, two, molecule.mask.flip(0))["hand"]
    assert finding.severity == "ok" and "no half map can tell" in finding.text


@pytest.mark.skipif(not MAPS.is_dir(), reason="no ../shared/data beside the repository")
@pytest.mark.parametrize("name", ["5ly6_5ly6_box.ccp4.gz", "3j63_A_box.ccp4.gz"])
def test_a_deposited_map_that_was_cut_and_masked_is_noticed(name, tmp_path):
    path = tmp_path / name.removesuffix(".gz")
    with gzip.open(MAPS / name) as packed, path.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    density = read_map(path)
    rng = np.random.default_rng(0)
    data = density.data
    halves = [
        torch.as_tensor(data + (data != 0) * 0.1 * data.std() * rng.normal(size=data.shape)).float()
        for _ in range(2)
    ]
    mask = torch.as_tensor((data != 0).astype(np.float32))
    findings = {f.about: f for f in input_findings(*halves, density.pixel_size_A, mask, 5.0)}
    assert findings["masking"].severity == "caution"
