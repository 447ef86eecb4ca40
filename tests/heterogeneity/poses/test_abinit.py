"""From images alone to a map and poses, up to the hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from napari_cryoai.cli.heterogeneity_abinit import abinit_command
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.halves import split_halves
from napari_cryoai.core.particle_ctf import ParticleCtf
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.poses import abinit as abinit_job
from napari_cryoai.heterogeneity.poses import abinit_start
from napari_cryoai.heterogeneity.poses.abinit import AbInitio, AbInitioParams, abinit, check_images
from napari_cryoai.heterogeneity.poses.abinit_start import Stage, resized
from napari_cryoai.heterogeneity.poses.abinit_sums import HalfSum, spherical_mask
from napari_cryoai.heterogeneity.poses.errors import pose_errors
from napari_cryoai.heterogeneity.poses.explained import Explained, explained
from napari_cryoai.heterogeneity.poses.images import read_pose_images
from napari_cryoai.heterogeneity.poses.search import FoundPoses
from napari_cryoai.io.image_stacks import open_images
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.particle_stacks import read_particles, write_particles
from napari_cryoai.jobs.progress import finish
from napari_cryoai.physics import fourier
from napari_cryoai.physics.ctf import CTF
from napari_cryoai.physics.fsc import fsc
from napari_cryoai.physics.slices import FourierVolume
from napari_cryoai.physics.so3 import random_rotations
from napari_cryoai.physics.symmetry import point_group

N, PIXEL_A, COUNT = 32, 5.0, 200
PARAMS = AbInitioParams(starts=1, rounds=2, max_shift_A=15, thoroughness=8, device="cpu", seed=1)


@pytest.fixture(scope="module")
def map_() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    axis = torch.arange(N) - N // 2
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    total = torch.zeros(N, N, N)
    for cx, cy, cz in (torch.rand(14, 3, generator=generator) - 0.5) * N / 2.0:
        total += torch.exp(-((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2) / (2 * 1.6**2))
    return total


@pytest.fixture(scope="module")
def star(map_: torch.Tensor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images as loud as their noise, and a column of somebody else."""
    return simulated(map_, tmp_path_factory.mktemp("abinit"))


