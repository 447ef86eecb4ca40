"""Learning from corrections: a few make a picker better, none makes it worse.

In a small world: discs are particles, and the picker was taught that smaller ones are, too.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, Source, State, merge
from napari_cryoai.jobs.progress import finish
from napari_cryoai.nets.trainer import Trainer
from napari_cryoai.picking.batches import make_batch
from napari_cryoai.picking.calibration import Calibration
from napari_cryoai.picking.corrections import Said, soft_labels, weights_of
from napari_cryoai.picking.detectors import by_network
from napari_cryoai.picking.evaluate import match
from napari_cryoai.picking.learn import (
    Corrections,
    Glance,
    ImproveParams,
    heat_map,
    improve,
    picks_of,
    refit,
    review_order,
    see,
)
from napari_cryoai.picking.learn_fields import Cuts, corrected_field, crop, doubtful_batch
from napari_cryoai.picking.learn_fit import FREEDOM, prior_of
from napari_cryoai.picking.learn_head import judge
from napari_cryoai.picking.learned import Picker, load_picker, save_picker
from napari_cryoai.picking.listed import as_corrections, tells_corrections
from napari_cryoai.picking.losses import picking_loss
from napari_cryoai.picking.network import PickerConfig, PickerNetwork
from napari_cryoai.picking.pick import pick_micrograph, prepare_micrograph
from napari_cryoai.picking.preprocess import prepare
from napari_cryoai.picking.sight import View, field_of, same_trunk
from napari_cryoai.picking.training_data import Example
from napari_cryoai.picking.validation import validate

DIAMETER_PX = 44.0
PIXEL_A = 2.0
DIAMETER_A = DIAMETER_PX * PIXEL_A
SHAPE = (512, 512)
HIT = 0.35 * DIAMETER_PX
STEPS = 200
TINY = PickerConfig(fine_dim=16, dim=16, depth=1, heads=2, window=4, global_tokens=1)


@dataclass(frozen=True, eq=False)
class World:
    """A micrograph, its particles, and what only looks like them."""

    micrograph: Micrograph
    truth: np.ndarray
    decoys: np.ndarray


@cache
def world(seed: int, decoys: int = 14, name: str = "") -> World:
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(*[np.arange(40, 480, 62)] * 2, indexing="ij"), -1).reshape(-1, 2)
    places = rng.permutation(places + rng.uniform(-7, 7, places.shape))[: 26 + decoys]
    image = np.zeros(SHAPE)
    y, x = np.indices(SHAPE)
    for i, (row, column) in enumerate(places):
        radius, height = (0.28, 1.3) if i < decoys else (0.5, 1.0)
        image += height * (np.hypot(y - row, x - column) < radius * DIAMETER_PX)
    image = ndimage.gaussian_filter(image, 3)
    image -= ndimage.gaussian_filter(image, 40)
    pixels = (-image + 2.0 * rng.standard_normal(SHAPE)).astype(np.float32)
    name = name or f"world{seed}.mrc"
    micrograph = Micrograph(name, Path(name), SHAPE, PIXEL_A, partial(np.array, pixels))
    return World(micrograph, places[decoys:], places[:decoys])


@cache
def gullible() -> Picker:
    """A picker that was taught that small discs are particles, too."""
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    examples = [part for seed in range(100, 105) for part in _quarters(world(seed))]
    trainer = Trainer(PickerNetwork(TINY), peak=4e-3, decay=0.0, average=0.9)
    for step in range(STEPS):
        batch = make_batch(examples, 2, (0, step))
        trainer.step(partial(_loss, trainer.network, batch), step / STEPS)
    torch.set_num_threads(threads)
    network = trainer.averaged
    return Picker(network, validate(network, examples).calibration, "gullible")


def score(view: View, truth: np.ndarray, picker: Picker) -> float:
    """F1 at the picker's own threshold."""
    found = picks_of(view, picker)
    kept = (found.picks.score >= found.threshold) & ~found.picks.in_junk
    rows, _ = match(found.picks.yx_px[kept], truth, HIT)
    return 2 * len(rows) / (int(kept.sum()) + len(truth))


