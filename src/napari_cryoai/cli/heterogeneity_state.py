"""`cryoai heterogeneity state`: kernel-weighted reconstruction at a place."""

from __future__ import annotations

from pathlib import Path

import click

from napari_cryoai.cli.heterogeneity_decode import places_of
from napari_cryoai.cli.options import PATH, errors_told
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.halves import halves_told
from napari_cryoai.heterogeneity.engines.kernel import state
from napari_cryoai.heterogeneity.runs import read_run
from napari_cryoai.io.guards import check_writable
from napari_cryoai.io.maps import write_map
from napari_cryoai.jobs.run import run_to_console
from napari_cryoai.physics.fsc import half_map_fsc


@click.command("state")
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--z", "place", required=True, help="The place: numbers with commas.")
@click.option("--output", required=True, type=PATH, help="Folder to write to.")
@click.option("--particles", type=PATH, help="Where the particles' file lies now, if it moved.")
@click.option("--root", type=PATH, help="Folder that the paths in it are relative to.")
@click.option("--device", default="auto", show_default=True, help="Where to compute.")
@click.option("--seed", default=0, show_default=True, help="Of halves, if the file names none.")
def state_command(
    folder: Path,
    place: str,
    output: Path,
    particles: Path | None,
    root: Path | None,
    device: str,
    seed: int,
) -> None:
    """Reconstruct the state at a place of DIR from the raw particles around it.

    DIR is a latent space of ours or of cryoDRGN. Writes map.mrc, half1.mrc and half2.mrc; no
    network has a part in them but by what it says of where the particles lie.
    """
    with errors_told():
        check_writable(output)
        table, files = read_run(folder, particles=particles, root=root)
        (z,) = places_of((place,), None, table.z_dim)
        stack = files.read()
        found = run_to_console(state(table, stack, z, device=device, seed=seed), "State")
        pixel_size_A = stack.require_pixel_size()
        maps = {"half1.mrc": found.half1, "half2.mrc": found.half2, "map.mrc": found.map}
        for name, volume in maps.items():
            write_map(output / name, DensityMap(volume.numpy(), pixel_size_A))
        resolution_A = half_map_fsc(found.half1, found.half2, pixel_size_A).best.resolution_A()
        click.echo(
            f"{found.particles:,.0f} particles' worth of images, {resolution_A:.1f} A "
            f"(FSC 0.143): {output / 'map.mrc'}"
        )
        click.echo(halves_told(stack, seed))
