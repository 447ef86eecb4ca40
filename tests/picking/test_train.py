"""Training a picker: it learns, it can be cut short, and two processes stay as one."""

from __future__ import annotations

import random
from functools import partial
from itertools import count
from types import SimpleNamespace

import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.progress import Progress, finish
from napari_cryoai.nets import run as run_module
from napari_cryoai.picking import train as train_module
from napari_cryoai.picking.batches import make_batch
from napari_cryoai.picking.losses import picking_loss
from napari_cryoai.picking.network import PickerConfig
from napari_cryoai.picking.train import TrainPickerParams, train
from napari_cryoai.picking.training_data import make_example

SMALL = {"fine_dim": 16, "dim": 16, "depth": 2, "heads": 2, "window": 4, "global_tokens": 2}
QUICK = {"device": "cpu", "precision": "float32", "batch_size": 4}


@pytest.fixture(scope="module")
def examples():
    return [make_example(seed, (), 96) for seed in range(20)]


@pytest.fixture(autouse=True)
def small_network(monkeypatch):
    monkeypatch.setattr(train_module, "PickerConfig", partial(PickerConfig, **SMALL))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _train(examples, *, checkpoint=None, resume=False, **options):
    params = TrainPickerParams(**QUICK | options)
    return train(params, examples, examples[:4], checkpoint=checkpoint, resume=resume)


def _weights(trained):
    return trained.picker.network.state_dict()


def _same(a, b):
    return all(torch.equal(value, _weights(b)[name]) for name, value in _weights(a).items())


def test_a_small_network_learns_a_few_fields_by_heart(examples):
    trained = finish(_train(examples, steps=160, pretrain=False, learning_rate=5e-3))
    assert trained.steps == (0, 160)
    batch = make_batch(examples, 16, (9,))
    torch.manual_seed(0)
    fresh = train_module.PickerNetwork(PickerConfig(**SMALL)).eval()
    with torch.inference_mode():
        before = picking_loss(fresh(batch.image), batch.targets)
        after = picking_loss(trained.picker.network(batch.image), batch.targets)
    assert after < 0.5 * before
    assert not trained.picker.network.training


@pytest.mark.parametrize("network", ["transformer", "unet"])
def test_the_stages_share_the_steps(examples, network):
    job = _train(examples, steps=10, pretrain_share=0.3, network=network)
    seen, messages = [], []
    with pytest.raises(StopIteration) as ended:
        while True:
            progress = next(job)
            assert isinstance(progress, Progress)
            seen.append(progress.done)
            messages.append(progress.message)
    trained = ended.value.value
    assert trained.steps == (3, 7)
    assert trained.picker.network.config.architecture == network
    assert seen[-1] == 100
    assert all(0 <= done <= 100 for done in seen)
    assert messages[:4] == ["Restoring"] * 3 + ["Picking"]
    assert trained.validation.examples == 4
    assert trained.picker.calibration == trained.validation.calibration


def test_the_same_seed_gives_the_same_picker_and_another_seed_another(examples):
    a, b, c = (finish(_train(examples, steps=4, seed=seed)) for seed in (1, 1, 2))
    assert _same(a, b)
    assert not _same(a, c)


@pytest.mark.parametrize("cut", [2, 5])
def test_a_training_cut_short_ends_where_an_uninterrupted_one_does(
    examples, tmp_path, monkeypatch, cut
):
    whole = finish(_train(examples, steps=8, pretrain_share=0.5))
    checkpoint = tmp_path / "picker.checkpoint"
    monkeypatch.setattr(run_module, "CHECKPOINT_S", -1.0)
    job = _train(examples, steps=8, pretrain_share=0.5, checkpoint=checkpoint)
    for _ in range(2 * cut):  # a step, and what is found after it
        next(job)
    job.close()
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.name]

    job = _train(examples, steps=8, pretrain_share=0.5, checkpoint=checkpoint, resume=True)
    assert next(job).done == pytest.approx(100 * cut / 8, abs=1)
    again = finish(job)
    assert again.steps == whole.steps
    assert _same(again, whole)
    assert again.picker.calibration == whole.picker.calibration


def test_a_finished_training_is_only_validated_again(examples, tmp_path):
    checkpoint = tmp_path / "picker.checkpoint"
    first = finish(_train(examples, steps=4, checkpoint=checkpoint))
    job = _train(examples, steps=4, checkpoint=checkpoint, resume=True)
    assert next(job).message == "Validating"
    assert _same(finish(job), first)


