"""Maps against models: what agrees with itself, what does not, and what Phenix found."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.io.maps import read_map
from napari_cryoai.io.structures import read_structure
from napari_cryoai.maps.agreement import (
    PROBE_A,
    SHRINK_A,
    atom_mask,
    compare_with_model,
    correlate,
    model_map,
    reference_fsc,
)
from napari_cryoai.physics.masks import mask_of_model
from napari_cryoai.physics.radial import low_pass

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "maps"
ORIGIN_A = (30.5, -12.0, 100.25)
SHAPE = (24, 30, 27)
PIXEL_A = 1.5


def empty(shape=SHAPE, pixel_size_A: float = PIXEL_A, origin_A=ORIGIN_A) -> DensityMap:
    return DensityMap(np.zeros(shape, np.float32), pixel_size_A, origin_A)


@pytest.fixture(scope="module")
def atoms() -> Structure:
    """A globule of 150 atoms at the middle of the map."""
    rng = np.random.default_rng(0)
    middle = np.array(ORIGIN_A[::-1]) + PIXEL_A * np.array(SHAPE[::-1]) / 2
    xyz = middle + rng.normal(size=(150, 3)) * 4
    return Structure.of_atoms(xyz, rng.choice(["C", "N", "O"], 150), 30.0)


@pytest.fixture(scope="module")
def density(atoms: Structure) -> DensityMap:
    """What a microscope would see of them at 4 A, with noise."""
    model = low_pass(model_map(atoms, empty()), PIXEL_A, 4.0)
    noise = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))
    return empty().with_data((model + 0.5 * model.std() * noise).numpy())


def test_a_models_map_peaks_where_its_atom_lies():
    index = np.array([[5, 21, 13]])
    place = empty().world_of(index)[:, ::-1]
    data = model_map(Structure.of_atoms(place, "C", 20.0), empty()).numpy()
    assert data.shape == SHAPE
    assert np.unravel_index(data.argmax(), SHAPE) == tuple(index[0])


def test_a_model_agrees_with_its_own_map(atoms: Structure):
    density = empty().with_data(model_map(atoms, empty()).numpy())
    found = compare_with_model(density, atoms, resolution_A=2 * PIXEL_A)
    for curve in found.fsc.curves().values():
        assert curve.values.min() > 0.9999
    assert found.fsc.best.resolution_A(0.5) == pytest.approx(2 * PIXEL_A)
    # Only the corners of the transform, beyond the cut, are missing.
    for value in vars(found.correlations).values():
        assert value > 0.96


def test_the_correlations_of_a_map_with_itself_are_1(density: DensityMap, atoms: Structure):
    map_ = torch.from_numpy(density.data)
    inside = torch.from_numpy(atom_mask(atoms, density))
    for value in vars(correlate(map_, map_, inside)).values():
        assert value == pytest.approx(1)
    for value in vars(correlate(map_, -map_, inside)).values():
        assert value == pytest.approx(-1)


def test_the_fsc_of_a_map_with_itself_is_1(density: DensityMap):
    map_ = torch.from_numpy(density.data)
    mask = torch.rand(SHAPE, generator=torch.Generator().manual_seed(0))
    for curve in reference_fsc(map_, map_, PIXEL_A, mask).curves().values():
        assert curve.values == pytest.approx(1)


def test_the_figure_to_report_is_the_masked_one_where_there_is_a_mask(density: DensityMap):
    map_ = torch.from_numpy(density.data)
    without = reference_fsc(map_, map_, PIXEL_A)
    assert without.masked is None and without.best is without.unmasked
    within = reference_fsc(map_, map_, PIXEL_A, torch.ones(SHAPE))
    assert within.best is within.masked


@settings(max_examples=10, deadline=None)
@given(scale=st.floats(1e-3, 1e3), offset=st.floats(-5, 5))
def test_nothing_depends_on_the_units_of_the_map(density, atoms, scale, offset):
    other = density.with_data(scale * (density.data + offset * density.sigma))
    one, two = (compare_with_model(d, atoms, resolution_A=4.0) for d in (density, other))
    for name, value in vars(one.correlations).items():
        assert getattr(two.correlations, name) == pytest.approx(value, abs=2e-3)
    # The mean is shell 0, and the mask spreads it: shells beyond the first few are left.
    gap = (one.fsc.unmasked.values - two.fsc.unmasked.values)[1:].abs().max()
    assert gap < 1e-3


def test_map_and_model_may_lie_anywhere_together(density: DensityMap, atoms: Structure):
    away = np.array([-70.2, 33.3, 512.7])
    moved = replace(density, origin_A=tuple(np.array(density.origin_A) + away[::-1]))
    one = compare_with_model(density, atoms, resolution_A=4.0)
    two = compare_with_model(moved, atoms.moved_to(atoms.xyz_A + away), resolution_A=4.0)
    for name, value in vars(one.correlations).items():
        assert getattr(two.correlations, name) == pytest.approx(value, abs=1e-3)


def test_a_model_beside_its_density_agrees_less_and_less(density: DensityMap, atoms: Structure):
    found = [
        compare_with_model(
            density, atoms.moved_to(atoms.xyz_A + np.array([0, away, 0])), resolution_A=4.0
        )
        for away in (0, 1.0, 2.0)
    ]
    for name in ("box", "mask", "volume", "peaks"):
        values = [getattr(f.correlations, name) for f in found]
        assert values == sorted(values, reverse=True)
    resolutions = [f.fsc.best.resolution_A(0.5) for f in found]
    assert resolutions == sorted(resolutions)


def test_solvent_noise_lowers_the_box_and_leaves_the_mask(density: DensityMap, atoms: Structure):
    inside = atom_mask(atoms, density)
    noise = np.random.default_rng(3).normal(0, density.sigma, SHAPE).astype(np.float32)
    noisy = density.with_data(np.where(inside, density.data, density.data + noise))
    before, after = (
        compare_with_model(d, atoms, resolution_A=4.0).correlations for d in (density, noisy)
    )
    assert after.mask == pytest.approx(before.mask)
    assert after.box < before.box - 0.05


def test_a_flat_mask_has_no_correlation(atoms: Structure):
    inside = atom_mask(atoms, empty())
    outside = empty().with_data((~inside).astype(np.float32))
    found = compare_with_model(outside, atoms, resolution_A=4.0).correlations
    assert found.mask is None
    assert found.box < 0


def test_no_voxel_in_the_mask_means_no_correlation():
    coarse = empty((8, 8, 8), 8.0, (0, 0, 0))
    between = Structure.of_atoms([[20, 20, 20], [36, 36, 36]], "C", 30.0)
    data = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
    found = compare_with_model(coarse.with_data(data), between, resolution_A=16.0)
    assert found.correlations.mask is None
    assert found.correlations.box is not None


def test_the_mask_of_the_fsc_is_that_around_the_atoms_in_the_whole_box(density, atoms):
    wide = replace(density, data=np.pad(density.data, 20), origin_A=(0.5, -42.0, 70.25))
    zyx_A = torch.from_numpy(atoms.xyz_A[:, ::-1] - np.array(wide.origin_A))
    mask = mask_of_model(zyx_A, wide.shape, PIXEL_A)
    given, own = (compare_with_model(wide, atoms, mask=m).fsc.masked for m in (mask, None))
    assert given is not None and own is not None
    torch.testing.assert_close(own.values, given.values)


@pytest.mark.parametrize(("element", "radius_A"), [("C", 1.775), ("O", 1.45), ("H", 1.2)])
def test_the_mask_of_an_atom_is_its_ball_and_part_of_the_probes(element: str, radius_A: float):
    fine = empty((70, 70, 70), 0.1, (0, 0, 0))
    volume = atom_mask(Structure.of_atoms([[3.5, 3.5, 3.5]], element), fine).sum() * 0.1**3
    reach = radius_A + PROBE_A - SHRINK_A
    assert volume == pytest.approx(4 / 3 * math.pi * reach**3, rel=0.12)


def test_the_mask_closes_what_is_too_narrow_for_a_probe():
    fine = empty((40, 40, 40), 0.25, (0, 0, 0))
    gap = 2 * 1.775 + 0.8  # between two carbons: less than a water
    pair = Structure.of_atoms([[5 - gap / 2, 5, 5], [5 + gap / 2, 5, 5]], "C")
    assert atom_mask(pair, fine)[20, 20, 20]
    apart = pair.moved_to(pair.xyz_A + np.array([[-1.2, 0, 0], [1.2, 0, 0]]))
    assert not atom_mask(apart, fine)[20, 20, 20]


def test_without_a_resolution_the_fsc_says_where_to_cut(density: DensityMap, atoms: Structure):
    found = compare_with_model(density, atoms)
    assert not found.resolution_given
    assert found.resolution_A == pytest.approx(found.fsc.best.resolution_A(0.5))
    assert compare_with_model(density, atoms, resolution_A=5).resolution_A == 5


def test_atoms_outside_are_left_out_and_counted(density: DensityMap, atoms: Structure):
    far = Structure.of_atoms([[0.0, 0, 0], [900.0, 0, 0]], "C", 30.0)
    both = Structure.of_atoms(
        np.vstack([atoms.xyz_A, far.xyz_A]), [*atoms.elements, "C", "C"], 30.0
    )
    found = compare_with_model(density, both, resolution_A=4.0)
    assert found.n_outside == 2
    expected = compare_with_model(density, atoms, resolution_A=4.0)
    assert found.correlations == expected.correlations


def test_what_cannot_be_compared_is_refused(density: DensityMap, atoms: Structure):
    with pytest.raises(CryoAIError, match="same value everywhere"):
        compare_with_model(empty(), atoms)
    with pytest.raises(CryoAIError, match="no atom lies in the map"):
        compare_with_model(density, atoms.moved_to(atoms.xyz_A + 500))
    with pytest.raises(CryoAIError, match="no atoms"):
        compare_with_model(density, atoms.select(np.zeros(len(atoms), bool)))
    with pytest.raises(CryoAIError, match=r"finer than the voxels of the map can hold \(3 A\)"):
        compare_with_model(density, atoms, resolution_A=2.5)
    with pytest.raises(CryoAIError, match="boxes of the maps differ"):
        compare_with_model(density, atoms, mask=torch.ones(4, 4, 4))


PHENIX = [
    # name, resolution, and CC_box, CC_mask, CC_volume, CC_peaks as the logs of qrefine give them
    # The log of 1oed does not tell the resolution: CC_box was matched, the others follow.
    ("1oed_1oed", 4.4786, (0.6750, 0.3731, 0.5136, 0.4398)),
    ("5ly6_5ly6", 4.4880, (0.8425, 0.6239, 0.6789, 0.6675)),
    ("3j63_A", 3.8275, (0.7478, 0.6747, 0.7023, 0.7483)),
    ("3j8x_chain_K", 4.4167, (0.7159, 0.4581, 0.5891, 0.7158)),
]


@pytest.mark.parametrize(("name", "resolution_A", "expected"), PHENIX)
def test_correlations_are_those_that_phenix_finds(name, resolution_A, expected):
    if not DATA.is_dir():
        pytest.skip("the public maps are not at hand (../shared/data/maps)")
    density = read_map(DATA / f"{name}_box.ccp4.gz")
    structure = read_structure(DATA / f"{name}_box_complete.pdb.gz", hydrogens=True, waters=True)
    found = compare_with_model(density, structure, resolution_A=resolution_A).correlations
    # Same map, model and cut: what is left is how the atoms are sampled (3j8x: 2 A voxels).
    assert tuple(vars(found).values()) == pytest.approx(expected, abs=4e-3)
