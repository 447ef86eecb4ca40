"""Simulated particles: what was asked for is what they show."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_cryoai.core.structure import Structure
from napari_cryoai.physics.ctf import CTF, electron_wavelength_A
from napari_cryoai.physics.fourier import frequencies, to_fourier, to_real
from napari_cryoai.physics.potential import map_of
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.particle_images import ParticleSimulator
from napari_cryoai.physics.simulators.particle_model import ParticleModel

N, PIXEL_A = 48, 2.5


def constant(value):
    return Distribution("constant", value)


def blob(seed=0, count=200):
    rng = np.random.default_rng(seed)
    return Structure.of_atoms(rng.normal(0, 11, (count, 3)) * [1, 0.6, 0.4], "C", 60.0)


@pytest.fixture(scope="module")
def conformers():
    return Conformers.of_structures([blob()], N, PIXEL_A)


PLAIN = ParticleModel(
    shift_A=constant(0.0), depth_A=constant(0.0), astigmatism_A=constant(0.0),
    defocus_A=constant(12_000.0), b_factor_A2=constant(60.0), snr=constant(0.1),
    contrast=constant(1.0), solvent=constant(0.0), low_frequency_A=constant(1e6),
    falloff=constant(1.0), neighbours=0.0,
)  # fmt: skip


def all_images(simulator, truth):
    return torch.cat(list(simulator.images(truth)))


def test_same_seed_same_images_bit_for_bit(conformers):
    def made(seed, count=70):
        simulator = ParticleSimulator(ParticleModel(neighbours=1.0), conformers, seed)
        return all_images(simulator, simulator.truth(count))

    assert torch.equal(made(3), made(3))
    assert not torch.equal(made(3), made(4))


def test_a_clean_image_is_the_projected_potential_times_minus_ctf(conformers):
    simulator = ParticleSimulator(PLAIN, conformers)
    truth = simulator.truth(3)
    images = simulator.clean(truth)
    g = frequencies((N, N), PIXEL_A)
    ctf = CTF(12_000.0, amplitude_contrast=0.1, b_factor_A2=60.0).at(*g)
    ctf = ctf * (torch.hypot(*g) < 0.5 / PIXEL_A)
    structure = blob().centred()
    for image, rotation in zip(images, truth.rotations, strict=True):
        turned = structure.moved_to(structure.xyz_A @ rotation.T)
        exact = to_real(-ctf * to_fourier(map_of(turned, N, PIXEL_A).sum(0)), (N, N))
        scale = float((image * exact).sum() / (exact * exact).sum())
        assert scale > 0
        assert (image - scale * exact).norm() < 0.03 * image.norm()


def test_a_shift_moves_the_particle_towards_larger_y_and_x(conformers):
    simulator = ParticleSimulator(PLAIN, conformers)
    truth = simulator.truth(2)
    moved = replace(truth, shifts_yx_A=np.array([[2 * PIXEL_A, -3 * PIXEL_A]] * 2))
    shifted = torch.roll(simulator.clean(truth), (2, -3), (1, 2))
    assert torch.allclose(simulator.clean(moved), shifted, atol=1e-3)


def test_density_is_bright(conformers):
    simulator = ParticleSimulator(replace(PLAIN, snr=constant(50.0)), conformers)
    images = all_images(simulator, simulator.truth(20))
    y, x = np.mgrid[:N, :N] - N // 2
    centre = torch.as_tensor(np.hypot(y, x) * PIXEL_A < 12)
    rim = torch.as_tensor(np.hypot(y, x) * PIXEL_A > 50)
    assert (images[:, centre].mean(1) > images[:, rim].mean(1)).all()


@pytest.mark.parametrize("snr", [0.05, 1.0])
def test_snr_is_energy_over_the_disc_by_the_noise(conformers, snr):
    simulator = ParticleSimulator(replace(PLAIN, snr=constant(snr)), conformers, 5)
    truth = simulator.truth(256)
    clean = torch.cat([simulator.clean(truth.select(slice(i, i + 64))) for i in range(0, 256, 64)])
    noise = all_images(simulator, truth) - clean
    contrast = clean - clean.mean((1, 2), keepdim=True)
    disc_px = np.pi * (conformers.diameter_A / PIXEL_A / 2) ** 2
    found = float(contrast.square().sum((1, 2)).mean() / disc_px / noise.var())
    assert found == pytest.approx(snr, rel=0.1)
    assert float(noise.var()) == pytest.approx(1.0, rel=0.01)


def rings(images):
    """Rotational mean of the power, in steps of 1 / box."""
    power = to_fourier(images).abs().square().mean(0)
    gy, gx = frequencies((N, N))
    shell = (torch.hypot(gy, gx) * N).round().long()
    return torch.bincount(shell.flatten(), power.flatten()) / torch.bincount(shell.flatten())


def test_noise_of_pixels_is_white_if_asked_for_and_else_as_coloured_as_asked(conformers):
    for low_A, falloff in ((1e6, 1.0), (60.0, 0.8)):
        model = replace(
            PLAIN, snr=constant(1e-9), low_frequency_A=constant(low_A), falloff=constant(falloff)
        )
        simulator = ParticleSimulator(model, conformers, 1)
        images = all_images(simulator, simulator.truth(600))
        power = rings(images)
        assert float(images.var()) == pytest.approx(1.0, rel=0.02)
        g = torch.arange(N // 2 + 1) / (N * PIXEL_A)
        expected = (1 + 1 / (low_A * g) ** 2) * falloff ** (2 * (2 * PIXEL_A * g) ** 2)
        ratio = power[3 : N // 2] / expected[3 : N // 2]
        assert float((ratio / ratio.mean() - 1).abs().max()) < 0.06


def test_ice_shows_rings_with_zeros_where_the_ctf_has_them(conformers):
    model = replace(PLAIN, snr=constant(1e-9), solvent=constant(50.0), b_factor_A2=constant(0.0))
    model = replace(model, cs_mm=0.0, amplitude_contrast=0.0, defocus_A=constant(9_000.0))
    simulator = ParticleSimulator(model, conformers, 1)
    power = rings(all_images(simulator, simulator.truth(300)))
    for k in (1, 2, 3):
        zero = np.sqrt(k / (electron_wavelength_A(300) * 9_000.0)) * N * PIXEL_A
        crest = np.sqrt((k + 0.5) / (electron_wavelength_A(300) * 9_000.0)) * N * PIXEL_A
        if crest < N // 2:
            assert power[round(crest)] > 1.5 * power[round(zero)]


def test_neighbours_stand_outside_the_particle_and_touch_no_other_pixel(conformers):
    simulator = ParticleSimulator(replace(PLAIN, neighbours=1.5), conformers, 2)
    truth = simulator.truth(64)
    alone = replace(truth, neighbours=np.zeros(64, int))
    added = all_images(simulator, truth) - all_images(simulator, alone)
    y, x = np.mgrid[:N, :N] - N // 2
    r = np.hypot(y, x) * PIXEL_A
    inner = added[:, torch.as_tensor(r < 20)].square().mean()
    outer = added[:, torch.as_tensor((r > 40) & (r < 55))].square().mean()
    assert float(outer) > 3 * float(inner)
    without = torch.as_tensor(truth.neighbours == 0)
    assert float(added[without].abs().max()) < 1e-5


def test_particles_of_a_micrograph_share_its_defocus_but_for_their_depth(conformers):
    model = ParticleModel(per_micrograph=25, depth_A=Distribution("normal", 0, 100))
    truth = ParticleSimulator(model, conformers).truth(100)
    spread = [truth.defocus_A[truth.micrograph == m].std() for m in range(4)]
    assert 60 < np.mean(spread) < 140 < truth.defocus_A.std()


def test_every_state_is_drawn_and_shown():
    path = Conformers.along_path(blob(), blob().moved_to(blob().xyz_A * 1.2), 3, N, PIXEL_A)
    simulator = ParticleSimulator(PLAIN, path)
    truth = simulator.truth(60)
    assert set(truth.state) == {0.0, 0.5, 1.0}
    images = simulator.clean(truth)
    for i in (0, 1, 2):
        rows = np.flatnonzero(truth.conformer == i)[:5]
        only = ParticleSimulator(PLAIN, Conformers.of_maps([path.map(i)], PIXEL_A))
        same = only.clean(replace(truth.select(rows), conformer=np.zeros(len(rows), int)))
        ratio = images[torch.as_tensor(rows)] / simulator.scale * only.scale
        assert torch.allclose(ratio, same, atol=1e-4 * float(same.abs().max()))


def test_odd_boxes_work():
    odd = Conformers.of_structures([blob()], 45, PIXEL_A)
    simulator = ParticleSimulator(PLAIN, odd)
    images = all_images(simulator, simulator.truth(70))
    assert images.shape == (70, 45, 45)
    assert float(images.var()) == pytest.approx(1.0, rel=0.1)


def test_views_made_many_at_once_give_the_same_images(monkeypatch):
    path = Conformers.along_path(blob(), blob().moved_to(blob().xyz_A * 1.2), 6, N, PIXEL_A)
    simulator = ParticleSimulator(PLAIN, path)
    truth = simulator.truth(200)
    at_once = all_images(simulator, truth)
    monkeypatch.setattr("napari_cryoai.physics.simulators.particle_images.VIEW_BYTES", 1)
    assert torch.allclose(at_once, all_images(simulator, truth), atol=1e-4)
