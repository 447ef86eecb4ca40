"""Denoising with a trained network: each half map alone, on its own evidence and the FSC's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.weights import read_weights, write_weights
from napari_cryoai.maps.denoised import Denoised
from napari_cryoai.maps.evidence import Evidence, evidence, evidence_of_one, smooth
from napari_cryoai.maps.network import Answer, MapNetwork, NetworkConfig
from napari_cryoai.maps.shares import with_data
from napari_cryoai.maps.spectra import automatic_mask
from napari_cryoai.maps.standard import (
    PIXEL_A,
    fsc_bins,
    restore,
    standard_amplitude,
    standardise,
    to_grid,
)
from napari_cryoai.nets.tiling import tiles
from napari_cryoai.physics.fourier import to_fourier, to_real
from napari_cryoai.physics.fsc import check_same_box
from napari_cryoai.physics.gaussian import blurred
from napari_cryoai.physics.radial import power_spectrum, weighted
from napari_cryoai.physics.sharpening import fsc_weight

KIND = "map-denoiser"

AROUND_PX = 1.5
"""Standard deviation of the Gaussian in which the correlation with the truth is expected."""

LEAST, MOST = 0.7, 3.0
"""How much the amplitudes of a shell are changed at most, to have those of the data."""

LARGEST_TILE, MARGIN, GRID = 256, 32, 32
"""Voxels of the networks' grid that are seen at once, and of those around what is kept; cuts are at
multiples of the last."""

OUTLINE_A = 45.0
"""Of coarser waves no network knows more than the data."""

NOISY = 0.05
"""One minus FSC, from where on they are changed in full."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Two half maps before they are denoised.

    Attributes
    ----------
    halves
        `(nz, ny, nx)` each, with their solvent at 0.
    levels
        At which it was.
    mask
        `(nz, ny, nx)` around the molecule.
    known
        What the two halves know.
    """

    halves: tuple[Tensor, Tensor]
    levels: tuple[Tensor, Tensor]
    mask: Tensor
    known: Evidence


@dataclass(frozen=True, eq=False)
class LearnedDenoiser:
    """A trained network, ready for use: a `Denoiser`.

    Attributes
    ----------
    network
        In evaluation mode, on the device it runs on.
    log_error_offset
        Added to the logarithm of the expected errors, which makes them right on average.
    floor
        Power of its errors over that of the signal, in shells where the data have hardly any.
    mask
        `(nz, ny, nx)` around the molecule, from 0 to 1; found in the maps if not given.
    """

    network: MapNetwork
    log_error_offset: float = 0.0
    floor: float = 0.005
    mask: Tensor | None = None

    def __call__(self, half1: Tensor, half2: Tensor, pixel_size_A: float) -> Denoised:
        """Denoise two half maps.

        Parameters
        ----------
        half1, half2
            `(nz, ny, nx)`.

        Raises
        ------
        CryoAIError
            If the boxes differ, values are not finite, or there is no molecule to be found.
        """
        given = self.prepared(half1, half2, pixel_size_A)
        (one, sure1), (two, sure2) = (
            self.denoise(half, given.known, given.mask, pixel_size_A) for half in given.halves
        )
        trailing = given.known.trailing()
        weight = fsc_weight(given.known.fsc) ** 2 * trailing
        filtered = [weighted(half, weight) for half in given.halves]
        one, two = with_data(filtered, (one, two), given.halves, given.mask, trailing)
        levels = given.levels
        return Denoised(one + levels[0], two + levels[1], (sure1 + sure2) / 2)

    def prepared(self, half1: Tensor, half2: Tensor, pixel_size_A: float) -> Prepared:
        """Two half maps as `denoise` wants them; raises what a call does."""
        check_same_box(half1, half2)
        mask = automatic_mask(half1, half2, pixel_size_A) if self.mask is None else self.mask
        levels = (_solvent_level(half1, mask), _solvent_level(half2, mask))
        halves = (half1 - levels[0], half2 - levels[1])
        return Prepared(halves, levels, mask, evidence(*halves, pixel_size_A, mask))

    def single(self, map_: Tensor, pixel_size_A: float) -> tuple[Tensor, Tensor]:
        """A map without halves, and its confidence: nobody can verify either.

        Raises
        ------
        CryoAIError
            If there is no molecule to be found, or no noise around it.
        """
        mask = automatic_mask(map_, map_, pixel_size_A) if self.mask is None else self.mask
        level = _solvent_level(map_, mask)
        known = evidence_of_one(map_ - level, pixel_size_A, mask)
        found, confidence = self.denoise(map_ - level, known, mask, pixel_size_A)
        return found + level, confidence

    def denoise(
        self, half: Tensor, known: Evidence, mask: Tensor, pixel_size_A: float
    ) -> tuple[Tensor, Tensor]:
        """One map alone, whose solvent is at 0, and its confidence; both like the map."""
        seen = standardise(half, known, pixel_size_A)
        answer = self._answer(seen.density, seen.contrast, fsc_bins(known))
        error = answer.log_error.exp()
        # Where the network expects to err more than the data do, and in shells that the data know
        # better than any network, the data stay as they are; but not their noise in the solvent.
        trust = (_error_of_data(known) / error).clamp(max=1.0)
        change = trust * (answer.density - seen.density)
        needed = _needed(known, self.floor)
        within, around = (
            _filtered(change, curve, known)
            for curve in (needed, torch.maximum(needed, _finer_than_outline(known)))
        )
        inside = to_grid(mask, change.shape)
        density = seen.density + inside * within + (1 - inside) * around
        found = restore(density, known, pixel_size_A, half.shape)
        found = _with_amplitudes(found, known, mask, pixel_size_A)
        power, error = (blurred(v, AROUND_PX) for v in (density.square(), error))
        # The error is taken to be a part of what is seen: right where there is nothing.
        confidence = (1 - error / power.clamp(min=1e-12)).clamp(0, 1).sqrt()
        confidence = to_grid(confidence, half.shape).clamp(0, 1)
        beyond = weighted(half, _beyond(known, density.shape))
        return found + confidence * beyond, confidence

    @torch.inference_mode()
    def _answer(self, density: Tensor, contrast: Tensor, bins: Tensor) -> Answer:
        side = LARGEST_TILE
        while True:
            try:
                found = self._tiled(torch.stack([density, contrast]), bins, side)
                return Answer(found[0], found[1] + self.log_error_offset)
            except torch.OutOfMemoryError:
                side //= 2
                if side < 2 * MARGIN:
                    raise _too_large() from None

    def _tiled(self, seen: Tensor, bins: Tensor, side: int) -> Tensor:
        device = next(self.network.parameters()).device
        found = torch.empty_like(seen)
        for tile in tiles(seen.shape[1:], side, MARGIN, GRID):
            part = seen[(slice(None), *tile.seen)].to(device)
            answer = torch.cat(self.network(part[:1], part[1:], bins[None].to(device)))
            inner = (
                slice(k.start - s.start, k.stop - s.start)
                for s, k in zip(tile.seen, tile.kept, strict=True)
            )
            found[(slice(None), *tile.kept)] = answer[(slice(None), *inner)].to(found)
        return found


def save_denoiser(path: Path, denoiser: LearnedDenoiser, facts: dict[str, Any]) -> None:
    """Write weights with what is needed to use them, and what else is to be known of them."""
    tensors = {k: v.float().cpu().numpy() for k, v in denoiser.network.state_dict().items()}
    described = {
        "config": denoiser.network.config.model_dump(),
        "log_error_offset": denoiser.log_error_offset,
        "floor": denoiser.floor,
    }
    write_weights(path, tensors, KIND, facts | described)


def load_denoiser(path: Path, device: torch.device) -> LearnedDenoiser:
    """Read weights that `save_denoiser` has written.

    Raises
    ------
    CryoAIError
        If the file is no such thing, or of a network that this version does not know.
    """
    weights = read_weights(path, KIND)
    try:
        config = NetworkConfig.model_validate(weights.facts["config"])
        network = MapNetwork(config)
        network.load_state_dict({k: torch.from_numpy(v) for k, v in weights.tensors.items()})
        offset, floor = (float(weights.facts[name]) for name in ("log_error_offset", "floor"))
    except (ValidationError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CryoAIError(
            "holds a network that this version does not know",
            path=path,
            remedy="Take weights that this version has trained, or update napari-cryoai",
        ) from error
    return LearnedDenoiser(network.eval().requires_grad_(False).to(device), offset, floor)


def _solvent_level(map_: Tensor, mask: Tensor) -> Tensor:
    """Mean outside the mask: what a map is shifted by, which a mask would make a shape of."""
    outside = 1 - mask
    return (map_ * outside).sum() / outside.sum().clamp(min=1.0)


def _too_large() -> CryoAIError:
    return CryoAIError(
        "the map does not fit into the memory of the graphics card",
        remedy="Choose the device cpu, or crop the map",
    )


def _error_of_data(known: Evidence) -> float:
    """Squared error of a standardised half map inside the molecule: what the FSC leaves open."""
    k = torch.arange(known.fsc.numel(), dtype=torch.float64)
    g = k * known.spacing
    density = (standard_amplitude(g) * known.trailing()).square() * (1 - known.fsc)
    held = g <= 1 / (2 * PIXEL_A)
    return max(float(torch.trapezoid((4 * torch.pi * g**2 * density)[held], g[held])), 1e-6)


def _with_amplitudes(density: Tensor, known: Evidence, mask: Tensor, pixel_size_A: float) -> Tensor:
    """The density with the power that the data's signal has in each shell."""
    volume = mask.square().sum() / pixel_size_A**3
    have = smooth(power_spectrum(density * mask)) / volume  # as the data's own was measured
    gain = (known.signal.square() / have.clamp(min=1e-30)).sqrt().clamp(LEAST, MOST)
    # Where there is hardly any noise the amplitudes are the data's already.
    part = ((1 - known.fsc) / NOISY).clamp(max=1.0) * (known.fsc > 0)
    return weighted(density, 1 + part * (gain - 1))


def _needed(known: Evidence, floor: float) -> Tensor:
    """`(k,)` share of the change that brings each shell nearest to the truth.

    The weights of two estimates of independent errors: the data's noise and the network's floor,
    both over the signal.
    """
    noise = (1 - known.fsc) / known.fsc.clamp(min=1e-6)
    return noise / (noise + floor)


def _finer_than_outline(known: Evidence) -> Tensor:
    """`(k,)` 0 for what makes the outline of the molecule, which data know well, and 1 beyond."""
    g = torch.arange(known.fsc.numel(), dtype=known.fsc.dtype) * known.spacing
    return 1 - torch.exp(-((g * OUTLINE_A) ** 2))


def _filtered(density: Tensor, curve: Tensor, known: Evidence) -> Tensor:
    shape = tuple(density.shape)
    weight = known.on(curve, shape, 1 / (known.spacing * max(shape)))
    return to_real(to_fourier(density, 3) * weight, shape)


def _beyond(known: Evidence, grid: Sequence[int]) -> Tensor:
    """`(k,)` Wiener weight of the shells that the networks' grid does not hold."""
    weight = known.fsc * known.trailing()
    held = max(grid) // 2 + 1
    return torch.cat([torch.zeros_like(weight[:held]), weight[held:]])
