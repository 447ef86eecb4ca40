"""The potential of atoms, against the sum over atoms that defines it."""

import gemmi
import numpy as np
import pytest
import torch

from napari_cryoai.core.structure import Structure
from napari_cryoai.physics.fourier import frequencies, squared_frequency, to_fourier
from napari_cryoai.physics.potential import VOLT_A2, Gaussians, atoms_of, map_of, potential

N, PIXEL_A = 32, 1.3


def molecule(count=40, seed=0):
    rng = np.random.default_rng(seed)
    elements = rng.choice(["C", "N", "O", "S", "P", "FE"], count)
    return Structure.of_atoms(rng.normal(0, 6, (count, 3)), elements, rng.uniform(5, 120, count))


def exact_transform(structure, n, pixel_A):
    """Sum over atoms of form factor, B-factor and phase, in float64."""
    gz, gy, gx = frequencies((n, n, n), pixel_A, dtype=torch.float64)
    g2 = gz * gz + gy * gy + gx * gx
    total = torch.zeros(g2.shape, dtype=torch.complex128)
    for place, element, b in zip(
        structure.xyz_A, structure.elements, structure.b_factors_A2, strict=True
    ):
        factor = gemmi.Element(str(element)).c4322
        f = sum(a * torch.exp(-(w + b) * g2 / 4) for a, w in zip(factor.a, factor.b, strict=True))
        x, y, z = place
        total += VOLT_A2 * f * torch.exp(-2j * torch.pi * (gx * x + gy * y + gz * z))
    return total / pixel_A**3


def test_it_is_the_sum_of_form_factors_up_to_nyquist():
    structure = molecule()
    exact = exact_transform(structure, N, PIXEL_A)
    found = to_fourier(map_of(structure, N, PIXEL_A, solvent_V=0.0).double(), 3)
    inside = squared_frequency((N, N, N)) < 0.499**2
    error = (found - exact).abs()[inside]
    assert error.pow(2).mean().sqrt() < 3e-4 * exact.abs()[inside].pow(2).mean().sqrt()
    high = inside & (squared_frequency((N, N, N)) > 0.4**2)
    wrong = (found - exact).abs()[high].pow(2).mean() / exact.abs()[high].pow(2).mean()
    assert wrong.sqrt() < 3e-3


def test_the_integral_is_that_of_the_scattering_factors_at_zero_angle():
    carbon = Structure.of_atoms([[0.2, 0.1, 0.4]], "C", 30.0)
    volume = map_of(carbon, N, PIXEL_A, solvent_V=0.0)
    assert volume.sum().item() * PIXEL_A**3 == pytest.approx(VOLT_A2 * 2.5088, rel=1e-3)


def test_an_atom_at_the_origin_is_at_the_central_voxel_and_x_is_the_last_axis():
    for place in [(0, 0, 0), (3, 0, 0), (0, -4, 0), (0, 0, 5)]:
        atom = Structure.of_atoms([np.array(place) * PIXEL_A], "C", 40.0)
        for n in (31, 32):
            volume = map_of(atom, n, PIXEL_A)
            peak = np.unravel_index(int(volume.argmax()), volume.shape)
            assert tuple(peak) == tuple(n // 2 + np.array(place[::-1]))


def test_moving_atoms_by_whole_voxels_moves_the_map():
    structure = molecule()
    moved = structure.moved_to(structure.xyz_A + np.array([2, 0, -3]) * PIXEL_A)
    before, after = (map_of(s, N, PIXEL_A) for s in (structure, moved))
    shifted = torch.roll(before, (-3, 2), (0, 2))
    assert torch.allclose(after, shifted, atol=1e-3 * float(before.max()))


def test_the_projection_is_the_potential_of_projected_atoms():
    structure = molecule()
    flat = structure.moved_to(structure.xyz_A * [1, 1, 0])
    sharp, same = (map_of(s, N, PIXEL_A, solvent_V=0.0).sum(0) for s in (structure, flat))
    assert torch.allclose(sharp, same, atol=2e-3 * float(sharp.max()))


def test_solvent_takes_away_what_atoms_displace():
    structure = molecule()
    vacuum, ice = (map_of(structure, N, PIXEL_A, solvent_V=v) for v in (0.0, 3.5))
    assert 0.2 < float(ice.sum() / vacuum.sum()) < 0.9
    # Detail finer than an atom stays.
    high = squared_frequency((N, N, N), PIXEL_A) > 0.3**2
    ratio = to_fourier(ice, 3)[high].abs().mean() / to_fourier(vacuum, 3)[high].abs().mean()
    assert float(ratio) == pytest.approx(1, abs=0.05)


def test_gradients_with_respect_to_positions_are_those_of_finite_differences():
    xyz, atoms = atoms_of(molecule(6), dtype=torch.float64)
    target = potential(xyz + 0.3, atoms, 20, 2.0)

    def loss(at):
        return ((potential(at, atoms, 20, 2.0) - target) ** 2).sum()

    at = xyz.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(at), at)
    step = 1e-4 * torch.randn(xyz.shape, dtype=torch.float64)
    numeric = (loss(xyz + step) - loss(xyz - step)) / 2
    # Which inner voxels a Gaussian is cut off at jumps with the position.
    assert float((gradient * step).sum()) == pytest.approx(float(numeric), rel=1e-2)


def test_occupancy_weighs_an_atom_and_unknown_elements_count_as_carbon():
    atom = Structure.of_atoms([[0.0, 0, 0]], "C", 30.0)
    unknown = Structure.of_atoms([[0.0, 0, 0]], "X", 30.0)
    assert torch.equal(map_of(atom, 16, 2.0), map_of(unknown, 16, 2.0))
    half = Structure(**{**vars(atom), "occupancies": np.array([0.5])})
    assert torch.allclose(2 * map_of(half, 16, 2.0), map_of(atom, 16, 2.0))


def test_a_heavier_element_and_a_lower_b_factor_make_a_higher_peak():
    def peak(element, b):
        return float(map_of(Structure.of_atoms([[0.0, 0, 0]], element, b), 16, 1.0).max())

    assert peak("FE", 30.0) > peak("O", 30.0)
    assert peak("C", 10.0) > peak("C", 60.0)


def test_gaussians_are_five_or_six():
    b = torch.zeros(2)
    assert Gaussians.of_elements(["C", "O"], b).weights.shape == (2, 5)
    assert Gaussians.of_elements(["C", "O"], b, solvent_V=3.5).weights.shape == (2, 6)
