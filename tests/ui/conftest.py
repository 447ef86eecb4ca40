"""A small set of micrographs on disk, and a panel that works on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_cryoai.core.picks import PickTable, Source
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.ui.kit import settings

PIXEL_A = 2.0
SIDE = 256
DIAMETER_A = 48.0
COUNT = 16


def positions(seed: int) -> np.ndarray:
    """A jittered grid of particle centres, `(16, 2)` pixels."""
    rng = np.random.default_rng(seed)
    y, x = np.arange(4) * 60 + 30, np.arange(4) * 60 + 38
    grid = np.stack(np.meshgrid(y, x, indexing="ij"), -1).reshape(-1, 2)
    return grid + rng.uniform(-6, 6, grid.shape)


def image(seed: int, centres: np.ndarray | None = None, side: int = SIDE) -> np.ndarray:
    """A micrograph with dark discs, by default at `positions(seed)`."""
    rng = np.random.default_rng(seed + 100)
    y, x = np.mgrid[:side, :side]
    pixels = rng.normal(10, 0.6, (side, side))
    for cy, cx in positions(seed) if centres is None else centres:
        pixels -= 1.5 * (np.hypot(y - cy, x - cx) < DIAMETER_A / PIXEL_A / 2)
    return pixels.astype(np.float32)


def table(name: str, seed: int, **columns: Any) -> PickTable:
    """What a picker finds there: the particles score 0.5 to 0.9, four false peaks 0.1."""
    false = np.array([[8.0, 8.0], [8.0, 246.0], [246.0, 8.0], [246.0, 246.0]])
    score = np.concatenate([np.linspace(0.5, 0.9, COUNT), np.full(4, 0.1)])
    return PickTable.of_points(
        name,
        np.concatenate([positions(seed), false]),
        score=score,
        diameter_px=DIAMETER_A / PIXEL_A,
        source=Source.AUTO,
        **columns,
    )


@pytest.fixture
def sim() -> SimpleNamespace:
    """What there is to find, and how to make it."""
    return SimpleNamespace(
        count=COUNT,
        diameter_A=DIAMETER_A,
        pixel_A=PIXEL_A,
        positions=positions,
        image=image,
        table=table,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three micrographs that tell their pixel size."""
    where = tmp_path / "micrographs"
    where.mkdir()
    for i in range(3):
        write_mrc(where / f"mic{i}.mrc", image(i), pixel_size_A=PIXEL_A)
    return where


@pytest.fixture(autouse=True)
def autosave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Journals go where the test can see them."""
    monkeypatch.setattr(settings, "autosave_folder", lambda: tmp_path / "autosave")
    return tmp_path / "autosave"


@pytest.fixture
def wait(qtbot: Any) -> Callable[[Callable[[], Any]], None]:
    """Let the window live until something is true."""

    def until(condition: Callable[[], Any]) -> None:
        qtbot.waitUntil(lambda: bool(condition()), timeout=20_000)

    return until


@pytest.fixture
def on_viewer(qtbot: Any) -> Iterator[Callable[..., Any]]:
    """Makes panels, each on a viewer of its own if none is given, and shuts them down in the end.

    The viewers have no window and draw nothing, which saves a second each; `test_window.py` has
    some that do.
    """
    made = []

    def make(kind: Callable[[Any], Any], viewer: Any = None) -> Any:
        made.append(kind(viewer or ViewerModel()))
        return made[-1]

    yield make
    for panel in made:
        panel.shut_down()
        panel.close()


@pytest.fixture
def make_panel(on_viewer: Any, wait: Any) -> Callable[..., Any]:
    """Panels with micrographs open if a folder is given."""
    from napari_cryoai.ui.picking.panel import PickParticles

    def make(folder: Path | None = None) -> Any:
        panel = on_viewer(PickParticles)
        if folder is not None:
            panel.open([folder])
            wait(lambda: panel.layers.points is not None)
        return panel

    return make


@pytest.fixture
def panel(make_panel: Any, folder: Path, wait: Any) -> Any:
    """A panel with three micrographs, on which a picker has found particles."""
    from napari_cryoai.core import edits
    from napari_cryoai.core.picks import concatenate

    panel = make_panel(folder)
    session = panel.session
    session.set_diameter(DIAMETER_A)
    found = concatenate(table(f"mic{i}.mrc", i) for i in range(3))
    session.picked |= set(session.micrographs)
    session.do(edits.AddPicks(found.renumbered(session.history.new_ids(len(found)))), "Pick")
    session.preview_filters(threshold=0.3)
    session.commit_filters()
    wait(lambda: len(panel.layers.points.data) == COUNT)  # circles follow in an event of their own
    return panel


# Learning -----------------------------------------------------------------------------------------


def eyes(_network: Any, image: Any, _hidden: Any = None) -> Any:
    """What a trained network would see: how bright it is around each cell, over eight distances.

    Stands for `PickerNetwork.features`, so that tests need no training; all else is real.
    """
    import torch
    from torch.nn import functional

    cells = functional.avg_pool2d(image, 4, ceil_mode=True)
    seen = []
    for radius in (0.5, 1.5, 2.0, 2.8, 3.5, 4.5, 6.0, 8.0):
        reach = int(radius)
        y, x = torch.meshgrid(*[torch.arange(-reach, reach + 1.0)] * 2, indexing="ij")
        disc = (torch.hypot(y, x) <= radius).float()
        padded = functional.pad(cells, [reach] * 4, "replicate")
        seen.append(functional.conv2d(padded, disc[None, None] / disc.sum()))
    return torch.cat(seen, 1)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a picker that likes bright discs of the particle's size."""
    import torch

    from napari_cryoai.picking.calibration import Calibration
    from napari_cryoai.picking.learned import Picker, save_picker
    from napari_cryoai.picking.network import PickerConfig, PickerNetwork

    monkeypatch.setattr(PickerNetwork, "features", eyes)
    network = PickerNetwork(PickerConfig(fine_dim=8, dim=16, depth=1)).eval().requires_grad_(False)
    first, _, last = network.heads
    with torch.no_grad():
        for layer in (first, last):
            layer.weight.zero_()
            layer.bias.zero_()
        first.weight[:, :, 0, 0] = 10 * torch.eye(8)
        last.weight[0, 3, 0, 0] = 1.0
        last.bias[0], last.bias[4] = -3.5, -5.0
    path = tmp_path / "picker.safetensors"
    save_picker(path, Picker(network, Calibration(1.0, 0.0, 0.5)), {})
    return path


@pytest.fixture
def picked(make_panel: Any, folder: Path, weights: Path, wait: Any) -> Any:
    """A panel with three micrographs that were picked by a detector that can learn."""
    panel = make_panel(folder)
    panel.pick.form.set("diameter_A", DIAMETER_A)
    panel.pick.form.set("detector", "transformer")
    panel.pick.more.widgets["weights"].value = weights
    panel.pick.run()
    wait(lambda: not panel.pick.runner.running)
    wait(lambda: len(panel.session.picked) == 3)
    return panel