def test_more_steps_go_on_from_a_finished_training(examples, tmp_path):
    checkpoint = tmp_path / "picker.checkpoint"
    first = finish(_train(examples, steps=4, checkpoint=checkpoint))
    more = finish(_train(examples, steps=6, checkpoint=checkpoint, resume=True))
    assert sum(more.steps) == 6
    assert more.seconds > first.seconds


def test_resume_without_a_checkpoint_starts_anew(examples, tmp_path):
    job = _train(examples, steps=2, checkpoint=tmp_path / "none.checkpoint", resume=True)
    assert sum(finish(job).steps) == 2


@pytest.mark.parametrize("other", [{"seed": 5}, {"learning_rate": 2e-3}, {"network": "unet"}])
def test_a_checkpoint_of_other_options_is_refused(examples, tmp_path, other):
    checkpoint = tmp_path / "picker.checkpoint"
    finish(_train(examples, steps=2, checkpoint=checkpoint))
    with pytest.raises(CryoAIError, match="other options") as told:
        finish(_train(examples, steps=2, checkpoint=checkpoint, resume=True, **other))
    assert told.value.path == checkpoint


def _damaged(content: bytes) -> dict[str, bytes]:
    rng = random.Random(0)
    noise = {f"noise {i}": rng.randbytes(40) for i in range(20)}
    pickles = {f"pickle {i}": b"\x80\x02" + rng.randbytes(30) for i in range(60)}
    cuts = {f"cut at {n}": content[:n] for n in range(1, len(content), len(content) // 20)}
    return {"empty": b"", "text": b"weights", "zip": b"PK\x03\x04"} | noise | pickles | cuts


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch's, of pickles it does not like
def test_a_damaged_checkpoint_is_refused(examples, tmp_path):
    checkpoint = tmp_path / "picker.checkpoint"
    finish(_train(examples, steps=2, checkpoint=checkpoint))
    for name, content in _damaged(checkpoint.read_bytes()).items():
        checkpoint.write_bytes(content)
        with pytest.raises(CryoAIError, match="no whole checkpoint"):
            finish(_train(examples, steps=2, checkpoint=checkpoint, resume=True))
            pytest.fail(name)


@pytest.mark.parametrize("state", [[1, 2], "state", {}, {"params": None}, 3.5, None])
def test_a_file_of_something_else_is_refused(examples, tmp_path, state):
    checkpoint = tmp_path / "picker.checkpoint"
    torch.save(state, checkpoint)
    with pytest.raises(CryoAIError):
        finish(_train(examples, steps=2, checkpoint=checkpoint, resume=True))


def test_a_checkpoint_runs_no_code(examples, tmp_path):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("the pickle was run",)

    checkpoint = tmp_path / "picker.checkpoint"
    torch.save({"params": Trap()}, checkpoint)
    with pytest.raises(CryoAIError, match="no whole checkpoint"):
        finish(_train(examples, steps=2, checkpoint=checkpoint, resume=True))


def test_without_examples_there_is_nothing_to_learn(examples):
    params = TrainPickerParams(**QUICK)
    for pools in ([], examples), (examples, []):
        with pytest.raises(CryoAIError, match="nothing to learn from"):
            finish(train(params, *pools))


def test_hours_end_a_training_too(examples, monkeypatch):
    clock = count(step=0.05)
    monkeypatch.setattr(run_module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    trained = finish(_train(examples, hours=2 / 3600, pretrain_share=0.5))
    assert min(trained.steps) > 5
    assert abs(trained.steps[0] - trained.steps[1]) <= 2
    assert 2 <= trained.seconds < 3


SCRIPT = """
import sys
from functools import partial
import torch
from napari_cryoai.jobs.progress import finish
from napari_cryoai.nets.distributed import team
from napari_cryoai.picking import train as module
from napari_cryoai.picking.network import PickerConfig
from napari_cryoai.picking.training_data import make_example
torch.set_num_threads(1)
module.PickerConfig = partial(PickerConfig, **{small})
examples = [make_example(seed, (), 96) for seed in range(3)]
params = module.TrainPickerParams(**{quick}, steps=6, pretrain_share=0.5)
with team() as crew:
    torch.randn(crew.rank)
    trained = finish(module.train(params, examples, examples, crew=crew))
    crew.wait()
    torch.save(trained.picker.network.state_dict(), sys.argv[1] + str(crew.rank))
"""


def test_two_processes_end_with_one_picker(as_two, examples, tmp_path):
    as_two(SCRIPT.format(small=SMALL, quick=QUICK), str(tmp_path / "rank"))
    first, second = (torch.load(tmp_path / f"rank{i}", weights_only=True) for i in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    alone = finish(_train(examples[:3], steps=6, pretrain_share=0.5))
    assert not all(torch.equal(value, first[name]) for name, value in _weights(alone).items())
