"""`cryoai build`: from a map, and sequences if there are any, to an atomic model."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from napari_cryoai.building.build import BuildParams, Built, build
from napari_cryoai.cli.options import PATH, errors_told, params_from, params_options
from napari_cryoai.core.atomic_model import Polymer
from napari_cryoai.core.errors import CryoAIError, naming
from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.fasta import ignored, parse_copies, polymers_of, read_fasta
from napari_cryoai.io.guards import check_writable
from napari_cryoai.io.maps import read_map
from napari_cryoai.io.models import write_model, write_trace
from napari_cryoai.io.residue_table import write_residues
from napari_cryoai.jobs.progress import Job
from napari_cryoai.jobs.record import write_record
from napari_cryoai.jobs.run import run_to_console
from napari_cryoai.maps.qscore import with_q_scores

FILES = ("model.cif", "model.pdb", "trace.cif", "residues.csv", "report.json")

TITLE = "Model built by cryoai"


@click.command("build")
@click.argument("map", type=PATH)
@click.option("--sequence", type=PATH, help="FASTA file of the chains that are in the map.")
@click.option(
    "--copies", help="How many copies of each sequence: A:4,B:2. From the FASTA if not given."
)
@click.option("--output", required=True, type=PATH, help="Folder to write to.")
@click.option(
    "--pixel-size-A",
    "pixel_size_A",
    type=click.FloatRange(min=0, min_open=True),
    help="Of the map, whatever its header says. [A]",
)
@params_options(BuildParams)
@click.option("--json", "as_json", is_flag=True, help="Report in JSON lines, for machines.")
def build_command(
    map: Path,  # noqa: A002
    sequence: Path | None,
    copies: str | None,
    output: Path,
    pixel_size_A: float | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Build an atomic model into MAP: trace the chains, thread the sequences, add the side chains.

    Writes model.cif, model.pdb, trace.cif (the trace before it had a sequence), residues.csv and
    report.json. Without a sequence the chains are built of what the map shows.
    """
    with errors_told(as_json):
        params = params_from(BuildParams, values)
        polymers, told = _polymers(sequence, copies)
        if told and not as_json:
            click.echo(told, err=True)
        built = run_build(params, map, polymers, output, sequence, pixel_size_A, as_json)
        report = build_report(built)
        if as_json:
            click.echo(json.dumps({"result": {"output": str(output), **report}}))
        else:
            click.echo(summary(built))
            click.echo(f"{output / 'model.cif'}")


def run_build(
    params: BuildParams,
    map_path: Path,
    polymers: Sequence[Polymer],
    output: Path,
    sequence: Path | None = None,
    pixel_size_A: float | None = None,
    as_json: bool = False,
) -> Built:
    """Build, and write what was built and how."""
    start = time.perf_counter()
    check_writable(output)
    density = read_map(map_path, pixel_size_A)
    job = _naming(build(params, density, polymers), map_path)
    built = run_to_console(job, "Building", json_lines=as_json)
    built = replace(built, model=with_q_scores(built.model, density))
    built, written = _write(built, output, params.resolution_A)
    write_record(
        output,
        "build",
        params,
        inputs=[path for path in (map_path, sequence) if path is not None],
        outputs=written,
        seed=params.seed,
        device=params.device,
        seconds=time.perf_counter() - start,
    )
    return built


def _naming(job: Job[Built], path: Path) -> Job[Built]:
    """The job, whose errors name the file: the console shows them before they get here."""
    with naming(path):
        return (yield from job)


def build_report(built: Built) -> dict[str, Any]:
    """What was built, for machines."""
    model = built.model
    counts = Counter(model.residues.chains.tolist())
    q = model.residues.q
    return {
        "residues": len(model.residues),
        "atoms": len(model.structure),
        "fragments": len(built.trace.fragments()),
        "mean_confidence": round(float(model.residues.confidence.mean()), 4),
        "mean_q": round(float(np.nanmean(q)), 4) if np.isfinite(q).any() else None,
        "chains": [
            {"name": p.name, "sequence": len(p.sequence), "built": counts.pop(p.name, 0)}
            for p in model.polymers
        ],
        "unassigned": sum(counts.values()),
        "left_out": len(built.trace) - len(model.residues),
        "unmodelled": [vars(part) for part in model.unmodelled],
        "warnings": list(built.warnings),
    }


def summary(built: Built) -> str:
    """What was built, in a few lines."""
    report = build_report(built)
    lines = [
        f"{report['residues']} residues in {report['fragments']} fragments, {report['atoms']} atoms"
    ]
    lines += [
        f"  chain {chain['name']}: {chain['built']} of {chain['sequence']} residues"
        for chain in report["chains"]
    ]
    if report["unassigned"] and report["chains"]:
        lines.append(f"  {report['unassigned']} residues have no place in a sequence")
    if report["left_out"]:
        lines.append(f"  {report['left_out']} for which the sequences have no room: see trace.cif")
    lines += [f"  ! {warning}" for warning in built.warnings]
    return "\n".join(lines)


def _polymers(sequence: Path | None, copies: str | None) -> tuple[tuple[Polymer, ...], str]:
    if sequence is None:
        return (), ""
    entries = read_fasta(sequence)
    with naming(sequence):
        return polymers_of(entries, parse_copies(copies) if copies else None), ignored(entries)


def _write(built: Built, output: Path, resolution_A: float | None) -> tuple[Built, list[Path]]:
    """Write all files; what was built with a warning if it is too large for a PDB file."""
    output.mkdir(parents=True, exist_ok=True)
    cif, pdb, trace, table, report = (output / name for name in FILES)
    write_model(cif, built.model, title=TITLE, resolution_A=resolution_A)
    write_trace(trace, built.trace)
    write_residues(table, built.model)
    written = [cif, trace, table, report]
    try:
        write_model(pdb, built.model, title=TITLE, resolution_A=resolution_A)
        written.insert(1, pdb)
    except CryoAIError as error:
        pdb.unlink(missing_ok=True)  # that of an earlier run is not of this model
        told = f"There is no model.pdb: {error.problem}."
        built = replace(built, warnings=(*built.warnings, told))
    write_text(report, json.dumps(build_report(built), indent=1) + "\n")
    return built, written
