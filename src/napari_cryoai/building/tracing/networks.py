"""The two networks that trace a map, in one file of weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from napari_cryoai.building.tracing.backbone_network import BackboneNetwork, NetworkConfig
from napari_cryoai.building.tracing.residue_network import ResidueConfig, ResidueNetwork
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.weights import read_weights, write_weights
from napari_cryoai.jobs.devices import choose_device

KIND = "backbone"


@dataclass(frozen=True, eq=False)
class Networks:
    """What traces a map.

    Attributes
    ----------
    backbone
        Says where the atoms of the main chain are.
    residues
        Says what each residue is.
    """

    backbone: BackboneNetwork
    residues: ResidueNetwork

    def on(self, device: torch.device) -> Networks:
        """Ready to be used on a device."""
        for network in (self.backbone, self.residues):
            network.eval().requires_grad_(False).to(device)
        return self


def save_networks(path: str | PathLike[str], networks: Networks, facts: Mapping[str, Any]) -> None:
    """Write both networks; see `write_weights` for what can go wrong."""
    parts = {"backbone": networks.backbone, "residues": networks.residues}
    tensors = {
        f"{name}.{key}": value.cpu().numpy()
        for name, network in parts.items()
        for key, value in network.state_dict().items()
    }
    config = {
        "backbone": networks.backbone.config.model_dump(),
        "residues": networks.residues.config.model_dump(),
    }
    write_weights(path, tensors, KIND, {"config": config, **facts})


def load_networks(path: str | PathLike[str], device: torch.device) -> Networks:
    """Read both networks.

    Raises
    ------
    CryoAIError
        If the file is damaged, or of other networks than these.
    """
    found = read_weights(path, KIND)
    try:
        config = found.facts["config"]
        networks = Networks(
            BackboneNetwork(NetworkConfig(**config["backbone"])),
            ResidueNetwork(ResidueConfig(**config["residues"])),
        )
        for name, network in (("backbone", networks.backbone), ("residues", networks.residues)):
            _fill(network, found.tensors, f"{name}.")
    except (KeyError, TypeError, RuntimeError, ValidationError) as error:
        raise CryoAIError(
            "holds weights of other networks than this version has",
            path=path,
            remedy="Choose weights that 'cryoai train backbone' of this version has written",
        ) from error
    return networks.on(device)


def networks(weights: Path | None, device: str) -> Networks:
    """Those of a file, or those that come with this package.

    Raises
    ------
    CryoAIError
        If they cannot be read, or there is no such device.
    """
    if weights is not None:
        return load_networks(weights, choose_device(device))
    return _shipped(device)


@lru_cache(maxsize=2)
def _shipped(device: str) -> Networks:
    with as_file(files("napari_cryoai.building") / "weights" / "backbone.safetensors") as path:
        return load_networks(path, choose_device(device))


def _fill(network: nn.Module, tensors: Mapping[str, Any], prefix: str) -> None:
    mine = {
        name.removeprefix(prefix): torch.from_numpy(values)
        for name, values in tensors.items()
        if name.startswith(prefix)
    }
    network.load_state_dict(mine)