def left_by_user(view: View, truth: np.ndarray, picker: Picker, corrections: int) -> PickTable:
    """The picker's errors, those nearest the threshold corrected."""
    found = picks_of(view, picker)
    picks = found.picks.select(found.picks.score >= found.threshold)
    rows, _ = match(picks.yx_px, truth, HIT)
    false = np.setdiff1d(np.arange(len(picks)), rows)
    _, seen = match(picks.yx_px, truth, HIT)
    missed = np.setdiff1d(np.arange(len(truth)), seen)
    nearest = false[np.argsort(picks.score[false])][:corrections]
    state = np.full(len(picks), State.KEPT)
    state[nearest] = State.REJECTED
    clicked = truth[missed][: max(0, corrections - len(nearest))]
    return PickTable.of_points(
        view.name,
        np.concatenate([picks.yx_px, clicked]),
        score=np.append(picks.score, np.full(len(clicked), np.nan)),
        diameter_px=view.diameter_px,
        source=np.append(picks.source, np.full(len(clicked), Source.MANUAL)),
        state=np.append(state, np.full(len(clicked), State.KEPT)),
    )


def _quarters(made: World) -> list[Example]:
    prepared = prepare(made.micrograph.read(), DIAMETER_PX)
    yx = prepared.from_micrograph(np.concatenate([made.truth, made.decoys]))
    whole = Example(
        prepared.white, yx, np.ones(len(yx), np.float32), np.zeros(prepared.white.shape, np.bool_)
    )
    halves = slice(0, 128), slice(128, 256)
    return [crop(whole, (rows, columns)) for rows in halves for columns in halves]


def _loss(network: torch.nn.Module, batch: object) -> torch.Tensor:
    return picking_loss(network(batch.image), batch.targets)


@pytest.fixture(scope="module")
def picker():
    return gullible()


@pytest.fixture(scope="module")
def view(picker):
    return see(world(1).micrograph, picker, DIAMETER_A)


@pytest.fixture(scope="module")
def other(picker):
    return see(world(2).micrograph, picker, DIAMETER_A)


def corrections(view, picker, count):
    return Corrections(view, left_by_user(view, world(1).truth, picker, count))


def test_what_is_cached_gives_the_picks_of_the_detector(view, picker, tmp_path) -> None:
    save_picker(tmp_path / "w.safetensors", picker, {})
    stored = load_picker(tmp_path / "w.safetensors")
    mine = picks_of(see(world(1).micrograph, stored, DIAMETER_A), stored)
    detect = partial(by_network, weights=tmp_path / "w.safetensors", device="cpu")
    theirs = pick_micrograph(world(1).micrograph, diameter_A=DIAMETER_A, detect=detect)
    assert mine.picks == theirs.picks
    assert mine.threshold == theirs.threshold
    assert np.array_equal(mine.junk_mask, theirs.junk_mask)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_a_few_corrections_make_it_no_worse_on_other_micrographs(view, picker, count) -> None:
    new = refit(picker, [corrections(view, picker, count)])
    others = {seed: see(world(seed).micrograph, picker, DIAMETER_A) for seed in range(2, 10)}
    before, after = (
        np.mean([score(seen, world(seed).truth, one) for seed, seen in others.items()])
        for one in (picker, new)
    )
    assert after >= before - 0.005


def test_rejecting_decoys_on_one_micrograph_removes_them_on_another(view, other, picker) -> None:
    before = score(other, world(2).truth, picker)
    after = score(other, world(2).truth, refit(picker, [corrections(view, picker, 20)]))
    assert before < 0.85
    assert after > 0.93


def test_what_the_user_overlooked_hurts_little(view, other, picker) -> None:
    half = refit(picker, [corrections(view, picker, 7)])
    assert score(other, world(2).truth, half) > score(other, world(2).truth, picker) + 0.05


def test_a_clicked_particle_scores_higher_and_so_do_its_like(view, other, picker) -> None:
    made, twin = world(1), world(2)
    found = picks_of(view, picker).picks
    mine, _ = match(found.yx_px, made.truth, HIT)
    kept = found.select(mine)
    clicks = PickTable.of_points(view.name, made.decoys, source=Source.MANUAL, first_id=10**6)
    blind = Picker(picker.network, picker.calibration._replace(intercept=-2.0))
    new = refit(blind, [Corrections(view, merge([kept, clicks]))])
    cells = np.clip(np.rint(other.cells(twin.decoys)).astype(int), 0, other.field.heat.shape[0] - 1)
    before, after = (heat_map(other, p)[*cells.T] for p in (blind, new))
    assert np.median(after) > np.median(before)