def simulated(map_: torch.Tensor, folder: Path) -> Path:
    rng = np.random.default_rng(0)
    rotations = random_rotations(COUNT, generator=torch.Generator().manual_seed(0))
    shifts_A = rng.normal(0, 4, (COUNT, 2)).clip(-10, 10)
    defocus = rng.uniform(10_000, 20_000, COUNT)
    ctf = ParticleCtf.of_values(
        COUNT,
        defocus_u_A=defocus + 200,
        defocus_v_A=defocus - 200,
        defocus_angle_deg=30.0,
        voltage_kV=300,
        cs_mm=2.7,
        amplitude_contrast=0.1,
    )
    slices = FourierVolume.of_map(map_, kernel="kaiser-bessel").slices(rotations.float())
    transfer = CTF.of_particles(ctf).at(*fourier.frequencies((N, N), PIXEL_A))
    phases = fourier.shift_phases(torch.from_numpy(shifts_A).float(), (N, N), PIXEL_A)
    images = fourier.to_real(-transfer * slices * phases, (N, N))
    images += images.std() * torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    write_mrc(folder / "particles.mrcs", images.numpy(), PIXEL_A)
    names = [f"{i + 1:06d}@particles.mrcs" for i in range(COUNT)]
    stack = ParticleStack.of_images(
        open_images(names, folder / "particles.star"),
        PIXEL_A,
        rotations=rotations.numpy(),
        shifts_yx_A=shifts_A,
        ctf=ctf,
        extra={"theirOwn": np.array([f"v{i}" for i in range(COUNT)], object)},
    )
    write_particles(stack, folder / "particles.star")
    return folder / "particles.star"


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    """As few iterations as images without much noise take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(abinit_start, "STAGES", (Stage(1, 5, 40, 100), Stage(1, 7, 15, 100)))
        patch.setattr(abinit_job, "LAST_STAGE", Stage(1, 9, 6, 200, low=7))
        yield


@pytest.fixture(scope="module")
def found(star: Path, quick: None) -> AbInitio:
    return finish(abinit(PARAMS, read_particles(star)))


def test_poses_and_map_are_found_from_images_alone(found, star, map_):
    truth = read_particles(star)
    errors = pose_errors(
        found.poses.rotations.numpy(),
        found.shifts_yx_A,
        truth.rotations,
        truth.shifts_yx_A,
    )
    assert errors.median_angle_deg < 4
    assert errors.median_shift_A < PIXEL_A / 2
    assert fsc(errors.to_truth(found.map, PIXEL_A), map_)[1:8].min() > 0.8


def at_poses(star: Path, rotations: torch.Tensor) -> Explained:
    """What a map of the images at these orientations and their true shifts explains."""
    stack = read_particles(star)
    shifts_px = torch.from_numpy(stack.shifts_yx_A / PIXEL_A).float()
    nothing = torch.zeros(COUNT)
    poses = FoundPoses(rotations, shifts_px, nothing, nothing + 1, *[nothing] * 4)
    rows = split_halves(stack, 0)
    parts = [poses.select(torch.from_numpy(half)) for half in rows]
    sums = [HalfSum(N, point_group("C1"), torch.device("cpu")) for _ in rows]
    for half, part, total in zip(rows, parts, sums, strict=True):
        total.add(read_pose_images(stack, half), part)
    maps = [total.sum.map() * spherical_mask(N, torch.device("cpu")) for total in sums]
    return finish(explained(stack, rows, (parts[0], parts[1]), (maps[0], maps[1])))


def test_a_right_map_explains_the_images(found, star):
    true = at_poses(star, torch.from_numpy(read_particles(star).rotations))
    assert true.finest is not None
    assert true.share > 0.9
    assert true.doubt is None
    assert found.explained.doubt is None


def test_a_map_that_mixes_views_is_told(star):
    rotations = torch.from_numpy(read_particles(star).rotations)
    frames = random_rotations(4, generator=torch.Generator().manual_seed(5))
    mixed = at_poses(star, rotations @ frames[torch.arange(COUNT) // 2 % 4])
    assert mixed.share < 0.6  # four maps in one: a half
    assert "may be wrong" in str(mixed.doubt)


def test_of_noise_alone_nothing_is_said(star, tmp_path):
    stack = read_particles(star)
    noise = torch.randn(COUNT, N, N, generator=torch.Generator().manual_seed(2))
    write_mrc(tmp_path / "particles.mrcs", noise.numpy(), PIXEL_A)
    names = [f"{i + 1:06d}@particles.mrcs" for i in range(COUNT)]
    images = open_images(names, tmp_path / "particles.star")
    write_particles(replace(stack, images=images), tmp_path / "particles.star")
    found = at_poses(tmp_path / "particles.star", torch.from_numpy(stack.rotations))
    assert found.finest is None
    assert found.doubt is None


def test_a_map_with_a_twofold_axis_is_found_with_it(map_, quick, tmp_path):
    group = point_group("C2")
    twofold = map_ + torch.roll(map_.flip(1, 2), (1, 1), (1, 2))  # about z through the box centre
    truth = read_particles(simulated(twofold, tmp_path))
    params = PARAMS.model_copy(update={"symmetry": "C2", "seed": 2})  # one start in two finds it
    found = finish(abinit(params, truth))
    rotations = found.poses.rotations.numpy()
    errors = pose_errors(
        rotations, found.shifts_yx_A, truth.rotations, truth.shifts_yx_A, group.double()
    )
    assert errors.median_angle_deg < 5
    turned = torch.roll(found.map.flip(1, 2), (1, 1), (1, 2))
    assert fsc(found.map, turned)[1:8].min() > 0.98


def test_a_latent_space_is_fitted_at_the_poses_that_were_found(star, quick, tmp_path):
    """Images of one map, far from the output: poses by state are as right as those of the mean."""
    out = tmp_path / "out"
    command = [str(star), "--output", str(out), "--z-dim", "1", "--starts", "1", "--rounds", "2"]
    limits = ["--max-shift-A", "15", "--thoroughness", "8", "--device", "cpu", "--seed", "1"]
    result = CliRunner().invoke(abinit_command, [*command, *limits])
    assert result.exit_code == 0, result.output
    truth, again = read_particles(star), read_particles(out / "particles.star", root=star.parent)
    errors = pose_errors(again.rotations, again.shifts_yx_A, truth.rotations, truth.shifts_yx_A)
    assert errors.median_angle_deg < 4
    with np.load(out / "latent" / "z.npz") as latent:
        assert latent["mean"].shape == (COUNT, 1)


def test_each_half_has_half_of_the_images_and_the_hand_is_said_to_be_unknown(found):
    assert abs(int((found.half == 1).sum()) - int((found.half == 2).sum())) <= 1
    assert "mirror image" in found.hand
    assert len(found.scores) == PARAMS.rounds
    assert np.isfinite(found.scores).all()


def test_poses_that_the_file_has_are_not_looked_at(star):
    """The first steps are the same whatever they say."""
    stack = read_particles(star)
    wrong = replace(
        stack, rotations=np.roll(stack.rotations, 1, 0), shifts_yx_A=np.ones((COUNT, 2))
    )
    previews = []
    for particles in (stack, wrong):
        job = abinit(PARAMS, particles)
        steps = [next(job) for _ in range(8)]
        job.close()
        previews.append(steps[-1].preview)
    assert torch.equal(*previews)


def test_the_command_writes_what_relion_opens_and_keeps_the_columns_of_others(
    star, found, monkeypatch
):
    def done(params, stack):
        assert params.rounds == 2
        return found
        yield

    monkeypatch.setattr("napari_cryoai.cli.heterogeneity_abinit.abinit", done)
    out = star.parent / "out"
    result = CliRunner().invoke(
        abinit_command, [str(star), "--output", str(out), "--rounds", "2", "--json"]
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.output.splitlines()[-1])["result"]["particles"] == COUNT
    again = read_particles(out / "particles.star")
    assert again.extra["theirOwn"][5] == "v5"
    assert np.abs(again.rotations - found.poses.rotations.numpy()).max() < 1e-4
    assert again.shifts_yx_A == pytest.approx(found.shifts_yx_A, abs=1e-3)
    assert again.images.read(np.arange(2)).shape == (2, N, N)
    likelihood = again.extra["rlnLogLikeliContribution"].astype(float)
    assert likelihood == pytest.approx(found.poses.log_likelihood.numpy(), abs=1e-3)
    names = {path.name for path in out.iterdir()}
    assert {"map.mrc", "half1.mrc", "half2.mrc", "fsc.csv", "hand.txt", "job.json"} <= names


def test_what_no_map_can_be_found_from_is_refused(star):
    stack = read_particles(star)
    with pytest.raises(CryoAIError, match="first map takes"):
        check_images(stack.select(np.arange(5)))
    with pytest.raises(CryoAIError, match="no CTF"):
        check_images(replace(stack, ctf=None))
    with pytest.raises(CryoAIError, match="from the centre"):
        next(abinit(AbInitioParams(max_shift_A=500, device="cpu"), stack))


def test_a_half_without_images_is_refused(star):
    stack = replace(read_particles(star), half=np.ones(COUNT, np.int8))
    with pytest.raises(CryoAIError, match="one of the two halves"):
        next(abinit(PARAMS, stack))


def test_other_voxels_leave_the_projections_as_they_are(map_):
    rotations = random_rotations(3, generator=torch.Generator().manual_seed(2)).float()
    xy = torch.tensor([[1.0, 2.0], [3.0, -2.0], [0.0, 4.0]])
    small = FourierVolume.of_map(resized(map_, 20), kernel="kaiser-bessel").at(rotations, xy)
    large = FourierVolume.of_map(map_, kernel="kaiser-bessel").at(rotations, xy)
    assert (small - large).abs().max() < 0.01 * large.abs().max()
