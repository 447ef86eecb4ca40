"""How fast models are drawn, coloured, picked and mended in the *Build model* panel.

    xvfb-run -a -s "-screen 0 1600x1000x24 +extension GLX" python benchmarks/ribbon.py

A protein of 2,000 residues, made of helices, strands and loops in a random walk. Times are medians
of the code that runs before napari draws: by the clock, and of the processor alone, which tells
more where other work runs beside it. The drawing, with whatever graphics there are, is by itself.
"The right one" says how often the residue that a line of sight meets first is the one that
was aimed at: aimed at are places on the ribbon that nothing stands before, judged by a search
through all triangles.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

import napari
import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QApplication
from rich.console import Console
from rich.table import Table

from napari_cryoai.building.edit import Editor
from napari_cryoai.core import model_edits as edits
from napari_cryoai.core.amino_acids import LETTERS, name_of
from napari_cryoai.core.atomic_model import AtomicModel, Polymer, Residues
from napari_cryoai.core.model_of import rows_of_chains
from napari_cryoai.core.ribbon import Ribbon, ribbon
from napari_cryoai.core.secondary import secondary_structure
from napari_cryoai.core.structure import Structure
from napari_cryoai.ui.models.colouring import CHAIN, CONFIDENCE, PLACE, SECONDARY
from napari_cryoai.ui.models.opening import content_of
from napari_cryoai.ui.models.panel import ModelPanel
from napari_cryoai.ui.models.picking import residue_under

RESIDUES, CHAIN_RESIDUES, REPEATS = 2000, 1000, 9
Floats = NDArray[np.float64]
Times = list[tuple[float, float]]
Row = tuple[str, Times, float]


def main() -> None:
    """Measure and print."""
    model = protein(RESIDUES)
    rows = [*geometry(model), *window(model), *editing()]
    table = Table(title=f"A model of {RESIDUES} residues; load {os.getloadavg()[0]:.1f}")
    for column in ("what", "clock ms", "processor ms", "limit ms"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for what, times, limit in rows:
        clock, processor = np.median(np.array(times), axis=0) * 1e3
        table.add_row(what, f"{clock:.1f}", f"{processor:.1f}", f"{limit:g}" if limit else "")
    Console().print(table)


def geometry(model: AtomicModel) -> list[Row]:
    """The mesh, the secondary structure, and picking."""
    residues = model.residues
    chains = rows_of_chains(residues.chains)
    ca, kinds = residues.ca_A, residues.secondary
    rows: list[Row] = [
        ("mesh of the ribbon", timed(lambda: ribbon(ca, None, kinds, chains)), 150),
        ("secondary structure", timed(lambda: secondary_structure(ca, chains)), 0),
    ]
    mesh = ribbon(ca, None, kinds, chains)
    rng = np.random.default_rng(1)
    ways = rng.normal(size=(40, 3))
    ways /= np.linalg.norm(ways, axis=1)[:, None]
    faces = rng.choice(len(mesh.faces), 40)
    right, times = 0, []
    for way, face in zip(ways, faces, strict=True):
        aim = mesh.vertices[mesh.faces[face]].mean(0).astype(float)
        times.append(once(partial(residue_under, mesh, aim - 300 * way, way)))
        found = residue_under(mesh, aim - 300 * way, way)
        right += found is not None and found[0] in first_hit(mesh, aim - 300 * way, way)
    rows.append((f"picking a residue; the right one in {right} of 40", times, 200))
    return rows


def first_hit(mesh: Ribbon, origin: Floats, way: Floats) -> set[int]:
    """The residues of the triangle that is met first, by the plain definition."""
    corners = mesh.vertices[mesh.faces].astype(float)
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    matrix = np.stack([-np.broadcast_to(way, a.shape), b - a, c - a], axis=-1)
    solvable = np.abs(np.linalg.det(matrix)) > 1e-9
    t = np.full((len(a), 3), np.inf)
    t[solvable] = np.linalg.solve(matrix[solvable], (origin - a[solvable])[..., None])[..., 0]
    depth, u, v = t.T
    hit = np.flatnonzero((u >= 0) & (v >= 0) & (u + v <= 1))
    return set(mesh.residue[mesh.faces[hit[depth[hit].argmin()]]].tolist())


def window(model: AtomicModel) -> list[Row]:
    """Colours and selection, in a real window."""
    viewer = napari.Viewer(show=True)
    panel = ModelPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Build model")
    content = content_of(model)
    panel.session.remove(panel.session.add("the first", content_of(protein(50))))
    QApplication.processEvents()
    added = once(lambda: panel.session.add("benchmark", content))
    QApplication.processEvents()
    layers, opened = panel.layers, panel.session.current
    paint, draw = [], []
    for i in range(REPEATS):
        opened.coloured_by = (CONFIDENCE, CHAIN, SECONDARY, PLACE)[i % 4]
        paint.append(once(lambda: layers.sync(opened)))
        draw.append(once(QApplication.processEvents))
    select = []
    for i in range(REPEATS):
        select.append(once(partial(panel.session.select, [37 * i + 5])))
        QApplication.processEvents()
    panel.shut_down()
    viewer.close()
    return [
        ("recolour", paint, 50),
        ("   and the drawing of that", draw, 0),
        ("select a residue: ribbon, sticks, table, sequence", select, 0),
        ("add the model to the window", [added], 0),
    ]


def editing() -> list[Row]:
    """Threading again after an edit of a chain of 1,000 residues."""
    model = protein(CHAIN_RESIDUES)
    editor = Editor.of_model(model)
    thread, whole = [], []
    for i in range(REPEATS):
        trace = edits.cut(editor.trace, 100 + 80 * i)
        thread.append(once(partial(editor.threader.thread, trace)))
        editor.threader.thread(editor.trace)
        whole.append(once(lambda t=trace: content_of(editor.edited(t, model)[1])))
        editor.threader.thread(editor.trace)
    return [
        (f"thread {CHAIN_RESIDUES} residues again after a cut", thread, 100),
        ("   and the model and its ribbon of that", whole, 0),
    ]


def protein(n: int) -> AtomicModel:
    """Helices, strands and loops of a random walk that stays within a ball."""
    rng = np.random.default_rng(0)
    ca = np.cumsum(np.zeros((1, 3)), axis=0)
    while len(ca) < n:
        piece = _piece(rng)
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        turn *= np.sign(np.linalg.det(turn))
        piece = (piece - piece[0]) @ turn.T
        if (ca[-1] @ piece[-1]) > 0 and np.linalg.norm(ca[-1]) > 45:
            piece = piece @ (np.eye(3) - 2 * np.outer(ca[-1], ca[-1]) / (ca[-1] @ ca[-1])).T
        step = rng.normal(size=3)
        ca = np.concatenate([ca, ca[-1] + 3.8 * step / np.linalg.norm(step) + piece])
    ca = ca[:n]
    letters = np.array(list(LETTERS))[rng.integers(0, 20, n)]
    chains, numbers = np.full(n, "A"), np.arange(1, n + 1)
    residues = Residues(
        chains, numbers, letters, ca, rng.random(n), np.zeros(n, np.intp), np.full(n, np.nan),
        secondary_structure(ca), np.full(n, np.nan),
    )  # fmt: skip
    offsets = np.array([[-0.8, 1.2, 0], [0, 0, 0], [1.2, 0.9, 0], [0, -1.0, 1.1]])
    names = np.repeat([name_of(str(letter)) for letter in letters], 4)
    structure = Structure(
        (ca[:, None] + offsets).reshape(-1, 3), np.tile(["N", "C", "C", "C"], n), np.zeros(4 * n),
        np.ones(4 * n), np.repeat(chains, 4), np.repeat(numbers.astype(str), 4), names,
        np.tile(["N", "CA", "C", "CB"], n),
    )  # fmt: skip
    return AtomicModel(structure, residues, (Polymer("A", "".join(letters)),))


def _piece(rng: np.random.Generator) -> Floats:
    k = np.arange(rng.integers(5, 18))
    if rng.random() < 0.6:
        angle = np.radians(100) * k
        return np.stack([2.3 * np.cos(angle), 2.3 * np.sin(angle), 1.5 * k], axis=1)
    return np.stack([3.3 * k, 0.95 * (-1.0) ** k, np.zeros(len(k))], axis=1)


def timed(act: Callable[[], object]) -> Times:
    """Seconds of each of some calls."""
    return [once(act) for _ in range(REPEATS)]


def once(act: Callable[[], object]) -> tuple[float, float]:
    """Seconds of a call, by the clock and of the processor."""
    clock, processor = time.perf_counter(), time.thread_time()
    act()
    return time.perf_counter() - clock, time.thread_time() - processor


if __name__ == "__main__":
    main()