def test_silence_says_little_until_much_is_corrected() -> None:
    logit = np.linspace(-3, 3, 61)
    said = np.where(logit > 0, Said.KEPT, Said.NOTHING).astype(np.uint8)
    calibration = Calibration()
    right = calibration.probability(logit)
    assert np.allclose(soft_labels(logit, said), right, atol=1e-6)
    some = said.copy()
    some[31:45:2] = Said.REJECTED
    labels = soft_labels(logit, some)
    assert np.all(labels[some == Said.REJECTED] == 0)
    near = (some == Said.KEPT) & (logit < 1)
    assert np.all(labels[near] > right[near] + 0.05)
    far = logit < -2.5
    assert np.allclose(labels[far], right[far], atol=0.02)


def test_what_was_right_counts_as_much_as_errors_when_all_errors_are_corrected() -> None:
    z = np.linspace(-3, 3, 601)
    nothing = np.where(z > 0, Said.KEPT, Said.NOTHING).astype(np.uint8)
    assert np.array_equal(weights_of(z, nothing), np.where(z > 0, 0.5, 0.3))
    everything = nothing.copy()
    everything[::3] = np.where(z[::3] > 0, Said.REJECTED, Said.CLICKED)
    assert np.all(weights_of(z, everything) > 0.6)
    assert np.all(weights_of(z, everything)[::3] == 1)


def test_the_same_corrections_give_the_same_picker(view, picker) -> None:
    one, two = (refit(picker, [corrections(view, picker, 8)]) for _ in range(2))
    assert one.digest == two.digest != picker.digest
    assert one.calibration == two.calibration


def test_the_picker_that_is_started_from_stays_as_it_is(view, picker) -> None:
    before = {k: v.clone() for k, v in picker.network.state_dict().items()}
    refit(picker, [corrections(view, picker, 8)])
    assert all(torch.equal(v, before[k]) for k, v in picker.network.state_dict().items())


def test_pickers_that_were_refitted_share_all_but_their_last_layers(view, picker) -> None:
    new = refit(picker, [corrections(view, picker, 8)])
    theirs = dict(picker.network.named_parameters())
    for name, parameter in new.network.named_parameters():
        assert (parameter is theirs[name]) == (not name.startswith("heads.")), name
    assert same_trunk(new.network, picker.network)


def test_the_prior_is_that_of_all_cells_together() -> None:
    rng = np.random.default_rng(0)
    hidden = [rng.normal(i, 2, (4, 20 + i, 30)).astype(np.float32) for i in range(3)]
    cells = np.concatenate([h.reshape(4, -1) for h in hidden], 1).astype(np.float64)
    prior = prior_of(hidden)
    spread = np.cov(cells, bias=True) + 1e-3 * cells.var(1).mean() * np.eye(4)
    assert prior.mean == pytest.approx(cells.mean(1))
    assert prior.precision[:-1, :-1] == pytest.approx(spread * 4 / FREEDOM**2)


def test_what_was_learned_survives_the_file(view, other, picker, tmp_path) -> None:
    save_picker(tmp_path / "first.safetensors", picker, {})
    first = load_picker(tmp_path / "first.safetensors")
    seen, again = (see(world(i).micrograph, first, DIAMETER_A) for i in (1, 2))
    new = refit(first, [corrections(seen, first, 10)])
    save_picker(tmp_path / "new.safetensors", new, {"corrections": 10})
    read = load_picker(tmp_path / "new.safetensors")
    assert picks_of(again, read).picks == picks_of(again, new).picks
    looked = picks_of(see(world(2).micrograph, read, DIAMETER_A), read)
    assert np.allclose(looked.picks.score, picks_of(again, new).picks.score, atol=0.01)


def test_a_refit_takes_less_than_a_second(view, picker) -> None:
    left = corrections(view, picker, 20)
    start = time.process_time()
    refit(picker, [left])
    assert time.process_time() - start < 1


