"""Halves of a data set: those of the refinement, or drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.halves import halves_told, split_halves
from napari_cryoai.core.particle_stack import ParticleStack


@dataclass(frozen=True)
class NoImages:
    """So many images that nobody reads."""

    count: int
    box_size_px: int = 8

    def __len__(self) -> int:
        return self.count

    def read(self, indices):
        raise AssertionError("no image is needed to split particles")

    def take(self, indices):
        return NoImages(len(indices))

    def names(self) -> Sequence[str] | None:
        return None


def stack(half) -> ParticleStack:
    return ParticleStack.of_images(NoImages(len(half)), 1.0, half=half)


def test_halves_of_the_file_are_kept():
    given = np.random.default_rng(0).integers(1, 3, 100)
    one, two = split_halves(stack(given), 7)
    assert np.array_equal(one, np.flatnonzero(given == 1))
    assert np.array_equal(two, np.flatnonzero(given == 2))
    assert halves_told(stack(given), 7) == "Halves as the file has them"


def test_without_any_the_seed_decides():
    free = stack(np.zeros(101))
    one, two = split_halves(free, 0)
    assert abs(len(one) - len(two)) <= 1
    assert sorted([*one, *two]) == list(range(101))
    assert np.array_equal(one, split_halves(free, 0)[0])
    assert not np.array_equal(one, split_halves(free, 1)[0])
    assert "at random (seed 3)" in halves_told(free, 3)


def test_particles_in_no_half_make_up_for_the_smaller_one():
    given = np.zeros(100)
    given[:30] = 2
    one, two = split_halves(stack(given), 0)
    assert len(one) == len(two) == 50
    assert set(range(30)) <= set(two)
    assert "70 particles in none" in halves_told(stack(given), 0)


def test_a_half_without_particles_is_refused():
    with pytest.raises(CryoAIError, match="halves is empty"):
        split_halves(stack(np.ones(10)), 0)
