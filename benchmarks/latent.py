"""Lasso, brush, pictures and selections among a million particles of a latent space.

    python benchmarks/latent.py [--count 1000000] [--repeats 9]

Every lasso and brush is compared with the plain test of every particle against every edge. On a
busy machine the time of the process itself says more than that of the clock; both are printed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from napari_cryoai.core.brush import near
from napari_cryoai.core.lasso import inside
from napari_cryoai.core.raster import Cells
from napari_cryoai.core.selections import Selections

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

VIEW, SHAPE = ((-4.0, 4.0), (-4.0, 4.0)), (800, 1000)
LASSO_MS, REDRAW_MS = 100.0, 40.0
LABELS = 20
RADIUS = 0.2


@dataclass(frozen=True)
class Row:
    """One line of the table; times in milliseconds."""

    what: str
    wall: list[float]
    process: list[float]
    limit: float
    wrong: int | None = None

    def cells(self) -> list[str]:
        """As they are printed."""
        wrong = "" if self.wrong is None else f"{self.wrong:,}"
        medians = (f"{np.median(times):.1f}" for times in (self.process, self.wall))
        return [self.what, wrong, *medians, f"{max(self.wall):.1f}", f"<= {self.limit:g}"]


@click.command()
@click.option("--count", default=1_000_000, show_default=True, help="Particles.")
@click.option("--repeats", default=9, show_default=True, help="Of each, after a warm-up.")
@click.option("--seed", default=0, show_default=True)
def main(count: int, repeats: int, seed: int) -> None:
    """Measure, and print a table."""
    console = Console(width=100)
    random = np.random.default_rng(seed)
    xy = random.normal(size=(count, 2)).astype(np.float32)
    console.print(f"Load before: {os.getloadavg()[0]:.1f}", highlight=False)
    rows = [
        *lassos(xy, random, repeats),
        *strokes(xy, repeats),
        *redraws(xy, random, repeats),
        *steps(count, random, repeats),
    ]
    console.print(f"Load after: {os.getloadavg()[0]:.1f}", highlight=False)
    table = Table(title=f"{count:,} particles, one core; milliseconds")
    for column in ("", "wrong", "process", "wall", "slowest wall", "target"):
        table.add_column(column, justify="right" if column else "left")
    for row in rows:
        table.add_row(*row.cells())
    console.print(table)


def lassos(xy: NDArray[np.float32], random: np.random.Generator, repeats: int) -> list[Row]:
    """Lines as users draw them, and as they could be drawn at worst."""
    lines = {
        "lasso, drawn, 60 corners": drawn(60, 1.5),
        "lasso, drawn, 500 corners": drawn(500, 1.5),
        "lasso round 95 % of all, 500 corners": drawn(500, 2.4),
        "lasso, spiral of 5 turns, 500 corners": spiral(500),
        "lasso, trembling hand, 500 corners": drawn(500, 1.5) + random.normal(0, 0.01, (500, 2)),
        "lasso, 100 random corners": random.normal(size=(100, 2)),
        "lasso, 500 random corners": random.normal(size=(500, 2)),
    }
    rows = []
    for name, line in lines.items():
        found, wall, process = timed(lambda line=line: inside(xy, line), repeats)
        wrong = int((found != by_every_edge(xy, line)).sum())
        rows.append(Row(name, wall, process, LASSO_MS, wrong))
    return rows


def strokes(xy: NDArray[np.float32], repeats: int) -> list[Row]:
    """A click, and a stroke across the cloud."""
    t = np.linspace(0, 6, 150)
    lines = {"brush, one click": np.zeros((1, 2)), "brush, stroke of 150 points": curve(t)}
    rows = []
    for name, line in lines.items():
        found, wall, process = timed(lambda line=line: near(xy, line, RADIUS), repeats)
        squared = by_every_piece(xy, line)
        # At the very rim the last bit of a sum decides.
        clear = np.abs(squared - RADIUS**2) > 1e-9
        wrong = int((found != (squared <= RADIUS**2))[clear].sum())
        rows.append(Row(name, wall, process, LASSO_MS, wrong))
    return rows


def redraws(xy: NDArray[np.float32], random: np.random.Generator, repeats: int) -> list[Row]:
    """Pictures of a new view, and others of the same view."""
    values = random.random(len(xy), dtype=np.float32)
    labels, shown = random.integers(0, LABELS, len(xy)), values < 0.3
    size = f"{SHAPE[1]} x {SHAPE[0]}"
    cells = Cells(xy, *VIEW, SHAPE)
    works: dict[str, Callable[[], Any]] = {
        f"density of a new view, {size}": lambda: Cells(xy, *VIEW, SHAPE).density(),
        "mean of a column, new view": lambda: Cells(xy, *VIEW, SHAPE).mean(values),
        "density, same view, other selection": lambda: cells.density(shown),
        "mean of a column, same view": lambda: cells.mean(values),
        f"commonest of {LABELS} labels, same view": lambda: cells.majority(labels),
    }
    return [Row(name, *timed(work, repeats)[1:], REDRAW_MS) for name, work in works.items()]


def steps(count: int, random: np.random.Generator, repeats: int) -> list[Row]:
    """Changes of the selection, with their undo."""
    selections = Selections(count)
    masks = [random.random(count) < share for share in (0.2, 0.5)]

    def change() -> None:
        selections.select(masks[0])
        selections.select(masks[1], "intersect")
        selections.invert()
        for _ in range(3):
            selections.undo()

    return [Row("three steps of a selection, undone", *timed(change, repeats)[1:], REDRAW_MS)]


def timed(work: Callable[[], Any], repeats: int) -> tuple[Any, list[float], list[float]]:
    """The result, and milliseconds of the clock and of the process."""
    result = work()
    wall, process = [], []
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        work()
        wall.append(1e3 * (time.perf_counter() - start[0]))
        process.append(1e3 * (time.process_time() - start[1]))
    return result, wall, process


def drawn(corners: int, radius: float) -> Floats:
    """A closed line as a hand draws it."""
    t = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    r = radius * (1 + 0.12 * np.sin(3 * t + 1) + 0.06 * np.sin(7 * t))
    return np.stack([r * np.cos(t), r * np.sin(t)], 1)


def spiral(corners: int, turns: int = 5) -> Floats:
    """A line that goes round several times."""
    t = np.linspace(0, 2 * np.pi * turns, corners)
    return (0.5 + t / t[-1])[:, None] * np.stack([np.cos(t), np.sin(t)], 1)


def curve(t: Floats) -> Floats:
    """A stroke that crosses itself."""
    return np.stack([2 * np.cos(t), np.sin(2 * t)], 1)


def by_every_edge(xy: NDArray[np.float32], line: Floats) -> Mask:
    """The even-odd rule as it is written."""
    x, y = xy.T.astype(np.float64)
    odd = np.zeros(len(x), np.bool_)
    for (ax, ay), (bx, by) in zip(line, np.roll(line, -1, 0), strict=True):
        if ay != by:
            odd ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * ((bx - ax) / (by - ay)))
    return odd


def by_every_piece(xy: NDArray[np.float32], line: Floats) -> Floats:
    """Squared distance to the nearest piece."""
    points = xy.astype(np.float64)
    nearest = ((points - line[0]) ** 2).sum(1)
    for a, b in pairwise(line):
        along = b - a
        t = np.clip((points - a) @ along / (along @ along), 0, 1)
        nearest = np.minimum(nearest, ((points - a - t[:, None] * along) ** 2).sum(1))
    return nearest


if __name__ == "__main__":
    main()
