"""A latent space against the truth: models that are right, wrong, and without any motion."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.model import LatentModel
from napari_cryoai.heterogeneity.scoring.evaluate import (
    drawn_rows,
    evaluate,
    evaluate_maps,
    mean_map,
    on_grid,
)
from napari_cryoai.heterogeneity.scoring.scores import HeterogeneityScores
from napari_cryoai.io.maps import write_map
from napari_cryoai.io.particle_truth import ParticleSetTruth

N, PIXEL_A, COUNT, STATES = 20, 4.0, 300, 7


def maps_of(places: np.ndarray) -> torch.Tensor:
    """A ball that stays, and one that wanders along x; rough, so that high frequencies tell too."""
    z, y, x = torch.meshgrid(*[torch.arange(N) - N / 2] * 3, indexing="ij")
    rough = torch.randn(N, N, N, generator=torch.Generator().manual_seed(3))
    still = torch.exp(-(z**2 + y**2 + x**2) / 12) * (1 + rough)
    wander = [torch.exp(-((z - 5) ** 2 + y**2 + (x - 4 * a) ** 2) / 6) for a in places.tolist()]
    return torch.stack([still + 0.7 * ball for ball in wander]).float()


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> ParticleSetTruth:
    """300 particles in 7 states."""
    folder = tmp_path_factory.mktemp("truth")
    places = np.linspace(-1, 1, STATES)
    for i, data in enumerate(maps_of(places)):
        write_map(folder / f"truth_{i + 1:03d}.mrc", DensityMap(data.numpy(), PIXEL_A))
    rng = np.random.default_rng(0)
    return ParticleSetTruth(
        conformer=rng.integers(STATES, size=COUNT),
        state=places,
        coordinates=places[:, None],
        rotations=np.broadcast_to(np.eye(3), (COUNT, 3, 3)),
        shifts_yx_A=np.zeros((COUNT, 2)),
        contrast=np.ones(COUNT),
        names=np.array([f"{i + 1:06d}@a.mrcs" for i in range(COUNT)]),
        maps=np.array([f"truth_{i + 1:03d}.mrc" for i in range(STATES)]),
        pixel_size_A=PIXEL_A,
        folder=folder,
    )


def model_with(truth: ParticleSetTruth, components: int, blur: float = 0.0) -> LatentModel:
    """The first principal components of the true maps, at true places or blurred ones."""
    maps = torch.stack([torch.from_numpy(truth.map_of(i).data) for i in range(truth.n_states)])
    mean = maps.mean(0)
    u, s, vt = torch.linalg.svd((maps - mean).flatten(1), full_matrices=False)
    z = (u * s)[:, :components].numpy()[truth.conformer]
    z = z + blur * np.random.default_rng(1).normal(size=z.shape) * z.std(0)
    table = LatentTable(
        z.astype(np.float32),
        np.broadcast_to(
            0.01 * np.eye(components, dtype=np.float32), (COUNT, components, components)
        ),
        np.arange(COUNT),
        truth.names,
    )
    return LatentModel(
        "covariance", mean, vt[:components].reshape(-1, N, N, N).contiguous(), None, table, PIXEL_A
    )


def test_all_components_at_the_true_places_score_full_marks(truth):
    scores = evaluate(model_with(truth, 6), truth, images=30)
    assert scores.fsc.auc == pytest.approx(0.5, abs=1e-4)
    assert scores.fsc.resolution_px == pytest.approx(2)
    assert scores.difference.correlation == pytest.approx(1, abs=1e-3)
    assert scores.latent is not None
    assert scores.latent.explained > 0.95
    assert scores.consensus.auc.mean() < 0.495
    assert scores.verdict().startswith("The maps are nearer to the truth")


def test_fewer_components_and_blurred_places_score_less(truth):
    options = {"images": 40}
    auc = [
        evaluate(model, truth, **options).fsc.auc.mean()
        for model in (model_with(truth, 6), model_with(truth, 2), model_with(truth, 2, 0.7))
    ]
    assert auc[0] > auc[1] > auc[2]


def test_places_drawn_at_random_are_told_to_be_no_heterogeneity(truth):
    model = model_with(truth, 2)
    z = np.random.default_rng(5).normal(size=model.table.mean.shape).astype(np.float32)
    told = evaluate(replace(model, table=replace(model.table, mean=z)), truth)
    assert told.latent is not None
    assert told.latent.explained < 0.1
    assert told.verdict().startswith("No better than one map")


def test_of_a_single_state_the_variation_is_said_to_be_noise(truth):
    model = model_with(truth, 2)
    still = replace(
        truth,
        conformer=np.zeros(COUNT, int),
        state=truth.state[:1],
        coordinates=truth.coordinates[:1],
        maps=truth.maps[:1],
    )
    scores = evaluate(model, still, images=20)
    assert scores.verdict().startswith("The truth is one map")
    found = scores.as_dict()
    assert found["difference"]["correlation"] is None
    assert found["latent"]["explained"] is None
    assert found["difference"]["variation"] > 0.01


def test_the_same_images_are_drawn_for_every_method():
    assert drawn_rows(5000).tolist() == drawn_rows(5000).tolist()
    assert len(drawn_rows(5000)) == len(set(drawn_rows(5000).tolist())) == 100
    assert drawn_rows(12).tolist() == list(range(12))
    assert drawn_rows(5000, seed=1).tolist() != drawn_rows(5000).tolist()


def test_particles_in_another_order_are_matched_by_name(truth):
    model = model_with(truth, 6)
    order = np.random.default_rng(2).permutation(COUNT)
    turned = replace(model.table.select(order), rows=np.arange(COUNT))
    scores = evaluate(replace(model, table=turned), truth, images=10)
    assert scores.fsc.auc == pytest.approx(0.5, abs=1e-4)


def test_a_consensus_that_is_given_is_the_floor(truth):
    first = torch.from_numpy(truth.map_of(0).data)
    model = model_with(truth, 6)
    scores = evaluate(model, truth, images=25, consensus=first)
    at_first = scores.conformers == 0
    assert scores.consensus.auc[at_first] == pytest.approx(0.5)
    assert scores.consensus.auc[~at_first].max() < 0.5


def test_maps_by_any_program_can_be_scored(truth):
    def true_map(i: int) -> torch.Tensor:
        return torch.from_numpy(truth.map_of(int(truth.conformer[i])).data)

    scores = evaluate_maps(true_map, np.arange(COUNT), truth, images=10)
    assert scores.latent is None
    assert scores.fsc.auc == pytest.approx(0.5)
    rows = list(scores.rows())
    assert len(rows) == 11
    assert len({len(row) for row in rows}) == 1


def test_maps_of_a_smaller_box_over_the_same_field_hold_nothing_beyond():
    fine = torch.randn(N, N, N, generator=torch.Generator().manual_seed(0))
    coarse = DensityMap(on_grid(DensityMap(fine.numpy(), PIXEL_A), 10, 2 * PIXEL_A).numpy(), 8.0)
    again = on_grid(coarse, N, PIXEL_A)
    assert again.shape == (N, N, N)
    there = on_grid(DensityMap(again.numpy(), PIXEL_A), 10, 2 * PIXEL_A)
    assert torch.allclose(there, torch.from_numpy(coarse.data), atol=1e-4)


def test_maps_of_another_field_are_refused():
    with pytest.raises(CryoAIError, match="60 A wide, the true ones 80 A"):
        on_grid(DensityMap(np.zeros((20, 20, 20), np.float32), 3.0), N, PIXEL_A)


def test_a_truth_of_other_particles_is_refused(truth):
    other = replace(truth, names=np.array([f"{i + 1:06d}@b.mrcs" for i in range(COUNT)]))
    with pytest.raises(CryoAIError, match="knows nothing of the image"):
        evaluate(model_with(truth, 1), other)


def test_no_particles_are_refused(truth):
    with pytest.raises(CryoAIError, match="no particles"):
        evaluate_maps(lambda i: torch.zeros(N, N, N), np.empty(0, np.int64), truth)


def test_the_mean_map_counts_states_as_often_as_they_occur():
    found = mean_map(lambda i: torch.full((2, 2, 2), float(i)), [0, 3, 3, 3])
    assert torch.allclose(found, torch.full((2, 2, 2), 2.25))


def test_scores_are_plain_numbers(truth):
    scores = evaluate(model_with(truth, 2), truth, images=10)
    assert isinstance(scores, HeterogeneityScores)
    flat = [
        v
        for part in scores.as_dict().values()
        for v in (part.values() if isinstance(part, dict) else [part])
    ]
    assert all(isinstance(v, (int, float, str)) for v in flat)
