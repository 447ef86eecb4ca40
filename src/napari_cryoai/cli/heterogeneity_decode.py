"""`cryoai heterogeneity decode` and what its places are read from."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from napari_cryoai.cli.options import PATH, errors_told
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.heterogeneity.output import read_model
from napari_cryoai.io.guards import check_readable, check_writable, read_text
from napari_cryoai.io.maps import write_map

Floats = NDArray[np.float32]


@click.command("decode")
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--z", "places", multiple=True, help="A place: numbers with commas; may be repeated.")
@click.option("--z-file", type=PATH, help="Places, one a line: numbers with commas or spaces.")
@click.option("--output", required=True, type=PATH, help="A map (.mrc), or a folder for several.")
def decode_command(
    folder: Path, places: tuple[str, ...], z_file: Path | None, output: Path
) -> None:
    """Write the maps at places of the latent space in DIR, and say how well the data know them."""
    with errors_told():
        model = read_model(folder)
        z = places_of(places, z_file, model.z_dim)
        single = len(z) == 1 and output.suffix.lower() in (".mrc", ".map")
        check_writable(output.parent if single else output)
        for number, place in enumerate(z, 1):
            path = output if single else output / f"map_{number:03d}.mrc"
            write_map(path, model.decode(place))
            click.echo(f"{path}: {model.support(place).text()}")


def places_of(given: tuple[str, ...], path: Path | None, z_dim: int) -> Floats:
    """`(m, z_dim)` places from the command line and from a file.

    Raises
    ------
    CryoAIError
        If there is none, or one is not made of so many numbers.
    """
    lines = list(given)
    if path is not None:
        lines += [line for line in read_text(check_readable(path)).splitlines() if line.strip()]
    if not lines:
        raise CryoAIError("there is no place to decode", remedy="Give --z or --z-file")
    return np.array([_place(line, z_dim, path) for line in lines], np.float32)


def _place(line: str, z_dim: int, path: Path | None) -> list[float]:
    try:
        numbers = [float(word) for word in line.replace(",", " ").split()]
    except ValueError:
        numbers = []
    if len(numbers) != z_dim or not np.isfinite(numbers).all():
        raise CryoAIError(
            f"'{line.strip()[:60]}' is no place in this latent space",
            path=path,
            remedy=f"Give {z_dim} numbers, like --z {','.join(['0'] * z_dim)}",
        )
    return numbers
