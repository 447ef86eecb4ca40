"""Poses of images of a known map are found, wherever they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_ctf import ParticleCtf
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.poses.candidates import Candidates
from napari_cryoai.heterogeneity.poses.grid import BaseGrid
from napari_cryoai.heterogeneity.poses.images import (
    background_power,
    by_length,
    noise_of,
    read_pose_images,
)
from napari_cryoai.heterogeneity.poses.likelihood import marginal, shift_grid
from napari_cryoai.heterogeneity.poses.refine import refine_locally
from napari_cryoai.heterogeneity.poses.search import PoseSearch
from napari_cryoai.heterogeneity.poses.states import refine_poses
from napari_cryoai.heterogeneity.poses.views import ViewTable
from napari_cryoai.jobs.progress import finish
from napari_cryoai.physics import fourier
from napari_cryoai.physics.ctf import CTF
from napari_cryoai.physics.slices import FourierVolume
from napari_cryoai.physics.so3 import angle_deg, grid_cells
from napari_cryoai.physics.symmetry import point_group, symmetrise

N, PIXEL_A = 32, 4.0
LIMIT_PX = 3.0
PER_ROW = (
    *("rotations", "shifts_yx_A", "pixel_size_A", "half"),
    *("micrograph", "yx_px", "score", "group"),
)


@dataclass(frozen=True)
class InMemory:
    """Images that are in no file."""

    all: np.ndarray

    @property
    def box_size_px(self) -> int:
        return self.all.shape[-1]

    def __len__(self) -> int:
        return len(self.all)

    def read(self, indices):
        return self.all[indices].copy()

    def take(self, indices):
        return InMemory(self.all[indices])

    def names(self):
        return None


def blobs(seed: int = 5, count: int = 12) -> torch.Tensor:
    """A map without symmetry, `(32, 32, 32)`."""
    generator = torch.Generator().manual_seed(seed)
    axis = torch.arange(N) - N // 2
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    total = torch.zeros(N, N, N)
    for cx, cy, cz in (torch.rand(count, 3, generator=generator) - 0.5) * N / 2.0:
        total += torch.exp(-((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2) / (2 * 1.4**2))
    return total


def images_of(map_, count=60, noise=1.0, seed=0, astigmatism_A=3000.0, contrast=1.0):
    """Images with strong astigmatism and shifts up to 2 pixels; `noise` in units of their sd."""
    rng = np.random.default_rng(seed)
    rotations = Rotation.random(count, rng=seed).as_matrix()
    shifts_A = rng.uniform(-2, 2, (count, 2)) * PIXEL_A
    defocus = rng.uniform(8_000, 20_000, count)
    ctf = ParticleCtf.of_values(
        count,
        defocus_u_A=defocus + astigmatism_A / 2,
        defocus_v_A=defocus - astigmatism_A / 2,
        defocus_angle_deg=rng.uniform(0, 180, count),
        voltage_kV=300,
        cs_mm=2.7,
        amplitude_contrast=0.1,
    )
    slices = FourierVolume.of_map(map_, kernel="kaiser-bessel").slices(
        torch.from_numpy(rotations).float()
    )
    transfer = CTF.of_particles(ctf).at(*fourier.frequencies((N, N), PIXEL_A))
    phases = fourier.shift_phases(torch.from_numpy(shifts_A).float(), (N, N), PIXEL_A)
    images = contrast * fourier.to_real(-transfer * slices * phases, (N, N))
    generator = torch.Generator().manual_seed(seed + 1)
    images += noise * images.std() * torch.randn(images.shape, generator=generator)
    return ParticleStack.of_images(
        InMemory(images.numpy()), PIXEL_A, rotations=rotations, shifts_yx_A=shifts_A, ctf=ctf
    )


def found_for(stack, map_, radius=13, **options):
    images = read_pose_images(stack, np.arange(len(stack)))
    noise = background_power(stack, np.arange(len(stack)))
    return PoseSearch(map_, noise, radius, LIMIT_PX, **options).search(images)


def errors(found, stack, group=None):
    angle = angle_deg(found.rotations, torch.from_numpy(stack.rotations), group)
    there = torch.from_numpy(stack.shifts_yx_A / PIXEL_A)
    return angle, (found.shifts_yx_px - there).norm(dim=1)


@pytest.fixture(scope="module")
def map_():
    return blobs()


@pytest.fixture(scope="module")
def stack(map_):
    return images_of(map_)


def test_poses_of_noisy_images_are_found_within_two_degrees_and_a_quarter_pixel(stack, map_):
    angle, shift = errors(found_for(stack, map_), stack)
    assert angle.median() < 2.0
    assert (angle > 10).float().mean() < 0.05
    assert shift.median() < 0.25


def test_without_noise_they_are_nearly_exact(map_):
    clean = images_of(map_, 20, noise=0.02)
    angle, shift = errors(found_for(clean, map_), clean)
    assert angle.max() < 0.5
    assert shift.max() < 0.1


def test_nothing_better_lies_on_a_fine_grid_of_all_poses(stack, map_):
    """What branch and bound gave up did not hold the best pose: 36,864 cells times 29 shifts."""
    few, radius = stack.select(np.arange(12)), 9
    images = read_pose_images(few, np.arange(12), radius)
    noise = background_power(stack, np.arange(len(stack)))
    found = PoseSearch(map_, noise, radius, LIMIT_PX).search(images)
    grid = BaseGrid.of_map(
        FourierVolume.of_map(map_),
        grid_cells(3),
        3,
        shift_grid(1.0, LIMIT_PX),
        by_length(N, radius).xy,
    )
    best = torch.stack(
        [grid.likelihood(images.select(slice(i, i + 1)), noise).max() for i in range(12)]
    )
    assert (found.log_likelihood >= best - 0.01).all()


def test_astigmatism_is_that_of_the_image_whatever_way_the_particle_is_turned(map_):
    """The same images, their astigmatism not told, give poses that are worse."""
    strong = images_of(map_, 60, noise=1.5, astigmatism_A=8000.0)
    ctf = strong.ctf
    mean = (ctf.defocus_u_A + ctf.defocus_v_A) / 2
    untold = replace(strong, ctf=replace(ctf, defocus_u_A=mean, defocus_v_A=mean))
    told = found_for(strong, map_).log_likelihood.mean()
    assert told > found_for(untold, map_).log_likelihood.mean() + 5


def test_the_contrast_of_an_image_does_not_move_its_pose(map_):
    weak = images_of(map_, 40, noise=0.7, contrast=0.6)
    strong = images_of(map_, 40, noise=0.7, contrast=1.4)
    assert errors(found_for(weak, map_), weak)[0].median() < 2
    assert errors(found_for(strong, map_), strong)[0].median() < 2


def test_of_a_symmetric_map_only_the_asymmetric_unit_is_searched():
    group = point_group("D2")
    even = symmetrise(blobs(8, 5), group)
    views = images_of(even, 40)
    images = read_pose_images(views, np.arange(40))
    search = PoseSearch(even, noise_of(images), 13, LIMIT_PX, group=group)
    assert len(search.base.cells) == pytest.approx(4608 / 4, rel=0.1)
    angle, _ = errors(search.search(images), views, group.double())
    assert angle.median() < 2


def test_the_uncertainty_is_that_of_the_errors(stack, map_):
    """Errors about three axes, each of this standard deviation, are 1.54 of it in the median."""
    found = found_for(stack, map_)
    angle, shift = errors(found, stack)
    right = angle < 10
    assert (angle / found.angle_sd_deg)[right].median() == pytest.approx(1.54, rel=0.35)
    assert (shift / found.shift_sd_px)[right].median() == pytest.approx(1.18, rel=0.35)


def test_pure_noise_is_sure_of_nothing(stack, map_):
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(30, N, N)).astype(np.float32) * stack.images.all.std()
    empty = replace(stack.select(np.arange(30)), images=InMemory(noise))
    here, there = found_for(stack, map_), found_for(empty, map_)
    assert there.entropy.median() > here.entropy.median() + 2
    assert there.probability.mean() < here.probability.mean() - 0.1
    assert there.log_likelihood.median() < here.log_likelihood.median() - 10


def test_each_particle_is_compared_with_the_map_of_its_own_state(map_):
    other = blobs(5, 11)  # without the last blob
    stacks = [images_of(m, 30, noise=1.0, seed=i) for i, m in enumerate((map_, other))]
    both = replace(
        stacks[0],
        **{name: np.concatenate([getattr(s, name) for s in stacks]) for name in PER_ROW},
        images=InMemory(np.concatenate([s.images.all for s in stacks])),
        ctf=ParticleCtf(
            *(
                np.concatenate([getattr(s.ctf, f) for s in stacks])
                for f in stacks[0].ctf.__dataclass_fields__
            )
        ),
    )
    which = np.repeat([0, 1], 30)
    mean, volumes = (map_ + other) / 2, torch.stack([map_, other])
    own = finish(refine_poses(both, mean, volumes, which, max_shift_A=12))
    swapped = finish(refine_poses(both, mean, volumes, 1 - which, max_shift_A=12))
    assert own.log_likelihood.mean() > swapped.log_likelihood.mean() + 1
    assert errors(own, both)[0].median() < 2.5


def test_gauss_newton_climbs_from_some_degrees_away(map_):
    clean = images_of(map_, 20, noise=0.3)
    images = read_pose_images(clean, np.arange(20))
    turned = Rotation.from_rotvec([0.04, -0.03, 0.05]).as_matrix() @ clean.rotations
    local = refine_locally(
        FourierVolume.of_map(map_),
        images,
        background_power(clean, np.arange(20)),
        torch.from_numpy(turned),
        torch.from_numpy(clean.shifts_yx_A / PIXEL_A + 0.4).float(),
        steps=5,
    )
    truth = torch.from_numpy(clean.rotations)
    assert angle_deg(torch.from_numpy(turned), truth).min() > 3
    assert angle_deg(local.rotations, truth).median() < 1


def test_the_contrast_is_integrated_over():
    """Against the integral, done numerically."""
    match, norm, sd = 7.0, 5.0, 0.3
    a = torch.linspace(-4, 6, 20001, dtype=torch.float64)
    density = torch.exp(a * match - a * a * norm / 2 - (a - 1) ** 2 / (2 * sd**2))
    expected = torch.log(torch.trapezoid(density, a) / (sd * np.sqrt(2 * np.pi)))
    found = marginal(torch.tensor(match), torch.tensor(norm))
    assert found == pytest.approx(float(expected), abs=1e-4)


def test_the_table_of_views_is_right_to_some_per_cent(map_):
    rotations = torch.from_numpy(Rotation.random(30, rng=3).as_matrix()).float()
    xy = by_length(N, 12).xy
    exact = FourierVolume.of_map(map_, kernel="kaiser-bessel").at(rotations, xy)
    error = (ViewTable(map_, 12).at(rotations, xy) - exact).abs().square().mean().sqrt()
    assert error < 0.12 * exact.abs().square().mean().sqrt()


def test_noise_is_measured_where_there_is_no_particle(map_):
    some = images_of(map_, 200, noise=2.0)
    sd = 2.0 * images_of(map_, 200, noise=0.0).images.all.std()
    measured = background_power(some, np.arange(200))
    assert measured[3:].mean() == pytest.approx(float(sd**2 * N**2), rel=0.05)


def test_the_best_of_each_image_are_kept_and_modes_lie_apart():
    image = torch.tensor([0, 1, 0, 1, 0])
    score = torch.tensor([1.0, 9.0, 30.0, 3.0, 29.0])
    cells = torch.arange(5)
    found = Candidates(image, cells, torch.zeros(5, 2), score)
    kept = found.best(2, most=2, least=1, margin=3.0, share=0.0)
    assert kept.cell.tolist() == [2, 4, 1]
    rotations = torch.from_numpy(
        Rotation.from_rotvec(np.radians([[0, 0, 0], [0, 0, 5], [0, 0, 120]])).as_matrix()
    )
    alike = Candidates(
        torch.zeros(3).long(), torch.arange(3), torch.zeros(3, 2), -torch.arange(3.0)
    )
    assert alike.modes(rotations, 1, most=3, apart_deg=10).tolist() == [0, 2]


def test_an_empty_image_is_named(stack):
    images = stack.images.all.copy()
    images[3] = 1.0
    with pytest.raises(CryoAIError, match="same value everywhere"):
        read_pose_images(replace(stack, images=InMemory(images)), np.arange(10))
