"""The level that a map opens with shows its molecule."""

from __future__ import annotations

import gzip
from pathlib import Path

import gemmi
import numpy as np
import pytest
from scipy import ndimage

from napari_cryoai.core.contour import contour_of, otsu
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.io.maps import read_map

DATA = Path(__file__).parents[3] / "shared" / "data" / "maps"
A3_PER_DA = 1.21
# Masses of the two that have no model: TRPML1 is a tetramer of 65 kDa, beta-galactosidase of 116.
MASS_KDA = {"diffmodeler_6824.mrc.gz": 262.0, "ngl_betaGal.mrc.gz": 465.0}
MODELS = {
    "1oed_1oed_box.ccp4.gz": "1oed_1oed_box_complete.pdb.gz",
    "3j63_A_box.ccp4.gz": "3j63_A_box_complete.pdb.gz",
    "3j8x_chain_A_box.ccp4.gz": "3j8x_chain_A_box_complete.pdb.gz",
    "3j8x_chain_K_box.ccp4.gz": "3j8x_chain_K_box_complete.pdb.gz",
    "3los_chain_A_box.ccp4.gz": "3los_chain_A_box_complete.pdb.gz",
    "5fn5_5fn5_box.ccp4.gz": "5fn5_5fn5_box_complete.pdb.gz",
    "5ly6_5ly6_box.ccp4.gz": "5ly6_5ly6_box_complete.pdb.gz",
    "daq_2566_3J6B_9.mrc.gz": "daq_3J6B_9.pdb.gz",
}


def volume_A3(name: str) -> float:
    """Volume of the molecule in a public map."""
    if name in MASS_KDA:
        return MASS_KDA[name] * 1000 * A3_PER_DA
    text = gzip.decompress((DATA / MODELS[name]).read_bytes()).decode()
    model = gemmi.read_pdb_string(text)[0]
    heavy = sum(a.atom.element.weight for a in model.all() if a.atom.element.name not in "HX")
    return heavy * 1.07 * A3_PER_DA  # hydrogens are a fifteenth of a protein's mass


@pytest.mark.parametrize("name", [*MODELS, *MASS_KDA])
def test_the_suggested_level_encloses_about_the_molecule(name):
    if not DATA.is_dir():
        pytest.skip("the public maps are not at hand (../shared/data/maps)")
    contour = contour_of(read_map(DATA / name))
    assert 0.25 < contour.volume_A3(contour.suggested) / volume_A3(name) < 1.75


def molecule(noise: float, offset: float = 0.0, n: int = 96) -> tuple[DensityMap, float]:
    """A blob of lumps in noise, and its volume in voxels."""
    rng = np.random.default_rng(0)
    grid = np.zeros((n,) * 3)
    inside = rng.normal(n / 2, n / 12, (1500, 3)).astype(int)
    np.add.at(grid, tuple(inside.T), 1)
    grid = ndimage.gaussian_filter(grid, 1.5)
    volume = float((grid > 0.25 * grid.max()).sum())
    grid = grid / grid.max() + noise * rng.normal(size=grid.shape) + offset
    return DensityMap(grid.astype(np.float32), 1.0), volume


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.05, 0.1])
@pytest.mark.parametrize("offset", [0.0, 100.0, -7.0])
def test_neither_noise_nor_an_offset_lead_it_astray(noise, offset):
    density, volume = molecule(noise, offset)
    contour = contour_of(density)
    assert 0.4 < contour.volume_A3(contour.suggested) / volume < 2.5


def test_a_mask_around_the_molecule_changes_little():
    density, _ = molecule(0.05)
    z, y, x = np.indices(density.shape) - 48
    masked = density.with_data(density.data * (z**2 + y**2 + x**2 < 40**2))
    assert contour_of(masked).suggested == pytest.approx(contour_of(density).suggested, rel=0.1)


def test_noise_alone_does_not_fill_the_box_with_surface():
    noise = np.random.default_rng(0).normal(size=(64,) * 3).astype(np.float32)
    contour = contour_of(DensityMap(noise, 1.0))
    assert contour.suggested == pytest.approx(3.5, abs=0.2)
    assert contour.volume_A3(contour.suggested) < 1e-3 * noise.size


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_a_flat_map_has_a_level_and_a_span_all_the_same(value):
    contour = contour_of(DensityMap(np.full((8, 8, 8), value, np.float32), 1.0))
    assert np.isfinite(contour.suggested)
    assert contour.span[0] < contour.span[1]


def test_enclosed_volume_counts_the_voxels():
    data = np.zeros((10, 10, 10), np.float32)
    data[:2] = 1.0
    contour = contour_of(DensityMap(data, 2.0))
    assert contour.volume_A3(0.5) == pytest.approx(200 * 8)
    assert contour.protein_kDa(0.5) == pytest.approx(200 * 8 / 1.21 / 1000)
    assert contour.volume_A3(2.0) == 0.0


def test_otsu_parts_two_groups():
    values = np.concatenate([np.full(100, 1.0), np.full(50, 9.0)])
    assert 1.0 <= otsu(values) < 9.0
