"""Latent spaces that know what they should not, and ones that do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_ctf import ParticleCtf
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.analysis.leakage import groups_of, leakage, properties_of

N = 1500
FEW = 99


class NoImages:
    """A source of images that nobody reads."""

    box_size_px = 64

    def __len__(self) -> int:
        return N


def stack(seed: int = 0) -> ParticleStack:
    random = np.random.default_rng(seed)
    ctf = ParticleCtf.of_values(
        N,
        defocus_u_A=random.uniform(5000, 20000, N),
        defocus_v_A=random.uniform(5000, 20000, N),
        defocus_angle_deg=0.0,
    )
    return ParticleStack.of_images(
        NoImages(),  # type: ignore[arg-type]
        1.0,
        shifts_yx_A=random.normal(size=(N, 2)),
        rotations=Rotation.random(N, random_state=seed).as_matrix(),
        ctf=ctf,
        names=[f"{i}.mrc" for i in range(30)],
        micrograph=random.integers(0, 30, N),
    )


def places(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(N, 4))


def known(z: np.ndarray, particles: ParticleStack) -> set[str]:
    found = leakage(z, properties_of(particles), groups_of(particles), permutations=FEW)
    return {leak.name for leak in found if leak.known}


@pytest.mark.parametrize("seed", range(3))
def test_a_latent_space_that_knows_nothing_is_told_to_know_nothing(seed):
    assert known(places(seed + 10), stack(seed)) == set()


def leaking(what: str, particles: ParticleStack) -> np.ndarray:
    z = places()
    assert particles.rotations is not None and particles.ctf is not None
    if what == "direction of view":
        z[:, 0] += 2 * particles.rotations[:, 2, 0]
    elif what == "direction of view, front and back alike":
        z[:, 1] += 3 * particles.rotations[:, 2, 2] ** 2
    elif what == "in-plane angle":
        angle = Rotation.from_matrix(particles.rotations).as_euler("ZYZ")[:, [0, 2]].sum(1)
        z[:, :2] += 1.5 * np.stack([np.cos(angle), np.sin(angle)], 1)
    elif what == "defocus":
        defocus = particles.ctf.defocus_u_A + particles.ctf.defocus_v_A
        z[:, 2] += (defocus - defocus.mean()) / defocus.std()
    elif what == "shift":
        z[:, 0] += particles.shifts_yx_A[:, 1]
    else:
        z[:, 3] += np.random.default_rng(3).normal(size=30)[particles.micrograph]
    return z


@pytest.mark.parametrize(
    "what",
    [
        "direction of view",
        "direction of view, front and back alike",
        "in-plane angle",
        "defocus",
        "shift",
        "micrograph",
    ],
)
def test_what_the_latent_space_knows_is_found_and_nothing_else(what):
    particles = stack()
    assert known(leaking(what, particles), particles) == {what.split(",")[0]}


def test_a_bent_relation_is_found_that_no_parabola_tells():
    random = np.random.default_rng(0)
    angle = random.uniform(0, 2 * np.pi, N)
    z = np.stack([np.cos(5 * angle), random.normal(size=N)], 1)
    (leak,) = leakage(z, {"angle": np.stack([np.cos(angle), np.sin(angle)], 1)}, permutations=FEW)
    assert leak.known and leak.share > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_places_that_only_scatter_farther_in_some_views_are_no_leak(seed):
    particles = stack(seed)
    assert particles.rotations is not None
    z = places(seed + 10) * (1 + 3 * particles.rotations[:, 2, 2] ** 2)[:, None]
    assert known(z, particles) == set()


def test_the_share_is_that_of_the_variance():
    random = np.random.default_rng(0)
    x = random.normal(size=4000)
    z = random.normal(size=(4000, 3))
    z[:, 0] = 3 * (0.5 * x + z[:, 0])  # along the axis that varies most, a fifth goes with x
    (leak,) = leakage(z, {"x": x}, permutations=9)
    assert leak.share == pytest.approx(0.2, abs=0.04)


def test_the_share_of_groups_is_that_of_the_variance_between_them():
    random = np.random.default_rng(0)
    group = random.integers(0, 200, 4000)
    z = random.normal(size=(4000, 1)) + 0.5 * random.normal(size=(200, 1))[group]
    (leak,) = leakage(z, {}, {"micrograph": group}, permutations=9)
    assert leak.share == pytest.approx(0.2, abs=0.04)


def test_words_say_how_strongly():
    random = np.random.default_rng(0)
    z, noise = random.normal(size=(1000, 2)), random.normal(size=1000)
    known = {"a": z[:, 0], "b": z[:, 0] + 3 * noise, "c": noise}
    strong, weak, none = leakage(z, known, permutations=FEW)
    assert "strongly tells the a" in strong.text()
    assert "tells something of the b" in weak.text()
    assert "does not tell the c" in none.text()


def test_p_is_evenly_spread_where_nothing_is_known():
    random = np.random.default_rng(0)
    values = {str(i): random.normal(size=400) for i in range(60)}
    p = np.array(
        [leak.p for leak in leakage(random.normal(size=(400, 3)), values, permutations=19)]
    )
    assert 0.3 < p.mean() < 0.7
    assert (p <= 0.05).mean() < 0.17


def test_what_does_not_vary_or_is_not_known_is_not_tested():
    particles = ParticleStack.of_images(NoImages(), 1.0)  # type: ignore[arg-type]
    assert properties_of(particles) == {}
    assert groups_of(particles) == {}


def test_particles_without_a_value_are_left_out():
    random = np.random.default_rng(0)
    z, values = random.normal(size=(1000, 2)), random.normal(size=1000)
    values[:400] = np.nan
    assert leakage(z, {"score": values}, permutations=9)[0].particles == 600


def test_too_few_particles_are_refused():
    with pytest.raises(CryoAIError, match="too few"):
        leakage(np.zeros((50, 2)), {"x": np.arange(50)})
