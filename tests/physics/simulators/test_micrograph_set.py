"""Sets of micrographs."""

from pathlib import Path

import numpy as np

from napari_cryoai.core.structure import Structure
from napari_cryoai.io.mrc import read_mrc
from napari_cryoai.io.picks import read_picks
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.micrograph_model import MicrographModel
from napari_cryoai.physics.simulators.micrograph_set import (
    TRUTH,
    MicrographSet,
    write_micrograph_set,
)


def test_a_set_is_broad_and_each_micrograph_depends_on_its_number_alone() -> None:
    models = MicrographSet(MicrographModel(), empty=0.2)
    drawn = [models.draw(i, 3, 120.0) for i in range(200)]
    assert drawn[7] == models.draw(7, 3, 120.0) != models.draw(7, 4, 120.0)
    assert 20 < sum(m.count == 0 for m in drawn) < 65
    assert 20 < sum(m.carbon > 0 for m in drawn) < 65
    assert min(m.defocus_A for m in drawn) < 10_000 < 23_000 < max(m.defocus_A for m in drawn)
    assert all(170 <= m.ice_thickness_A <= 520 for m in drawn)


def test_files_hold_images_masks_and_the_truth_with_poses(tmp_path: Path) -> None:
    atoms = Structure.of_atoms(np.random.default_rng(0).normal(0, 12, (200, 3)), "C", 60.0)
    conformers = Conformers.of_structures([atoms], 48, 3.0)
    base = MicrographModel(shape=(300, 320), pixel_size_A=3.0)
    models = MicrographSet(base, particles=Distribution("constant", 6), empty=0.0, carbon=1.0)
    paths = list(write_micrograph_set(models, conformers, 2, 0, tmp_path))
    assert [p.name for p in paths] == ["simulated_00001.mrc", "simulated_00002.mrc"]
    picks = read_picks(tmp_path / TRUTH)
    assert sum(picks.counts().values()) == len(picks) > 4
    assert {"rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnDefocusU"} <= picks.extra.keys()
    for path in paths:
        mask = read_mrc(tmp_path / "junk" / f"{path.stem}_junk.mrc", 0)
        assert mask.shape == (300, 320)
        assert 0 < mask.mean() < 1
        rows, columns = np.rint(picks.of(path.name).yx_px).astype(int).T
        assert not mask[rows, columns].any()
