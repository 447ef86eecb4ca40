"""From what the networks say to a trace: no residue lost, none invented, the right way round."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from napari_cryoai.building.tracing import trace
from napari_cryoai.building.tracing.backbone_network import BackboneNetwork, NetworkConfig
from napari_cryoai.building.tracing.candidates import Candidates, candidates, covered, links
from napari_cryoai.building.tracing.fragments import join
from napari_cryoai.building.tracing.predict import Fields, predict
from napari_cryoai.building.tracing.prepare import Prepared
from napari_cryoai.building.tracing.residue_frames import frames
from napari_cryoai.building.tracing.residues import PlacedResidues, turned_round
from napari_cryoai.building.training.labels import label
from napari_cryoai.building.training.peptides import Peptides, peptides_of
from napari_cryoai.jobs.progress import finish
from napari_cryoai.nets.octahedral import ORDER, turned
from napari_cryoai.physics.potential import map_of

N = 64


def fields_of(peptides: Peptides) -> Fields:
    """What a perfect network would say."""
    labels = label(peptides, N)
    return Fields(
        torch.from_numpy(labels.heat).float() / 255,
        torch.from_numpy(labels.direction).float() / 127,
        torch.zeros(N, N, N),
    )


@pytest.fixture(scope="module")
def peptides(helix):
    return peptides_of(helix.centred())


@pytest.fixture(scope="module")
def truth(peptides):
    return peptides.backbone_A[:, 1, ::-1] + N // 2


def test_peaks_lie_between_the_voxels_where_the_atoms_are(peptides, truth):
    found = candidates(fields_of(peptides).heat[1])
    distance, _ = cKDTree(truth).query(found.zyx)
    assert len(found) == len(truth)
    assert distance.max() < 0.4


def test_neighbours_are_joined_from_n_to_c(peptides, truth):
    fields = fields_of(peptides)
    found = candidates(fields.heat[1])
    (path,) = join(found, links(found, fields))
    row = cKDTree(truth).query(found.zyx[path])[1]
    assert row.tolist() == list(range(len(truth)))


def test_no_candidates_and_a_lone_one_give_no_links():
    fields = Fields(
        torch.zeros(4, 8, 8, 8),
        torch.zeros(3, 8, 8, 8),
        torch.zeros(8, 8, 8),
    )
    for count in (0, 1):
        few = Candidates(np.full((count, 3), 4.0), np.ones(count))
        assert len(links(few, fields).pairs) == 0
        assert join(few, links(few, fields)) == []
    assert len(candidates(fields.heat[1])) == 0


def test_backbone_without_a_peak_is_covered(peptides, truth):
    fields = fields_of(peptides)
    found = candidates(fields.heat[1])
    few = Candidates(found.zyx[::3], found.heat[::3])
    every = covered(few, fields)
    assert len(few) < len(every) < 3 * len(truth)
    assert cKDTree(every.zyx).query(truth)[0].max() < 2.8


def test_a_fragment_that_changes_its_mind_is_cut_and_turned():
    fragment = np.repeat([0, 1], [10, 5])
    forward = np.array([4.0] * 6 + [-4.0] * 4 + [3.0, 3.0, -1.0, 3.0, 3.0])
    order, numbers = turned_round(fragment, forward)
    assert order.tolist() == [*range(6), 9, 8, 7, 6, *range(10, 15)]
    assert numbers.tolist() == [0] * 6 + [1] * 4 + [2] * 5
    assert turned_round(np.empty(0, int), np.empty(0))[0].tolist() == []


def oracle(peptides: Peptides):
    """Residues as a perfect network would place them."""
    zyx = peptides.backbone_A[:, :, ::-1] + N // 2

    def look(network, seen, ca, fragment):
        distance, row = cKDTree(zyx[:, 1]).query(ca)
        along = (zyx[row, 2] - zyx[row, 0]) * frames(ca, fragment)[:, 0]
        n = len(ca)
        return PlacedResidues(
            zyx[row],
            fragment,
            np.zeros((n, 20)),
            np.zeros((n, 3)),
            np.where(distance < 2.5, 5.0, -5.0),
            5 * np.sign(along.sum(1)),
        )

    return look


def test_a_chain_is_traced_whole_from_imperfect_candidates(peptides, monkeypatch):
    monkeypatch.setattr(trace, "look", oracle(peptides))
    fields = fields_of(peptides)
    # Every fourth residue leaves no peak, and the way is not known.
    heat = fields.heat.clone()
    for z, y, x in (peptides.backbone_A[::4, 1, ::-1] + N // 2).round().astype(int):
        heat[1, z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2] = 0
    blind = Fields(heat, torch.zeros_like(fields.direction), fields.other)
    found = finish(trace.trace(whole(-N / 2), blind, None))
    distance, row = cKDTree(peptides.backbone_A[:, 1]).query(found.ca_A)
    assert distance.max() < 0.5
    assert row.tolist() == list(range(len(peptides)))
    assert set(found.fragment) == {0}
    assert np.allclose(np.linalg.norm(found.c_A - found.ca_A, axis=1), 1.52, atol=0.2)


def test_an_empty_map_gives_an_empty_trace(peptides, monkeypatch):
    monkeypatch.setattr(trace, "look", oracle(peptides))
    fields = Fields(
        torch.zeros(4, N, N, N),
        torch.zeros(3, N, N, N),
        torch.zeros(N, N, N),
    )
    assert len(finish(trace.trace(whole(0.0), fields, None))) == 0


def test_nothing_is_traced_in_what_was_added_around_the_map(peptides, monkeypatch):
    monkeypatch.setattr(trace, "look", oracle(peptides))
    ca = peptides.backbone_A[:, 1, ::-1] + N / 2
    middle = float(np.median(ca[:, 0]))
    given = np.array([[middle, 0, 0], [N - 1, N - 1, N - 1]])
    prepared = replace(whole(-N / 2), box=given)
    found = finish(trace.trace(prepared, fields_of(peptides), None))
    assert 4 < len(found) < len(peptides)
    assert found.ca_A[:, 2].min() >= middle - N / 2
    # All of what was given is there.
    inside = (ca[:, 0] > middle + 1).sum()
    assert len(found) >= inside


def whole(origin_A: float) -> Prepared:
    """A map of which nothing was added."""
    box = np.array([[0, 0, 0], [N - 1, N - 1, N - 1]], np.float64)
    return Prepared(torch.randn(N, N, N), np.ones(3), np.full(3, origin_A), box)


def test_with_24_orientations_a_turned_map_gives_the_same_turned(helix):
    torch.manual_seed(0)
    network = BackboneNetwork(NetworkConfig(width=8)).eval()
    for block in [*network.body.before, *network.body.after]:
        torch.nn.init.normal_(block.second.weight, std=0.05)
    torch.nn.init.normal_(network.outer.weight, std=2.0)
    volume = map_of(helix.centred(), 48, 1.0)
    one = finish(predict(network, volume, range(ORDER)))
    other = finish(predict(network, turned(volume, 9), range(ORDER)))
    assert one.heat.std() > 1e-2
    for name in ("heat", "other"):
        assert torch.allclose(turned(getattr(one, name), 9), getattr(other, name), atol=2e-2)


def test_tiles_of_a_large_map_fit_together(helix, monkeypatch):
    from napari_cryoai.building.tracing import predict as module

    torch.manual_seed(0)
    network = BackboneNetwork(NetworkConfig(width=8)).eval()
    volume = map_of(helix.centred(), 80, 1.0)
    whole = finish(predict(network, volume))
    monkeypatch.setattr(module, "SIDE", 64)
    steps = list(predict(network, volume))
    pieces = finish(predict(network, volume))
    assert steps[-1].total > 1
    assert torch.allclose(whole.heat, pieces.heat, atol=5e-3)
