"""The noun of particle images."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.euler import matrices_from_zyz
from napari_cryoai.core.particle_ctf import ParticleCtf
from napari_cryoai.core.particle_stack import ParticleStack


class InMemory:
    """Images that are numbers: image `i` is `i` everywhere."""

    box_size_px = 4

    def __init__(self, values):
        self.values = np.asarray(values, np.float32)

    def __len__(self):
        return len(self.values)

    def read(self, indices):
        return np.broadcast_to(self.values[indices, None, None], (len(indices), 4, 4)).copy()

    def take(self, indices):
        return InMemory(self.values[indices])

    def names(self):
        return None


def stack(n=5, **columns):
    return ParticleStack.of_images(InMemory(range(n)), **{"pixel_size_A": 1.5, **columns})


def ctf(n=5, **values):
    usual = {"defocus_u_A": 15000 + np.arange(n), "defocus_v_A": 14000, "defocus_angle_deg": 10}
    return ParticleCtf.of_values(n, **usual | values)


def test_a_subset_keeps_image_and_row_together():
    angles = np.arange(15.0).reshape(3, 5)
    whole = stack(
        rotations=matrices_from_zyz(*angles),
        ctf=ctf(),
        names=("a.mrc", "b.mrc"),
        micrograph=[0, 1, 0, 1, 0],
        half=[1, 2, 1, 2, 0],
        shifts_yx_A=np.arange(10).reshape(5, 2),
        extra={"rlnClassNumber": np.array(list("abcde"), object)},
    )
    part = whole.select(np.array([3, 1]))
    assert part.images.read(np.arange(2))[:, 0, 0].tolist() == [3, 1]
    assert part.ctf.defocus_u_A.tolist() == [15003, 15001]
    assert part.extra["rlnClassNumber"].tolist() == ["d", "b"]
    assert part.half.tolist() == [2, 2]
    assert part.micrograph.tolist() == [1, 1]
    assert part.shifts_yx_A.tolist() == [[6, 7], [2, 3]]
    assert np.array_equal(part.rotations, whole.rotations[[3, 1]])


def test_a_mask_selects_as_its_indices_do():
    mask = np.array([True, False, True, True, False])
    whole = stack(score=np.arange(5))
    by_mask, by_index = whole.select(mask), whole.select(np.flatnonzero(mask))
    assert by_mask.score.tolist() == by_index.score.tolist() == [0, 2, 3]
    assert len(by_mask) == 3


def test_a_subset_of_a_subset_is_right_too():
    part = stack().select(np.array([4, 2, 0])).select(np.array([2, 0]))
    assert part.images.read(np.array([0, 1]))[:, 0, 0].tolist() == [0, 4]


@pytest.mark.parametrize(
    "column",
    [
        {"pixel_size_A": [1, 1, np.nan, 1, 1]},
        {"pixel_size_A": [1, 1, 0, 1, 1]},
        {"shifts_yx_A": np.where(np.arange(5) == 2, np.inf, 0)[:, None]},
        {"rotations": matrices_from_zyz([0, 0, np.nan, 0, 0], 0, 0)},
        {"half": [1, 2, 3, 1, 2]},
    ],
)
def test_values_that_are_no_values_are_refused_by_row(column):
    with pytest.raises(CryoAIError, match="row 3 "):
        stack(**column)


def test_a_mirrored_pose_is_refused():
    mirrored = np.tile(np.eye(3), (5, 1, 1))
    mirrored[1, 2, 2] = -1
    with pytest.raises(CryoAIError, match="row 2 has a pose"):
        stack(rotations=mirrored)


def test_several_pixel_sizes_are_told_apart_from_noise_in_the_digits():
    assert stack(pixel_size_A=[1.5, 1.5, 1.50001, 1.5, 1.5]).require_pixel_size() == 1.5
    with pytest.raises(CryoAIError, match=r"1\.24, 1\.25"):
        stack(pixel_size_A=[1.24, 1.25, 1.25, 1.24, 1.25]).require_pixel_size()


def test_what_is_needed_and_missing_is_asked_for():
    with pytest.raises(CryoAIError, match="no poses"):
        stack().require_rotations()
    with pytest.raises(CryoAIError, match="no CTF"):
        stack().require_ctf()
    with pytest.raises(CryoAIError, match="amplitude contrast"):
        stack(ctf=ctf(voltage_kV=300, cs_mm=2.7)).require_ctf()
    full = ctf(voltage_kV=300, cs_mm=2.7, amplitude_contrast=0.1)
    assert stack(ctf=full).require_ctf() is full


def test_a_defocus_that_is_no_number_is_refused():
    with pytest.raises(CryoAIError, match="particle 2"):
        ctf(defocus_v_A=[1, np.nan, 1, 1, 1])


def test_columns_of_another_length_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="rows"):
        stack(ctf=ctf(4))
    with pytest.raises(ValueError, match="no name"):
        stack(micrograph=0)
