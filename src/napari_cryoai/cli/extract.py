"""`cryoai extract`: picks to particle images."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from napari_cryoai.cli.common import counted, run_options, tell, workers_from
from napari_cryoai.cli.options import PATH, errors_told, params_from, params_options
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.ctf_values import read_ctf_values
from napari_cryoai.io.guards import check_writable
from napari_cryoai.io.image_stacks import locate_image
from napari_cryoai.io.micrographs import open_micrograph, open_micrographs
from napari_cryoai.io.names import match_names
from napari_cryoai.io.picks import read_picks
from napari_cryoai.jobs.executor import Workers
from napari_cryoai.jobs.record import write_record
from napari_cryoai.jobs.run import run_to_console
from napari_cryoai.particles.extract import ExtractResult, extract
from napari_cryoai.particles.extract_plan import ExtractParams


@click.command("extract")
@click.argument("picks", type=PATH, metavar="PICKS")
@click.option(
    "--ctf",
    type=PATH,
    help="CTF of the micrographs: micrographs_ctf.star, a .cs file, or CTFFIND's output. What the "
    "file of picks says is kept if it is not given.",
)
@click.option(
    "--micrographs",
    multiple=True,
    type=PATH,
    help="Micrographs or folders of them; looked for where the file of picks says if not given.",
)
@click.option(
    "--micrograph-pixel-size-A",
    "micrograph_A",
    type=click.FloatRange(min=0, min_open=True),
    help="Of the micrographs; as in their headers or their CTF if not given. [A]",
)
@click.option("--output", required=True, type=PATH, help="Folder to write to.")
@params_options(ExtractParams)
@run_options
def extract_command(
    picks: Path,
    ctf: Path | None,
    micrographs: tuple[Path, ...],
    micrograph_A: float | None,
    output: Path,
    workers: str,
    scheduler: str | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Cut the particles of PICKS out of their micrographs.

    Writes particles.mrcs, particles.star (RELION 3.1, with the CTF and the place on the micrograph
    in every row) and job.json. A run that was cut short goes on where it was.
    """
    with errors_told(as_json):
        params = params_from(ExtractParams, values)
        table, opened, problems = open_picks(picks, micrographs, micrograph_A)
        for problem in problems:
            tell(problem, as_json)
        known = None if ctf is None else ctf_by_name(read_ctf_values(ctf), opened)
        files = [picks] if ctf is None else [picks, ctf]
        count = workers_from(workers)
        result = run_extract(
            params, table, opened, output, known, problems, files, count, scheduler, as_json
        )
        _summarise(result, output, as_json)


def open_picks(
    path: Path, folders: Sequence[Path], pixel_size_A: float | None = None
) -> tuple[PickTable, list[Micrograph], list[CryoAIError]]:
    """Read picks and open the micrographs they belong to.

    Returns
    -------
    picks
        By the names of the micrographs.
    micrographs
        Those that could be opened.
    problems
        Why others could not.
    """
    if folders:
        opened, problems = open_micrographs(folders, pixel_size_A=pixel_size_A)
        if not opened:
            raise problems[0]
        return read_picks(path, micrographs=opened), opened, problems
    names = read_picks(path).names
    if not names:
        raise CryoAIError("holds no picks", path=path, remedy="Pick particles first")
    opened, problems = [], []
    for name in names:
        try:
            opened.append(_open(name, path, pixel_size_A))
        except CryoAIError as problem:
            problems.append(problem)
    if not opened:
        raise problems[0]
    return read_picks(path, micrographs=opened), opened, []


def ctf_by_name(
    rows: Sequence[MicrographCtf], micrographs: Sequence[Micrograph]
) -> dict[str, MicrographCtf]:
    """The CTF of each micrograph; other programs' names are matched to ours."""
    matched = match_names([row.name for row in rows], micrographs).matched
    return {matched[row.name]: row for row in rows if row.name in matched}


def run_extract(
    params: ExtractParams,
    picks: PickTable,
    micrographs: Sequence[Micrograph],
    output: Path,
    ctf: dict[str, MicrographCtf] | None = None,
    problems: Sequence[CryoAIError] = (),
    files: Sequence[Path] = (),
    workers: Workers = "auto",
    scheduler: str | None = None,
    as_json: bool = False,
) -> ExtractResult:
    """Extract, and write how it was done."""
    start = time.perf_counter()
    check_writable(output)
    job = extract(params, picks, micrographs, output, ctf=ctf, workers=workers, scheduler=scheduler)
    result = run_to_console(job, "Extracting", json_lines=as_json)
    write_record(
        output,
        "extract",
        params,
        inputs=dict.fromkeys([*files, *(m.path for m in micrographs)]),
        outputs=result.paths,
        problems=[*problems, *result.problems],
        seconds=time.perf_counter() - start,
    )
    return result


def _open(name: str, picks: Path, pixel_size_A: float | None) -> Micrograph:
    remedy = "Give the folder of the micrographs (--micrographs)"
    try:
        path = locate_image(name, picks)
    except CryoAIError as error:
        raise CryoAIError(error.problem, path=error.path, remedy=remedy) from None
    if path is None:
        problem = f"names the micrograph '{name}', which is neither beside it nor in its project"
        raise CryoAIError(problem, path=picks, remedy=remedy)
    return open_micrograph(path, name=name, pixel_size_A=pixel_size_A)


def _summarise(result: ExtractResult, output: Path, as_json: bool) -> None:
    particles, left_out = result.particles, result.at_border + result.blank
    sizes_A = sorted({round(size, 4) for size in particles.pixel_size_A.tolist()})
    if as_json:
        summary = {
            "particles": len(particles),
            "box_size_px": particles.box_size_px,
            "pixel_size_A": sizes_A,
            "left_out_at_border": result.at_border,
            "left_out_blank": result.blank,
            "output": str(output),
        }
        click.echo(json.dumps({"result": summary}))
        return
    sizes = ", ".join(f"{size:g}" for size in sizes_A)
    beside = f" ({left_out} left out: {_reasons(result)})" if left_out else ""
    click.echo(
        f"{counted(len(particles), 'particle')} of {particles.box_size_px} pixels of {sizes} A"
        f"{beside}: {output / 'particles.star'}"
    )


def _reasons(result: ExtractResult) -> str:
    reasons = [f"{result.at_border} too close to the border"] if result.at_border else []
    reasons += [f"{result.blank} without any contrast"] if result.blank else []
    return ", ".join(reasons)
