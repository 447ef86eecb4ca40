"""`cryoai simulate`: images and maps with known truth, from atomic structures or maps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from napari_cryoai.cli.options import PATH, errors_told, flag, params_from, params_options
from napari_cryoai.cli.simulate_params import (
    HalfMapSetParams,
    MicrographSetParams,
    ParticleSetParams,
)
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.io.guards import check_writable
from napari_cryoai.io.maps import is_map, read_map
from napari_cryoai.io.structures import read_structure
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.jobs.record import write_record
from napari_cryoai.jobs.run import run_to_console

if TYPE_CHECKING:
    from napari_cryoai.physics.simulators.conformers import Conformers
    from napari_cryoai.physics.simulators.distributions import Distribution

SMALLEST_SNR = 1e-6

Written = Job[list[Path]]


class _InOrder(click.Group):
    """A group that lists its commands in the order in which they are defined."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group("simulate", cls=_InOrder)
def simulate_group() -> None:
    """Images and maps with known truth, from atomic structures (PDB, mmCIF) or a map.

    A value that is drawn may be a number, or a distribution: "uniform 8000 25000", "log-uniform
    0.03 0.15", "normal 0 3", "log-normal 1 0.1", "exponential 2".
    """


def _simulation(
    name: str, params: type[Params], short_help: str
) -> Callable[[Callable[..., Written]], click.Command]:
    """Make a subcommand of a job that takes parameters, structures and an output folder."""

    def decorate(job: Callable[..., Written]) -> click.Command:
        def command(
            structures: tuple[Path, ...], output: Path, as_json: bool, **values: Any
        ) -> None:
            start = time.perf_counter()
            with errors_told(as_json):
                chosen = params_from(params, values)
                check_writable(output)
                title = f"Simulating {name}"
                written = run_to_console(job(chosen, structures, output), title, json_lines=as_json)
                write_record(
                    output,
                    f"simulate {name}",
                    chosen,
                    inputs=structures,
                    outputs=written,
                    seed=values["seed"],
                    seconds=time.perf_counter() - start,
                )
                if not as_json:
                    click.echo(f"Written: {', '.join(str(path) for path in written[:5])}")

        command.__doc__ = job.__doc__
        for option in (
            click.option("--json", "as_json", is_flag=True, help="Report in JSON lines."),
            params_options(params),
            click.option("--output", required=True, type=PATH, help="Folder to write to."),
            click.argument(
                "structures", nargs=-1, required=True, type=PATH, metavar="STRUCTURE..."
            ),
        ):
            command = option(command)
        return simulate_group.command(name, short_help=short_help)(command)

    return decorate


@_simulation("particles", ParticleSetParams, "Particle images with poses and CTF.")
def particles(
    params: ParticleSetParams, structures: Sequence[Path], output: Path
) -> Job[list[Path]]:
    """Particle images with poses, CTF and states: Particles/*.mrcs and particles.star.

    Several structures are several states of one molecule, in one frame of coordinates; with
    --motion a part of one structure moves. truth.npz tells the state and the pose of every particle
    and how alike the states are, truth*.mrc are their maps: what `cryoai evaluate heterogeneity`
    compares with.
    """
    from napari_cryoai.physics.simulators.particle_files import PARTICLES, write_particle_set
    from napari_cryoai.physics.simulators.particle_images import ParticleSimulator
    from napari_cryoai.physics.simulators.particle_model import ParticleModel

    model = ParticleModel(
        per_micrograph=params.per_micrograph,
        preferred_fraction=params.preferred_fraction,
        shift_A=drawn(params, "shift_A"),
        defocus_A=drawn(params, "defocus_A"),
        b_factor_A2=drawn(params, "b_factor_A2"),
        snr=drawn(params, "snr", SMALLEST_SNR),
        neighbours=params.neighbours,
    )
    yield Progress(0, params.count, "maps")
    found = (
        conformers(structures, params.box_size_px, params.pixel_size_A, params.path_steps)
        if params.motion == "none"
        else moving_conformers(structures, params)
    )
    simulator = ParticleSimulator(model, found, params.seed)
    for done in write_particle_set(simulator, params.count, output):
        yield Progress(done, params.count, "images")
    return [output / PARTICLES]


@_simulation("micrographs", MicrographSetParams, "Micrographs with true positions and poses.")
def micrographs(params: MicrographSetParams, structures: Sequence[Path], output: Path) -> Written:
    """Micrographs, junk masks, and true_positions.star with the poses of all particles.

    Particles lie at their own depths; carbon, ice, aggregates and denatured particles lie between.
    """
    from napari_cryoai.physics.simulators.micrograph_model import MicrographModel
    from napari_cryoai.physics.simulators.micrograph_set import (
        TRUTH,
        MicrographSet,
        write_micrograph_set,
    )

    side = params.side_px
    base = MicrographModel(
        (side, side),
        params.pixel_size_A,
        min_distance_A=params.min_distance_A,
        preferred_fraction=params.preferred_fraction,
    )
    models = MicrographSet(
        base,
        particles=drawn(params, "particles", 0),
        empty=params.empty,
        defocus_A=drawn(params, "defocus_A"),
        snr=drawn(params, "snr", SMALLEST_SNR),
        ice_thickness_A=drawn(params, "ice_thickness_A", 0),
        carbon=params.carbon,
    )
    yield Progress(0, params.count, "maps")
    found = conformers(structures, None, params.pixel_size_A)
    written = []
    for path in write_micrograph_set(models, found, params.count, params.seed, output):
        written.append(path)
        yield Progress(len(written), params.count, path.name)
    return [output / TRUTH]