def test_picks_rejected_in_bulk_become_junk(view, picker) -> None:
    found = picks_of(view, picker).picks
    picks = found.select(found.score > picker.calibration.threshold)
    corner = np.all(picks.yx_px < 260, axis=1)
    state = np.where(corner, State.REJECTED, State.KEPT).astype(np.uint8)
    assert corner.sum() >= 4
    new = refit(picker, [Corrections(view, replace(picks, state=state))])
    change = field_of(view, new).junk - field_of(view, picker).junk
    y, x = np.clip(np.rint(view.cells(picks.yx_px)).astype(int), 0, 63).T
    assert change[y, x][corner].min() > 0
    assert change[y, x][corner].mean() > change[y, x][~corner].mean()


def test_the_review_begins_where_the_picker_is_least_certain(view, picker) -> None:
    picks = picks_of(view, picker).picks
    order = review_order(view, picks, picker)
    assert sorted(order) == list(range(len(picks)))
    doubt = np.abs(picks.score - picker.calibration.threshold)[order]
    third = len(order) // 3
    assert doubt[:third].mean() < doubt[-third:].mean()
    steps = np.hypot(*np.diff(picks.yx_px[order], axis=0).T)
    assert np.mean(steps[: 2 * third] >= 3 * view.diameter_px) > 0.9


def test_what_is_decided_is_not_reviewed(view, picker) -> None:
    left = corrections(view, picker, 6).picks
    order = review_order(view, left, picker)
    assert np.all(left.state[order] == State.KEPT)
    assert np.all(left.source[order] != Source.MANUAL)
    assert len(review_order(view, PickTable.empty([view.name]), picker)) == 0


def test_the_heat_map_is_a_probability_on_the_grid_of_the_heads(view, picker) -> None:
    heat = heat_map(view, picker)
    assert heat.shape == (64, 64)
    assert heat.dtype == np.float32
    assert 0 <= heat.min() < heat.max() <= 1


def test_a_list_of_particles_says_what_was_objected_to(view, picker) -> None:
    made = world(1)
    listed = PickTable.of_points(view.name, made.truth, diameter_px=view.diameter_px)
    assert not tells_corrections(listed)
    whole = as_corrections(view, listed, picker, complete=True).picks
    part = as_corrections(view, listed, picker, complete=False).picks
    rejected = whole.yx_px[whole.state == State.REJECTED]
    assert len(match(rejected, made.decoys, HIT)[0]) > 0.9 * len(rejected) > 5
    assert np.all(part.state == State.KEPT)
    assert len(part) == len(made.truth)


def test_nothing_corrected(view, picker) -> None:
    with pytest.raises(CryoAIError, match="nothing has been corrected"):
        refit(picker, [])
    with pytest.raises(CryoAIError, match="nothing has been corrected"):
        refit(picker, [Corrections(view, picks_of(view, picker).picks)])


def test_all_rejected(view, picker) -> None:
    picks = picks_of(view, picker).picks
    state = np.full(len(picks), State.REJECTED, np.uint8)
    with pytest.raises(CryoAIError, match="no example of a particle"):
        refit(picker, [Corrections(view, replace(picks, state=state))])


def test_picks_that_do_not_go_with_the_view(view, picker) -> None:
    picks = corrections(view, picker, 5).picks
    wide = replace(picks, diameter_px=picks.diameter_px * 2)
    with pytest.raises(CryoAIError, match="wide"):
        refit(picker, [Corrections(view, wide)])
    with pytest.raises(CryoAIError, match="other micrographs"):
        refit(picker, [Corrections(view, replace(picks, names=("else.mrc",)))])
    with pytest.raises(CryoAIError, match="beyond the borders"):
        refit(picker, [Corrections(view, replace(picks, yx_px=picks.yx_px + 300))])


def test_a_view_of_another_network_is_not_reused(view, picker) -> None:
    torch.manual_seed(1)
    stranger = Picker(PickerNetwork(TINY).eval(), Calibration())
    with pytest.raises(CryoAIError, match="another network"):
        picks_of(view, stranger)
    with pytest.raises(CryoAIError, match="another network"):
        refit(stranger, [corrections(view, picker, 5)])


