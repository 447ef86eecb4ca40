"""`cryoai demo`: the main job from end to end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from napari_cryoai.cli.common import open_set
from napari_cryoai.cli.demo_map import (
    denoise_known,
    extract_picks,
    reconstruct_known,
    with_true_poses,
)
from napari_cryoai.cli.demo_model import build_example
from napari_cryoai.cli.evaluate import reference_for
from napari_cryoai.cli.options import PATH, errors_told
from napari_cryoai.cli.pick import run_pick
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.core.picks import PickTable, concatenate
from napari_cryoai.particles.ctf_estimation import CtfParams
from napari_cryoai.picking.evaluate import Comparison, compare
from napari_cryoai.picking.output import kept_picks
from napari_cryoai.picking.pick import PickParams, PickResult
from napari_cryoai.picking.picture import write_picture
from napari_cryoai.reconstruction.fsc_picture import resolution_text

MATCH_RADIUS = 1 / 3
"""Of the diameter: how far a pick may lie from the true centre."""


@click.command("demo")
@click.option("--input", "inputs", multiple=True, type=PATH, help="Micrographs of your own.")
@click.argument("more", nargs=-1, type=PATH, metavar="[MICROGRAPH...]")
@click.option("--output", type=PATH, default=Path("cryoai-demo"), show_default=True)
@click.option("--pixel-size-A", "pixel_size_A", type=float, help="Of your micrographs. [A]")
@click.option("--diameter-A", "diameter_A", type=float, help="Estimated if not given. [A]")
@click.option("--reference", type=PATH, help="Picks to compare with (file or folder).")
@click.option(
    "--voltage-kV", "voltage_kV", default=300.0, show_default=True, help="Of the microscope."
)
@click.option("--cs-mm", "cs_mm", default=2.7, show_default=True, help="Spherical aberration.")
@click.option("--amplitude-contrast", default=0.07, show_default=True, help="A fraction.")
@click.option("--seed", default=3, show_default=True, help="Of the simulated micrographs.")
@click.option("--window/--no-window", default=None, help="Open napari; if there is a display.")
def demo_command(
    inputs: tuple[Path, ...],
    more: tuple[Path, ...],
    output: Path,
    pixel_size_A: float | None,
    diameter_A: float | None,
    reference: Path | None,
    voltage_kV: float,
    cs_mm: float,
    amplitude_contrast: float,
    seed: int,
    window: bool | None,
) -> None:
    """From micrographs to picks, CTF and particle images; then look at them in napari.

    Without micrographs a small set is simulated, the picks are compared with the truth, and a map
    is reconstructed from those that are right, with the poses that they were simulated with, and
    denoised. At last a model is built into a simulated map of another molecule.
    """
    with errors_told():
        paths = [*inputs, *more]
        simulated = not paths
        if simulated:
            paths, reference = _simulate(output, seed)
        micrographs, problems = open_set(paths, pixel_size_A)
        result = run_pick(PickParams(diameter_A=diameter_A), micrographs, output, problems)
        picks = kept_picks(result, micrographs)
        names = tuple(m.name for m in micrographs)
        truth = _of_these(reference_for(reference, names), names) if reference else None
        comparison = _compare(picks, truth, micrographs, result.diameter_A)
        for micrograph in micrographs:
            name = f"{Path(micrograph.name).stem}_picks.png"
            write_picture(output / name, micrograph, picks, result.diameter_A, truth, comparison)
        click.echo(_summary(picks, result.diameter_A, comparison))
        optics = CtfParams(
            voltage_kV=voltage_kV, cs_mm=cs_mm, amplitude_contrast=amplitude_contrast
        )
        try:
            particles = extract_picks(optics, picks, micrographs, output)
            click.echo(f"{len(particles)} particle images of {particles.box_size_px} pixels")
            if simulated and truth is not None:
                click.echo(_reconstruct(particles, truth, micrographs, result, output, seed))
        except CryoAIError as problem:  # band-passed micrographs have no rings; picks are whole
            click.echo(f"No particle images: {problem}", err=True)
        if simulated:
            click.echo(build_example(output, seed))
        click.echo(f"All files: {output.resolve()}")
        if _has_display() if window is None else window:
            _look([m.path for m in micrographs], pixel_size_A, result)


def _reconstruct(
    particles: ParticleStack,
    truth: PickTable,
    micrographs: list[Micrograph],
    result: PickResult,
    output: Path,
    seed: int,
) -> str:
    micrograph_A = micrographs[0].require_pixel_size()
    radius_px = MATCH_RADIUS * result.diameter_A / micrograph_A
    known = with_true_poses(particles, truth, radius_px, micrograph_A)
    found, to_truth_A = reconstruct_known(known, output, seed)
    denoised, then_A = denoise_known(found, output, seed)
    sentence = "" if denoised.verdict is None else denoised.verdict.sentence
    return (
        f"Map of {len(known)} particles with known poses: {resolution_text(found.resolution_A)} "
        f"between half maps (FSC 0.143), {resolution_text(to_truth_A)} against the truth (FSC 0.5)"
        f"\nDenoised: {resolution_text(then_A)} against the truth. {sentence}"
    )


def _simulate(output: Path, seed: int) -> tuple[list[Path], Path]:
    from napari_cryoai.physics.simulators.demo import write_demo_set

    click.echo("Simulating five micrographs ...")
    return write_demo_set(output / "micrographs", seed)


def _of_these(picks: PickTable, names: tuple[str, ...]) -> PickTable:
    return concatenate(picks.of(name) for name in names)


def _compare(
    picks: PickTable, truth: PickTable | None, micrographs: list[Micrograph], diameter_A: float
) -> Comparison | None:
    if truth is None:
        return None
    radius_px = MATCH_RADIUS * diameter_A / micrographs[0].require_pixel_size()
    return compare(picks, truth, radius_px)


def _summary(picks: PickTable, diameter_A: float, comparison: Comparison | None) -> str:
    text = f"{len(picks)} particles of {diameter_A:.0f} A"
    if comparison is None:
        return text
    return (
        f"{text}: precision {comparison.precision:.2f}, recall {comparison.recall:.2f}, "
        f"F1 {comparison.f1:.2f} against the reference"
    )


def _has_display() -> bool:
    if sys.platform != "linux":
        return not os.environ.get("CI")
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _look(paths: list[Path], pixel_size_A: float | None, result: PickResult) -> None:
    from napari_cryoai.ui.launch import show

    show(paths, pixel_size_A, result)