@_simulation("half-maps", HalfMapSetParams, "Half maps, with their mask and noise-free map.")
def half_maps(params: HalfMapSetParams, structures: Sequence[Path], output: Path) -> Written:
    """Half maps with independent noise, their mask, labels, and the map without noise.

    One folder for each pair: half1.mrc, half2.mrc, mask.mrc, truth.mrc, labels.mrc (0 solvent, 1
    protein, 2 nucleic acid, 3 glycan, 4 detergent), all in the frame of the structure.
    """
    from napari_cryoai.physics.simulators.half_map_files import write_half_maps
    from napari_cryoai.physics.simulators.half_maps import HalfMapModel

    model = HalfMapModel(
        membrane=params.membrane,
        nucleic=params.nucleic,
        masked=params.masked,
        resolution_A=drawn(params, "resolution_A", params.pixel_size_A),
        b_factor_A2=drawn(params, "b_factor_A2"),
        b_spread=drawn(params, "b_spread", 0),
        sharpening_A2=drawn(params, "sharpening_A2"),
        preferred_fraction=drawn(params, "preferred_fraction", 0),
        glycans=drawn(params, "glycans", 0),
    )
    jobs = [(path, i) for path in structures for i in range(params.count)]
    written: list[Path] = []
    for number, (path, i) in enumerate(jobs):
        yield Progress(number, len(jobs), path.name)
        structure = read_structure(path)
        n = params.box_size_px or box_of([structure], params.pixel_size_A)
        folder = output / f"{path.name.split('.')[0]}_{i + 1:03d}"
        seed = params.seed + number
        written += write_half_maps(structure, model, n, params.pixel_size_A, seed, folder)
    yield Progress(len(jobs), len(jobs), "")
    return written


def drawn(params: Params, name: str, low: float = -math.inf) -> Distribution:
    """The distribution that a parameter is drawn from.

    Raises
    ------
    CryoAIError
        If it is none, or may come out below `low`.
    """
    from napari_cryoai.physics.simulators.distributions import Distribution

    return Distribution.of(getattr(params, name)).at_least(low, flag(name))


def conformers(
    paths: Sequence[Path], n: int | None, pixel_size_A: float, path_steps: int = 0
) -> Conformers:
    """The maps that particles are made of, in a box of `n` voxels or one that fits.

    Raises
    ------
    CryoAIError
        If a map has another box or voxel size than is asked for, or a path has not two ends.
    """
    import torch

    from napari_cryoai.physics.simulators.conformers import Conformers

    if paths and all(is_map(path) for path in paths):
        maps = [read_map(path) for path in paths]
        for path, density in zip(paths, maps, strict=True):
            _check_size(density, path, n or len(density.data), pixel_size_A)
        return Conformers.of_maps([torch.from_numpy(m.data) for m in maps], pixel_size_A)
    atoms: list[Structure] = [read_structure(path) for path in paths]
    n = n or box_of(atoms, pixel_size_A)
    _check_fits(atoms, n, pixel_size_A)
    if not path_steps:
        return Conformers.of_structures(atoms, n, pixel_size_A)
    if len(atoms) != 2:
        raise CryoAIError(
            f"a path has two ends, and {len(atoms)} structures were given",
            remedy="Give two structures, or leave out --path-steps",
        )
    return Conformers.along_path(atoms[0], atoms[1], path_steps, n, pixel_size_A)


def moving_conformers(paths: Sequence[Path], params: ParticleSetParams) -> Conformers:
    """The maps of a structure of which a part moves.

    Raises
    ------
    CryoAIError
        If it is not one structure, or the part is not there.
    """
    from napari_cryoai.physics.simulators.conformers import Conformers
    from napari_cryoai.physics.simulators.motions import MOTIONS, moving

    kind = next(kind for kind in MOTIONS if kind == params.motion)
    if len(paths) != 1 or is_map(paths[0]) or params.path_steps:
        raise CryoAIError(
            "--motion moves a part of one structure",
            remedy="Give one structure (PDB or mmCIF), and no --path-steps",
        )
    motion = moving(
        read_structure(paths[0]),
        kind,
        params.motion_steps,
        part=params.moving_part,
        angle_deg=params.motion_angle_deg,
        seed=params.seed,
    )
    return Conformers.of_motion(motion, params.box_size_px, params.pixel_size_A)


def box_of(structures: Sequence[Structure], pixel_size_A: float) -> int:
    """An even box, in pixels, that holds the structures with a quarter of their width to spare."""
    widest_A = max(structure.diameter_A for structure in structures)
    return 2 * math.ceil(1.25 * widest_A / pixel_size_A / 2) + 8


def _check_fits(structures: Sequence[Structure], n: int, pixel_size_A: float) -> None:
    widest_A = max(structure.diameter_A for structure in structures)
    if widest_A > n * pixel_size_A:
        raise CryoAIError(
            f"the structure is {widest_A:.0f} A wide and the box {n * pixel_size_A:.0f} A",
            remedy="Give a larger --box-size-px or --pixel-size-A",
        )


def _check_size(density: DensityMap, path: Path, n: int, pixel_size_A: float) -> None:
    nz, ny, nx = density.data.shape
    if {nz, ny, nx} == {n} and abs(density.pixel_size_A / pixel_size_A - 1) < 1e-3:
        return
    raise CryoAIError(
        f"has {nx} x {ny} x {nz} voxels of {density.pixel_size_A:g} A, "
        f"and a cube of {n} voxels of {pixel_size_A:g} A was asked for",
        path=path,
        remedy="Give the map's own size with --box-size-px and --pixel-size-A",
    )
