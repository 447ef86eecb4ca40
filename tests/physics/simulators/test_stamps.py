"""Micrographs of particles that have atoms."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_cryoai.core.euler import matrices_from_zyz
from napari_cryoai.core.structure import Structure
from napari_cryoai.physics.fourier import frequencies, to_fourier, to_real
from napari_cryoai.physics.potential import map_of
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.micrographs import MicrographModel, simulate_micrograph
from napari_cryoai.physics.simulators.stamps import Stamp, contrast

PIXEL_A = 2.0
MODEL = MicrographModel(
    shape=(420, 400), pixel_size_A=PIXEL_A, count=12, snr=0.2, defocus_A=9_000.0, drift_A=0.0
)


def protein(seed=0, count=300):
    rng = np.random.default_rng(seed)
    return Structure.of_atoms(rng.normal(0, 11, (count, 3)) * [1.2, 0.8, 0.5], "C", 80.0)


@pytest.fixture(scope="module")
def conformers():
    return Conformers.of_structures([protein()], 64, PIXEL_A)


def test_a_particle_is_imaged_as_if_it_were_alone_on_the_canvas(conformers):
    n, at = 256, np.array([120.3, 141.8])
    rotation = matrices_from_zyz(40.0, 70.0, -20.0)
    model = replace(MODEL, b_factor_A2=200.0)
    one = Stamp(at[None], rotation[None], np.ones(1), np.array([9_500.0]), np.zeros(1, int))
    image = contrast(model, conformers, one, (n, n))
    atoms = protein().centred()
    turned = atoms.moved_to(atoms.xyz_A @ rotation.T)
    projected = map_of(turned, 96, PIXEL_A).sum(0)
    gy, gx = frequencies((n, n), PIXEL_A)
    moved = torch.nn.functional.pad(projected, (80, 80, 80, 80))
    shift = (at - n // 2) * PIXEL_A
    phase = torch.exp(-2j * torch.pi * (gy * shift[0] + gx * shift[1]))
    ctf = replace(model.ctf, defocus_A=9_500.0, b_factor_A2=200.0).at(gy, gx)
    ctf = ctf * (torch.hypot(gy, gx) < 0.5 / PIXEL_A)
    exact = to_real(to_fourier(moved) * phase * ctf, (n, n)).numpy()
    assert np.linalg.norm(image - exact) < 0.06 * np.linalg.norm(exact)


def test_what_reaches_over_the_edge_is_cut(conformers):
    at = np.array([[0.0, 0.0], [99.0, 99.0], [-300.0, 50.0]])
    stamp = Stamp(at, np.stack([np.eye(3)] * 3), np.ones(3), np.full(3, 9_000.0), np.zeros(3, int))
    image = contrast(MODEL, conformers, stamp, (100, 100))
    assert image.shape == (100, 100)
    assert abs(image[:3, :3].mean()) > 10 * abs(image[:20, 80:].mean())


def test_the_truth_is_where_the_particle_is_dark(conformers):
    quiet = replace(MODEL, dose_e_per_A2=1e9, snr=1e4, solvent=0.0, ice_gradient=0.0)
    made = simulate_micrograph(replace(quiet, min_distance_A=150.0), 3, conformers=conformers)
    assert len(made.picks) == 12
    rows, columns = np.rint(made.picks.yx_px).astype(int).T
    assert made.image[rows, columns].mean() < made.image.mean() - 2 * made.image.std()


def test_poses_and_defoci_are_in_the_picks(conformers):
    model = replace(MODEL, ice_thickness_A=400.0, interface_fraction=0.5, astigmatism_A=300.0)
    made = simulate_micrograph(model, 1, conformers=conformers)
    extra = {key: values.astype(float) for key, values in made.picks.extra.items()}
    angles = (extra[f"rlnAngle{name}"] for name in ("Rot", "Tilt", "Psi"))
    assert np.allclose(matrices_from_zyz(*angles), made.rotations, atol=1e-5)
    assert np.allclose(extra["rlnDefocusU"] - extra["rlnDefocusV"], 300)
    assert np.allclose((extra["rlnDefocusU"] + extra["rlnDefocusV"]) / 2, made.defocus_A)
    room = 400 - conformers.diameter_A
    depth = made.defocus_A - 9_000
    assert np.abs(depth).max() == pytest.approx(room / 2)
    assert 2 < (np.abs(depth) > 0.4999 * room).sum() < 12


def test_preferred_views_are_in_the_truth(conformers):
    model = replace(MODEL, preferred_fraction=1.0, preferred_spread_deg=5.0)
    made = simulate_micrograph(model, 1, conformers=conformers)
    assert (made.rotations[:, 2, 2] > 0.9).all()


def test_snr_is_kept(conformers):
    model = replace(
        MODEL, snr=0.3, contrast_spread=0.0, solvent=0.0, low_frequency_A=1e9, ice_gradient=0.0,
        dose_e_per_A2=1e6, min_distance_A=180.0, count=8,
    )  # fmt: skip
    made = simulate_micrograph(model, 9, conformers=conformers)
    clean = simulate_micrograph(replace(model, count=0), 9, conformers=conformers)
    signal = made.image - clean.image
    y, x = np.ogrid[:420, :400]
    radius = conformers.diameter_A / 2 / PIXEL_A
    power = [
        np.mean(signal[np.hypot(y - cy, x - cx) < radius] ** 2)
        for cy, cx in made.picks.yx_px
        if radius < cy < 419 - radius and radius < cx < 399 - radius
    ]
    assert np.mean(power) / model.noise_sigma**2 == pytest.approx(0.3, rel=0.2)


def test_denatured_particles_are_faint_dark_and_junk(conformers):
    quiet = replace(MODEL, count=0, n_denatured=3, snr=1.0, solvent=0.0, ice_gradient=0.0)
    made = simulate_micrograph(quiet, 4, conformers=conformers)
    clean = simulate_micrograph(replace(quiet, n_denatured=0), 4, conformers=conformers)
    added = clean.image - made.image
    assert made.junk.any() and not clean.junk.any()
    assert len(made.dirt_yx_px) == 3
    assert added[made.junk].mean() > 5 * abs(added[~made.junk].mean())
    assert len(made.picks) == 0


def test_same_seed_same_image(conformers):
    model = replace(MODEL, ice_thickness_A=300.0, n_denatured=1, n_aggregates=1)
    first, again = (simulate_micrograph(model, 2, conformers=conformers) for _ in range(2))
    assert first.image.tobytes() == again.image.tobytes()
    assert first.picks == again.picks
