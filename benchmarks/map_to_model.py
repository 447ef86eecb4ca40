"""From a map to an atomic model, against the truth and against the targets that were set.

    python benchmarks/map_to_model.py --structures FOLDER --maps FOLDER --part simulated --part real

Parts, as many as wanted: simulated (30 maps of proteins that nothing was trained on), real (public
maps), decoys (what is built into nucleic acids, glycans and detergent), speed, turns (of the map
against turns of the model), bad (input). With `--json`, what is in the file already, of the same
weights, program and options, is not measured again.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from map_to_model_bad import bad_inputs
from map_to_model_set import (
    Case,
    decoy_cases,
    in_decoys,
    real_cases,
    residues_of,
    simulated_cases,
)
from map_to_model_speed import measured_speed
from map_to_model_turns import turned_models
from rich.console import Console
from rich.table import Table

from napari_cryoai.building.build import BuildParams, Built, build
from napari_cryoai.building.scoring.evaluate import Model, evaluate
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.io.atomic import write_text
from napari_cryoai.jobs.progress import finish
from napari_cryoai.maps.qscore import q_scores

Row = dict[str, Any]

PARTS = ("simulated", "real", "decoys", "speed", "turns", "bad")
NAMED = "EMD-2566 / 3J6B-9"
COLUMNS = {
    "f1": "F1 3 A",
    "f1_2A": "2 A",
    "f1_1A": "1 A",
    "precision": "precision",
    "recall": "recall",
    "sequence": "sequence",
    "direction": "backwards",
    "breaks": "breaks",
}
QS = ("q", "q_deposited")
LESS = {"direction", "breaks", "decoys"}
"""Of what less is better."""

Targets = dict[str, float]
SIMULATED: dict[str, Targets] = {
    "2.5-3.5 A": {
        "f1": 0.95,
        "precision": 0.95,
        "sequence": 0.85,
        "direction": 0.02,
        "breaks": 0.03,
    },
    "3.5-4.5 A": {"f1": 0.88, "direction": 0.05},
}
REAL_NAMED: Targets = {"f1": 0.88, "sequence": 0.60, "direction": 0.03}
REAL_REST = {"trace": {"f1": 0.80}, "model": {"f1": 0.75}}
DECOYS: Targets = {"decoys": 0.05}


@dataclass
class Figures:
    """What is known so far, and the file that holds it."""

    facts: Row
    path: Path | None
    parts: dict[str, dict[str, Row]] = field(default_factory=dict)

    @classmethod
    def at(cls, path: Path | None, facts: Row) -> Figures:
        """With what a file holds, if it was made in the same way."""
        found = cls(facts, path)
        if path is not None and path.is_file():
            known = json.loads(path.read_text())
            if known.get("facts") == facts:
                found.parts = known["parts"]
        return found

    def add(self, part: str, name: str, row: Row) -> None:
        self.parts.setdefault(part, {})[name] = row
        if self.path is not None:
            write_text(self.path, json.dumps({"facts": self.facts, "parts": self.parts}, indent=1))

    def of(self, part: str) -> dict[str, Row]:
        return self.parts.get(part, {})


@dataclass(frozen=True)
class Options:
    """How everything is built."""

    weights: Path | None
    orientations: int
    side_chains: bool

    def params(self, resolution_A: float | None, **others: Any) -> BuildParams:
        values: Row = {"weights": self.weights, "orientations": self.orientations, "device": "cpu"}
        values |= {"side_chains": self.side_chains, "resolution_A": resolution_A}
        return BuildParams(**(values | others))

    @property
    def facts(self) -> Row:
        """For the file; weights and the program are known by what they hold."""
        package = Path(str(files("napari_cryoai.building")))
        weights = self.weights or package / "weights" / "backbone.safetensors"
        return {
            "weights": _digest([weights]),
            "program": _digest(sorted(package.rglob("*.py"))),
            "orientations": self.orientations,
            "side_chains": self.side_chains,
        }


def _digest(paths: Sequence[Path]) -> str:
    found = hashlib.sha256()
    for path in paths:
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--structures", type=FOLDER, help="Of all proteins, those trained on included.")
@click.option("--maps", type=FOLDER, help="Public maps and their models, for the part 'real'.")
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, default=PARTS)
@click.option("--every", default=1, show_default=True, help="Take every so manieth map.")
@click.option("--weights", type=FILE, help="Those of the package if not given.")
@click.option("--orientations", type=click.Choice(["1", "4", "24"]), default="4", show_default=True)
@click.option("--side-chains/--no-side-chains", default=True, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--json", "save", type=click.Path(path_type=Path), help="Figures of each map.")
@click.option("--seed", default=0, show_default=True)
def main(
    structures: Path | None,
    maps: Path | None,
    parts: tuple[str, ...],
    every: int,
    weights: Path | None,
    orientations: str,
    side_chains: bool,
    threads: int,
    save: Path | None,
    seed: int,
) -> None:
    torch.set_num_threads(threads)
    if (structures is None and set(parts) - {"real"}) or (maps is None and "real" in parts):
        raise click.UsageError("say where the --structures are, and for the part real, the --maps")
    options = Options(weights, int(orientations), side_chains)
    figures = Figures.at(save, options.facts | {"seed": seed})
    console = Console(width=160)
    console.print(f"Load before: {os.getloadavg()[0]:.1f}", highlight=False)
    for part in dict.fromkeys(parts):
        rows = _rows(part, structures, maps, options, seed, every, threads, figures.of(part))
        for name, row in rows:
            figures.add(part, name, row)
            print(part, name, brief(row), flush=True)
        for table in _tables(part, figures.of(part)):
            console.print(table)
    console.print(f"Load after: {os.getloadavg()[0]:.1f}", highlight=False)


def _rows(
    part: str,
    structures: Path | None,
    maps: Path | None,
    options: Options,
    seed: int,
    every: int,
    threads: int,
    known: dict[str, Row],
) -> Iterator[tuple[str, Row]]:
    """What is not known yet."""
    folder = structures or Path()
    if part == "simulated":
        for band, name, make in simulated_cases(folder, seed, every):
            if name not in known:
                yield name, {"band": band} | measured(make(), options)
    elif part == "decoys":
        for name, make in decoy_cases(folder, seed, every):
            if name not in known:
                yield name, measured(make(), options)
    elif part == "real":
        for name, make in real_cases(maps or Path(), every):
            if name not in known:
                yield name, measured(make(), options, q_score=True)
    elif part == "speed":
        yield from measured_speed(folder, options.weights, options.orientations, threads)
    elif part == "turns":
        yield from turned_models(folder, options.params, known)
    else:
        yield from bad_inputs(folder, options.params, seed, known)


def measured(case: Case, options: Options, *, q_score: bool = False) -> Row:
    """Build a model, and compare its trace and itself with the truth."""
    row: Row = {"residues": residues_of(case.truth), "resolution_A": case.resolution_A}
    began = time.perf_counter()
    try:
        built = finish(build(options.params(case.resolution_A), case.density, case.polymers))
    except CryoAIError as error:
        return row | {"error": str(error), "trace": {"f1": 0.0}, "model": {"f1": 0.0}}
    row["seconds"] = time.perf_counter() - began
    row["warnings"] = list(built.warnings)
    for what, model in (("trace", built.trace), ("model", built.model)):
        row[what] = compared(model, case.truth)
    if case.decoys:
        row["trace"] |= in_decoys(built.trace.ca_A, case)
        row["model"] |= in_decoys(built.model.residues.ca_A, case)
    return row | _placed(built, case) | (_q_scores(built, case) if q_score else {})


def compared(model: Model, truth: Structure) -> Row:
    found = evaluate(model, truth)
    one, two, three = found.detections
    whole = found.whole
    return {
        "f1": three.f1,
        "f1_2A": two.f1,
        "f1_1A": one.f1,
        "precision": three.precision,
        "recall": three.recall,
        "sequence": whole.sequence_match,
        "direction": whole.direction_error,
        "breaks": whole.break_rate,
        "tm": whole.tm,
        "lddt": whole.lddt,
        "residues": len(found.model),
    }


def _placed(built: Built, case: Case) -> Row:
    """Share of the residues that have a place in a sequence."""
    names = [polymer.name for polymer in case.polymers]
    return {"placed": float(np.isin(built.model.residues.chains, names).mean())}


def _q_scores(built: Built, case: Case) -> Row:
    models = {"q": built.model.structure, "q_deposited": case.truth}
    return {name: q_scores(case.density, model).mean for name, model in models.items()}


def brief(row: Row) -> str:
    """On one line."""
    words = []
    for name, value in row.items():
        if isinstance(value, dict):
            words.append(f"{name}: {brief(value)};")
        elif isinstance(value, float):
            words.append(f"{name}={value:.3g}")
        elif value not in (None, []):
            words.append(f"{name}={value}")
    return " ".join(words)


def _tables(part: str, rows: dict[str, Row]) -> Iterator[Table]:
    if not rows:
        return
    if part in ("simulated", "real", "decoys"):
        yield _map_table(part, rows)
    if part == "simulated":
        for band, targets in SIMULATED.items():
            if chosen := [row for row in rows.values() if row["band"] == band]:
                yield _targets_table(f"{band}, mean of {len(chosen)} maps", chosen, targets)
    elif part == "real":
        rest = [row for name, row in rows.items() if name != NAMED]
        if NAMED in rows:
            yield _targets_table(NAMED, [rows[NAMED]], REAL_NAMED)
        for what, targets in REAL_REST.items() if rest else ():
            yield _targets_table(f"the others, mean of {len(rest)} maps", rest, targets, [what])
    elif part == "decoys":
        yield _targets_table(f"Mean of {len(rows)} maps", list(rows.values()), DECOYS)
    else:
        yield _plain_table(part, rows)


def _map_table(part: str, rows: dict[str, Row]) -> Table:
    """Two lines for each map: the trace, and the model."""
    others = {
        "real": dict(zip(QS, ("Q", "deposited"), strict=True)),
        "decoys": {"nucleic acid": "nucleic", "glycan": "glycan", "detergent": "detergent"},
    }.get(part, {"decoys": "decoys"})
    names = [*COLUMNS.values(), *others.values()]
    table = Table("map", "A", "residues", "", "built", *names, "min", title=part)
    for name, row in rows.items():
        first = [name, f"{row['resolution_A']:.2f}", str(row["residues"])]
        for what in ("trace", "model"):
            # Q-scores are of the model, not of its trace.
            own = row[what] | ({key: row.get(key) for key in QS} if what == "model" else {})
            cells = [_cell(own.get(column)) for column in (*COLUMNS, *others)]
            took = f"{row['seconds'] / 60:.1f}" if "seconds" in row and what == "model" else ""
            table.add_row(*first, what, str(own.get("residues", "none")), *cells, took)
            first = ["", "", ""]
        for remark in [*row.get("warnings", []), *([row["error"]] if "error" in row else [])]:
            table.add_row("", "", "", "!", remark[:40])
    return table


def _targets_table(
    title: str, rows: list[Row], targets: Targets, kinds: Sequence[str] = ("trace", "model")
) -> Table:
    """Mean, worst, and how many maps reach the target; a map without a model counts as 0."""
    table = Table("", "", "mean", "worst", "target", "reached", "maps that reach it", title=title)
    for column, target in targets.items():
        for what in kinds:
            found = [row[what].get(column) for row in rows]
            values = np.array([value for value in found if value is not None])
            # A trace has no sequence yet; its letters are those that the network likes best.
            if not len(values) or (what, column) == ("trace", "sequence"):
                continue
            less = column in LESS
            good = values < target if less else values >= target
            mean = float(values.mean())
            reached = mean < target if less else mean >= target
            table.add_row(
                COLUMNS.get(column, column),
                what,
                _cell(mean),
                _cell(float(values.max() if less else values.min())),
                f"{'<' if less else '>='} {target:g}",
                "yes" if reached else "NO",
                f"{int(good.sum())} of {len(values)}",
            )
    return table


def _plain_table(part: str, rows: dict[str, Row]) -> Table:
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    table = Table("", *columns, title=part)
    for name, row in rows.items():
        table.add_row(name, *(_cell(row.get(column)) for column in columns))
    return table


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if math.isfinite(value) else ""
    return "" if value is None else str(value)


if __name__ == "__main__":
    main()