FEW = ImproveParams(steps=6, glances=3, learning_rate=1e-3)
ENOUGH = ImproveParams(steps=30, glances=6, patience=6, learning_rate=4e-3)


@pytest.fixture(scope="module")
def corrected():
    picker = gullible()
    view = see(world(1).micrograph, picker, DIAMETER_A)
    return Corrections(view, left_by_user(view, world(1).truth, picker, 8))


@pytest.fixture(scope="module")
def field(corrected):
    prepared = prepare_micrograph(world(1).micrograph, DIAMETER_A)
    return corrected_field(corrected, judge(corrected, gullible()), prepared)


def test_no_crop_shows_the_corner(field) -> None:
    marked = field.example.white.copy()
    marked[field.corner] = 1e6
    cuts = Cuts([replace(field, example=replace(field.example, white=marked))])
    assert cuts.side_px == 128
    for index in range(60):
        cut = cuts[index]
        assert cut.white.shape == (128, 128)
        assert cut.white.max() < 1e3


def test_crops_reach_everything_else(field) -> None:
    count = np.arange(field.example.white.size, dtype=np.float32).reshape(field.example.white.shape)
    cuts = Cuts([replace(field, example=replace(field.example, white=count))])
    seen = np.zeros(count.shape, np.bool_)
    for index in range(400):
        seen.ravel()[cuts[index].white.astype(int)] = True
    outside = np.ones(count.shape, np.bool_)
    outside[field.corner] = False
    assert seen[outside].mean() > 0.9
    assert not seen[field.corner].any()


def test_a_doubtful_peak_is_neither_wanted_nor_unwanted(field) -> None:
    sure = replace(field.example, size=np.ones_like(field.example.size))
    doubtful = replace(field.example, size=np.full_like(field.example.size, 1e-9))
    wanted, open_ = (
        doubtful_batch(Cuts([replace(field, example=e)]), 2, (0,)).targets for e in (sure, doubtful)
    )
    assert (wanted.heat == 1).any() and not (open_.heat == 1).any()
    assert torch.all(open_.heat[wanted.heat == 1] > 0.95)
    assert not open_.near.any() and not open_.size.any()


def test_the_better_picker_is_returned_and_progress_tells_how_it_goes(corrected) -> None:
    picker = refit(gullible(), [corrected])
    job = improve(FEW, picker, [corrected], [world(1).micrograph])
    glances, share = [], []
    try:
        while True:
            progress = next(job)
            share.append(progress.done / progress.total)
            if isinstance(progress.preview, Glance):
                glances.append(progress.preview)
    except StopIteration as stop:
        new = stop.value
    assert share == sorted(share)
    best = max(g.f1 for g in glances)
    assert (new is picker) == (best <= glances[0].f1_before)
    assert glances[-1].step == 6


def test_the_same_seed_gives_the_same_picker(corrected) -> None:
    digests = {
        finish(improve(ENOUGH, gullible(), [corrected], [world(1).micrograph])).digest
        for _ in range(2)
    }
    assert len(digests) == 1
    assert gullible().digest not in digests  # else nothing was trained


def test_training_on_finds_more_on_another_micrograph_too(corrected) -> None:
    new = finish(improve(ENOUGH, gullible(), [corrected], [world(1).micrograph]))
    assert not same_trunk(new.network, gullible().network)
    before, after = (
        np.mean([score(see(world(i).micrograph, p, DIAMETER_A), world(i).truth, p) for i in (2, 3)])
        for p in (gullible(), new)
    )
    assert after > before + 0.02


def test_it_can_be_cancelled_and_changes_nothing(corrected) -> None:
    before = {k: v.clone() for k, v in gullible().network.state_dict().items()}
    job = improve(FEW, gullible(), [corrected], [world(1).micrograph])
    for _ in range(4):
        next(job)
    job.close()
    assert all(torch.equal(v, before[k]) for k, v in gullible().network.state_dict().items())


def test_the_corrected_micrograph_has_to_be_at_hand(corrected) -> None:
    with pytest.raises(CryoAIError, match="not among"):
        finish(improve(FEW, gullible(), [corrected], [world(2).micrograph]))
    with pytest.raises(CryoAIError, match="nothing has been corrected"):
        finish(improve(FEW, gullible(), [], []))
