"""Scenes: the labels lie where the density is."""

from __future__ import annotations

import numpy as np

from napari_cryoai.building.training.labels import SECONDARY, label
from napari_cryoai.building.training.peptides import Peptides, peptides_of
from napari_cryoai.building.training.scenes import SIDE_PX, STORE
from napari_cryoai.jobs.progress import finish


def test_the_helix_has_all_its_residues_in_one_stretch(helix):
    found = peptides_of(helix)
    assert len(found) == 24
    assert set(found.chain) == {0}


def test_a_residue_without_its_carbonyl_breaks_the_chain(helix):
    gone = (helix.residue_numbers == "10") & (helix.atom_names == "C")
    found = peptides_of(helix.select(~gone))
    assert len(found) == 23
    assert found.chain.tolist() == [0] * 9 + [1] * 14


def test_heat_is_highest_at_the_atoms_and_the_direction_leads_to_the_c_terminus(helix):
    peptides = peptides_of(helix.centred())
    labels = label(peptides, 64)
    assert labels.heat.shape == (4, 64, 64, 64)
    for atom in range(3):
        z, y, x = (np.round(peptides.backbone_A[:, atom, ::-1]).astype(int) + 32).T
        assert labels.heat[atom, z, y, x].min() > 150  # at most 0.9 A beside the voxel's middle
    assert labels.heat[:, 2, 2, 2].max() == 0
    on = labels.heat[3] > 128
    # The helix runs along z; its backbone winds around it.
    assert labels.direction[0][on].mean() > 20
    assert abs(labels.direction[1][on].mean()) < 10
    near = labels.secondary[labels.secondary > 0]
    assert np.mean(near == 1 + SECONDARY.index("H")) > 0.9


def test_a_chain_turned_round_has_the_opposite_directions(helix):
    peptides = peptides_of(helix.centred())
    turned = Peptides(
        peptides.backbone_A[::-1, ::-1][:, [1, 2, 3, 0]], peptides.letters, peptides.chain
    )
    one, other = label(peptides, 64).direction, label(turned, 64).direction
    on = (np.abs(one).max(0) > 60) & (np.abs(other).max(0) > 60)
    cosine = (one[:, on].astype(float) * other[:, on]).sum(0)
    assert np.mean(cosine < 0) > 0.95


def test_density_lies_where_the_backbone_is(scenes):
    for scene in scenes:
        density = scene.density.astype(float)
        on = scene.heat[3] > 128
        assert density[on].mean() > 5 * abs(density).mean()


def test_scenes_can_be_added_and_read_again(tmp_path, structures, scenes):
    finish(STORE.write(tmp_path, 1, structures, 0))
    found = finish(STORE.write(tmp_path, 2, structures, 0))
    assert len(found) == 2
    assert np.array_equal(found[1].heat, scenes[1].heat)
    assert found[0].density.shape == (SIDE_PX,) * 3
