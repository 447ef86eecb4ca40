"""Particles and latents in cryoDRGN's own form, which cryoDRGN opens."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.euler import matrices_from_zyz
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.core.particle_ctf import ParticleCtf
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.io.cryodrgn import read_cryodrgn
from napari_cryoai.io.cryodrgn_arrays import read_cryodrgn_latent
from napari_cryoai.io.cryodrgn_writer import write_cryodrgn
from napari_cryoai.io.image_stacks import open_images
from napari_cryoai.io.indices import read_indices
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.particle_stacks import write_particles
from napari_cryoai.io.plain_pickle import read_pickles

COUNT, BOX, PIXEL_A = 8, 32, 3.0
CRYODRGN = os.environ.get("CRYODRGN") or shutil.which("cryodrgn")
"""Set it to cryoDRGN's command where that is installed in an environment of its own."""


@pytest.fixture
def stack(tmp_path: Path) -> ParticleStack:
    rng = np.random.default_rng(0)
    write_mrc(tmp_path / "p.mrcs", rng.normal(size=(COUNT, BOX, BOX)).astype(np.float32), PIXEL_A)
    return ParticleStack.of_images(
        open_images([f"{i + 1}@p.mrcs" for i in range(COUNT)], tmp_path / "p.star"),
        PIXEL_A,
        shifts_yx_A=rng.normal(0, 5, (COUNT, 2)),
        rotations=matrices_from_zyz(*rng.uniform(0, 180, (3, COUNT))),
        ctf=ParticleCtf.of_values(
            COUNT,
            defocus_u_A=rng.uniform(8000, 20000, COUNT),
            defocus_v_A=rng.uniform(8000, 20000, COUNT),
            defocus_angle_deg=rng.uniform(0, 180, COUNT),
            voltage_kV=300,
            cs_mm=2.7,
            amplitude_contrast=0.1,
            phase_shift_deg=rng.uniform(0, 90, COUNT),
        ),
    )


def latents(count: int = COUNT) -> LatentTable:
    covariance = np.stack([np.diag([1.0 + i, 2.0]) for i in range(count)]).astype(np.float32)
    names = np.array([str(i) for i in range(count)])
    return LatentTable(np.ones((count, 2), np.float32), covariance, np.arange(count), names)


def test_what_is_written_is_read_again(stack: ParticleStack, tmp_path: Path):
    rows = np.arange(COUNT)
    written = write_cryodrgn(stack, tmp_path / "out", rows=rows, latents=latents())
    assert [path.name for path in written] == ["poses.pkl", "ctf.pkl", "z.pkl", "ind.pkl"]
    poses, ctf, z, indices = written
    again = read_cryodrgn(tmp_path / "p.mrcs", poses=poses, ctf=ctf, indices=indices)
    np.testing.assert_allclose(again.rotations, stack.rotations, atol=1e-6)
    np.testing.assert_allclose(again.shifts_yx_A, stack.shifts_yx_A, atol=1e-5)
    for name in ("defocus_u_A", "defocus_v_A", "defocus_angle_deg", "phase_shift_deg"):
        np.testing.assert_allclose(getattr(again.ctf, name), getattr(stack.ctf, name), rtol=1e-6)
    assert read_indices(indices).tolist() == rows.tolist()
    mean, variance = read_cryodrgn_latent(z, count=COUNT)
    np.testing.assert_allclose(variance[:, 0], 1 + rows, rtol=1e-5)
    assert np.array_equal(mean, np.ones((COUNT, 2)))


def test_the_pickles_are_of_arrays_alone(stack: ParticleStack, tmp_path: Path):
    for path in write_cryodrgn(stack, tmp_path / "out", rows=np.arange(3), latents=latents(3)):
        read_pickles(path)
    rotations, shifts = pickle.loads((tmp_path / "out/poses.pkl").read_bytes())
    assert (rotations.dtype, rotations.shape) == (np.float32, (COUNT, 3, 3))
    assert (shifts.dtype, shifts.shape) == (np.float32, (COUNT, 2))
    np.testing.assert_allclose(shifts[:, 0], -stack.shifts_yx_A[:, 1] / (BOX * PIXEL_A), rtol=1e-6)


def test_images_that_cryodrgn_would_treat_twice_are_refused(stack: ParticleStack, tmp_path: Path):
    values = {"defocus_u_A": 1e4, "defocus_v_A": 1e4, "defocus_angle_deg": 0, "voltage_kV": 300}
    values |= {"cs_mm": 2.7, "amplitude_contrast": 0.1, "phase_flipped": True}
    flipped = ParticleStack.of_images(
        stack.images, PIXEL_A, ctf=ParticleCtf.of_values(COUNT, **values)
    )
    with pytest.raises(CryoAIError, match="multiplied by their CTF"):
        write_cryodrgn(flipped, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_particles_that_tell_nothing_are_refused(stack: ParticleStack, tmp_path: Path):
    with pytest.raises(CryoAIError, match="neither poses nor a CTF"):
        write_cryodrgn(ParticleStack.of_images(stack.images, PIXEL_A), tmp_path / "out")


def test_places_of_other_particles_are_refused(stack: ParticleStack, tmp_path: Path):
    with pytest.raises(CryoAIError, match="places of 3 particles, and 8 particles"):
        write_cryodrgn(stack, tmp_path / "out", latents=latents(3))
    write_cryodrgn(stack, tmp_path / "out", latents=latents(3), rows=np.array([5, 0, 1]))
    assert len(read_cryodrgn_latent(tmp_path / "out/z.pkl", count=3)[0]) == 3


def cryodrgn(*words: object) -> str:
    if CRYODRGN is None:
        pytest.skip("cryodrgn is not installed; set CRYODRGN to its command")
    done = subprocess.run(
        [CRYODRGN, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr + done.stdout


@pytest.mark.slow
def test_cryodrgn_makes_the_same_of_our_star_file(stack: ParticleStack, tmp_path: Path):
    write_particles(stack, tmp_path / "p.star")
    cryodrgn("parse_pose_star", tmp_path / "p.star", "-o", tmp_path / "poses.pkl")
    cryodrgn("parse_ctf_star", tmp_path / "p.star", "-o", tmp_path / "ctf.pkl")
    ours = write_cryodrgn(stack, tmp_path / "out")
    for name, path in zip(("poses.pkl", "ctf.pkl"), ours, strict=True):
        theirs, mine = read_pickles(tmp_path / name)[0], read_pickles(path)[0]
        pairs = zip(theirs, mine, strict=True) if name == "poses.pkl" else [(theirs, mine)]
        for a, b in pairs:
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_cryodrgn_opens_what_we_write(stack: ParticleStack, tmp_path: Path):
    poses, ctf, ind = write_cryodrgn(stack, tmp_path / "out", rows=np.array([1, 2, 3, 6, 7]))
    options = ("--poses", poses, "--ctf", ctf, "--ind", ind, "-o", tmp_path / "map")
    said = cryodrgn("backproject_voxel", tmp_path / "p.mrcs", *options)
    assert "Old pose format" not in said
    assert (tmp_path / "map/backproject.mrc").is_file()
