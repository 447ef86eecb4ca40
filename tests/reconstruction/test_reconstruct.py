"""From particles with known poses back to the map that they are of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.io.particle_stacks import read_particles
from napari_cryoai.jobs.progress import finish
from napari_cryoai.physics import particle_insertion
from napari_cryoai.physics.fsc import fsc
from napari_cryoai.reconstruction.output import FileStore, write_reconstruction
from napari_cryoai.reconstruction.reconstruct import (
    Reconstruction,
    ReconstructParams,
    noise_to_signal,
    reconstruct,
)

PARAMS = ReconstructParams(device="cpu")


@pytest.fixture(scope="session")
def stack(particles: Path) -> ParticleStack:
    return read_particles(particles)


@pytest.fixture(scope="session")
def found(stack: ParticleStack) -> Reconstruction:
    return finish(reconstruct(PARAMS, stack))


def test_the_map_is_that_of_the_particles_with_its_grey_values(found, truth):
    curve = fsc(found.map, truth)
    assert curve[1:8].min() > 0.9
    outline = truth > 0.3
    slope = (found.map[outline] * truth[outline]).sum() / (truth[outline] ** 2).sum()
    assert slope == pytest.approx(1.0, abs=0.1)


def test_the_halves_are_independent_and_as_good_as_their_fsc_says(found, truth):
    halves = fsc(found.half1, found.half2)
    expected = (2 * halves / (1 + halves)).clamp(min=0).sqrt()
    against_truth = fsc((found.half1 + found.half2) / 2, truth)
    assert (expected - against_truth)[1:11].abs().max() < 0.03
    assert found.fsc.unmasked.values[1:].allclose(halves[1:])


@pytest.mark.parametrize("column", ["shifts_yx_A", "rotations"])
def test_without_shifts_or_poses_it_would_be_worse(column, stack, found, truth):
    turned = np.roll(getattr(stack, column), 1, axis=0)
    worse = finish(reconstruct(PARAMS, replace(stack, **{column: turned})))
    assert fsc(worse.map, truth)[4:10].mean() < fsc(found.map, truth)[4:10].mean() - 0.1


def test_flipped_and_premultiplied_images_give_the_same_map(stack, monkeypatch):
    """What the flags say of the images is undone: here of images to which it was done.

    Without the window, which does not commute with it.
    """
    monkeypatch.setattr(particle_insertion, "windowed", lambda images: images)
    found = finish(reconstruct(PARAMS, stack))
    from napari_cryoai.physics import fourier
    from napari_cryoai.physics.ctf import CTF

    class Made:
        def __init__(self, images):
            self.all = images
            self.box_size_px = images.shape[-1]

        def __len__(self):
            return len(self.all)

        def read(self, indices):
            return self.all[indices].numpy()

        def take(self, indices):
            return Made(self.all[indices])

    n = stack.box_size_px
    images = fourier.to_fourier(torch.from_numpy(stack.images.read(np.arange(len(stack)))))
    function = -CTF.of_particles(stack.ctf).at(*fourier.frequencies((n, n), 3.0))
    yes = np.ones(len(stack), np.bool_)
    for factor, flag in ((function.sign(), "phase_flipped"), (function, "premultiplied")):
        made = Made(fourier.to_real(images * factor, (n, n)))
        other = replace(stack, images=made, ctf=replace(stack.ctf, **{flag: yes}))
        again = finish(reconstruct(PARAMS, other))
        assert torch.allclose(again.half1, found.half1, atol=2e-3 * float(found.half1.max()))


def test_the_same_seed_gives_the_same_map(stack, found):
    again = finish(reconstruct(PARAMS, stack))
    assert torch.equal(again.map, found.map)


def test_an_empty_half_is_an_error(stack):
    with pytest.raises(CryoAIError, match="halves is empty"):
        finish(reconstruct(PARAMS, replace(stack, half=np.ones(len(stack), np.int8))))


@pytest.mark.parametrize(("missing", "said"), [("rotations", "poses"), ("ctf", "CTF")])
def test_what_is_missing_is_named(stack, missing, said):
    with pytest.raises(CryoAIError, match=said):
        finish(reconstruct(PARAMS, replace(stack, **{missing: None})))


def test_noise_to_signal_is_that_of_both_halves_together():
    curve = torch.tensor([1.0, 0.999, 1 / 3, 0.143, 0.01, 0.5], dtype=torch.float64)
    ratio = noise_to_signal(curve)
    assert ratio[2] == pytest.approx(1.0)  # SNR = 2 * (1/3) / (2/3)
    assert ratio[3] == pytest.approx(3.0, rel=0.01)
    assert (ratio[4:] > 1e5).all()


def test_a_killed_job_goes_on_from_its_last_sums(stack, particles, found, tmp_path, monkeypatch):
    from napari_cryoai.reconstruction import output
    from napari_cryoai.reconstruction import reconstruct as module

    monkeypatch.setattr(output, "EVERY_S", 0.0)
    monkeypatch.setattr(module, "BATCH_BYTES", 4 * 32 * 32 * 50)
    job = reconstruct(PARAMS, stack, store=FileStore(tmp_path, PARAMS, particles, stack))
    for progress in job:
        if progress.done >= 300:
            break
    job.close()
    again = reconstruct(PARAMS, stack, store=FileStore(tmp_path, PARAMS, particles, stack))
    assert next(again).done >= 200
    assert torch.allclose(finish(again).map, found.map, atol=1e-4 * float(found.map.max()))
    other = FileStore(tmp_path, ReconstructParams(device="cpu", symmetry="C2"), particles, stack)
    assert next(reconstruct(PARAMS, stack, store=other)).done == 0


def test_files_are_those_that_other_programs_open(found, tmp_path):
    import mrcfile

    files = write_reconstruction(found, tmp_path)
    assert {f.name for f in files} >= {"half1.mrc", "half2.mrc", "map.mrc", "fsc.csv", "fsc.png"}
    assert all(f.stat().st_size > 0 for f in files)
    with mrcfile.open(tmp_path / "map.mrc") as file:
        assert file.voxel_size.x == pytest.approx(3.0)
        assert np.array_equal(file.data, found.map.numpy())
