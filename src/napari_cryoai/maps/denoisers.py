"""All denoisers of maps, by name."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal, get_args

from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.devices import choose_device
from napari_cryoai.maps.denoised import Denoiser
from napari_cryoai.maps.learned import LearnedDenoiser, load_denoiser
from napari_cryoai.maps.local_snr import local_snr
from napari_cryoai.maps.network import Architecture
from napari_cryoai.maps.wiener import wiener

Model = Literal[Architecture, "wiener", "local-snr"]
LEARNED: tuple[str, ...] = get_args(Architecture)


def denoiser(
    name: Model,
    *,
    mask: Tensor | None = None,
    weights: Path | None = None,
    device: str = "auto",
) -> Denoiser:
    """The denoiser of that name.

    Parameters
    ----------
    mask
        `(nz, ny, nx)` soft, in which the FSC is taken; found in the maps if not given.
    weights
        Of a network, in place of those that come with this package.
    device
        Where a network runs.

    Raises
    ------
    CryoAIError
        If the weights cannot be read, or there is no such device.
    """
    if name == "wiener":
        return wiener
    if name == "local-snr":
        return local_snr
    found = _loaded(weights, device) if weights else _shipped(name, device)
    return replace(found, mask=mask)


@lru_cache(maxsize=3)
def _shipped(name: str, device: str) -> LearnedDenoiser:
    with as_file(files("napari_cryoai.maps") / "weights" / f"{name}.safetensors") as path:
        if not path.is_file():
            raise CryoAIError(
                f"there are no weights of {name} in this version",
                remedy="Choose another model, or give --weights that you have trained",
            )
        return load_denoiser(path, choose_device(device))


@lru_cache(maxsize=1)
def _loaded(path: Path, device: str) -> LearnedDenoiser:
    return load_denoiser(path, choose_device(device))
