"""Two processes that train together are as one with both their data."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_cryoai.nets.distributed import Team, team
from napari_cryoai.nets.trainer import Trainer

SCRIPT = """
import sys, torch
from torch import nn
from napari_cryoai.nets.distributed import team
from napari_cryoai.nets.trainer import Trainer
torch.set_num_threads(1)
with team() as crew:
    torch.manual_seed(crew.rank)
    trainer = Trainer(nn.Linear(4, 3), peak=0.1, team=crew)
    start = {k: v.clone() for k, v in trainer.network.state_dict().items()}
    x = torch.randn(16, 4, generator=torch.Generator().manual_seed(7))
    mine = x[8 * crew.rank : 8 * crew.rank + 8]
    for i in range(5):
        trainer.step(lambda: (trainer.network(mine) ** 2).mean(), i / 5)
    before = trainer.network.weight.clone()
    scale = float("nan") if crew.rank else 1.0
    trainer.step(lambda: trainer.network(mine).sum() * scale, 0.9)
    told = crew.agree(10.0 + crew.rank, torch.device("cpu"))
    torch.save({
        "facts": (crew.rank, crew.size, crew.local_rank, crew.leads, told),
        "start": start, "network": trainer.network.state_dict(),
        "averaged": trainer.averaged.state_dict(),
        "skipped": torch.equal(before, trainer.network.weight),
    }, sys.argv[1] + str(crew.rank))
"""


@pytest.fixture(scope="module")
def told(as_two, tmp_path_factory):
    """What the two processes wrote."""
    stem = str(tmp_path_factory.mktemp("team") / "rank")
    as_two(SCRIPT, stem)
    return [torch.load(f"{stem}{rank}", weights_only=True) for rank in (0, 1)]


def test_they_know_who_they_are_and_agree_with_the_first(told):
    assert told[0]["facts"] == (0, 2, 0, True, 10.0)
    assert told[1]["facts"] == (1, 2, 1, False, 10.0)


@pytest.mark.parametrize("what", ["start", "network", "averaged"])
def test_they_start_and_end_with_the_same_weights(told, what):
    first, second = (one[what] for one in told)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_they_are_as_one_with_both_their_data(told):
    network = nn.Linear(4, 3)
    network.load_state_dict(told[0]["start"])
    trainer = Trainer(network, peak=0.1)
    x = torch.randn(16, 4, generator=torch.Generator().manual_seed(7))
    for i in range(5):
        trainer.step(lambda: (network(x) ** 2).mean(), i / 5)
    for name, value in network.state_dict().items():
        assert torch.allclose(value, told[0]["network"][name], atol=1e-5)


def test_a_gradient_that_is_not_finite_in_one_is_left_out_in_both(told):
    assert told[0]["skipped"]
    assert told[1]["skipped"]


def test_one_process_is_a_team_without_messages(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with team() as crew:
        assert crew == Team(rank=0, size=1)
        assert crew.leads
        assert crew.agree(0.25, torch.device("cpu")) == 0.25
    assert not torch.distributed.is_initialized()
