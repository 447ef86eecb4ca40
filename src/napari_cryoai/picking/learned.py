"""The learned detector: what a trained network finds on a prepared micrograph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.weights import Weights, read_weights, write_weights
from napari_cryoai.nets.tiling import Slices, Tile, tiles
from napari_cryoai.picking.calibration import Calibration
from napari_cryoai.picking.familiar import Familiar
from napari_cryoai.picking.network import STRIDE, PickerConfig, PickerNetwork
from napari_cryoai.picking.peaks import find_peaks
from napari_cryoai.picking.preprocess import DIAMETER_PX, Prepared
from napari_cryoai.picking.spacing import (
    CLOSEST,
    ENOUGH,
    NEARLY,
    SPACING,
    next_to_better,
    real_share,
)

Image = NDArray[np.float32]

KIND = "picker"
FAMILIAR = "familiar."

PEAK_DISTANCE = SPACING * DIAMETER_PX

LOWEST = -6.0
"""Logit of the lowest peaks that calibration is about."""

FLOOR = 0.02
"""Peaks of a lower probability are not kept."""

PLANES = 5
"""Of a field: heat, offset in y and x, size, junk."""

LARGEST_TILE = 1280
MARGIN = 3 * DIAMETER_PX
"""In pixels of the prepared image; a micrograph is nearly always one tile."""


@dataclass(frozen=True, eq=False)
class Picker:
    """A trained network and what its answers mean.

    Attributes
    ----------
    network
        In evaluation mode, on the device it runs on.
    calibration
        From its logits to probabilities, and the threshold that goes with them.
    digest
        Of its weights.
    familiar
        What the micrographs that it has learned from are like; None if that is not known.
    spacing
        Diameters between two picks at least; None if each micrograph is to tell.
    """

    network: PickerNetwork
    calibration: Calibration
    digest: str = ""
    familiar: Familiar | None = None
    spacing: float | None = None


@dataclass(frozen=True, eq=False)
class Field:
    """The answer of the network, cell by cell.

    Attributes
    ----------
    heat
        `(h, w)` logits.
    offset
        `(2, h, w)`.
    size
        `(h, w)` diameters over the one given.
    junk
        `(h, w)` logits.
    """

    heat: Image
    offset: Image
    size: Image
    junk: Image

    @classmethod
    def of_planes(cls, planes: Image) -> Field:
        """From `(5, h, w)`, as the last layer of the network gives them."""
        heat, dy, dx, size, junk = planes
        return cls(heat, np.stack([dy, dx]), np.exp(np.clip(size, -2, 2)), junk)


@dataclass(frozen=True, eq=False)
class Detections:
    """What was found.

    Attributes
    ----------
    yx
        `(n, 2)` centres on the prepared grid, best first.
    score
        `(n,)` probability of being a particle.
    size
        `(n,)` diameters over the one given.
    junk
        bool, over the whole image, in cells of `STRIDE` pixels.
    strangeness
        See `Familiar.strangeness`; 0 if not known.
    """

    yx: NDArray[np.float64]
    score: NDArray[np.float32]
    size: NDArray[np.float32]
    junk: NDArray[np.bool_]
    strangeness: float = 0.0


def detect_learned(prepared: Prepared, picker: Picker) -> Detections:
    """Find particles."""
    field, features = look_closely(prepared.white, picker.network)
    found = detections(field, picker.calibration, picker.spacing)
    if picker.familiar is None:
        return found
    return replace(found, strangeness=picker.familiar.strangeness(features))


def detections(field: Field, calibration: Calibration, spacing: float | None = None) -> Detections:
    """What the answer of a network amounts to; `spacing` is that of a `Picker`."""
    yx, logit, size = peaks(field, LOWEST, spacing or own_spacing(field, calibration))
    junk = field.junk > 0
    at = np.clip(((yx + 0.5) / STRIDE).astype(np.intp), 0, np.array(junk.shape) - 1)
    score = calibration.scores(logit, counted=~junk[at[:, 0], at[:, 1]])
    kept = score >= FLOOR
    return Detections(yx[kept], score[kept], size[kept], junk)


def own_spacing(field: Field, calibration: Calibration) -> float:
    """Diameters between two picks at least: less than usual where particles overlap."""
    _, close = close_peaks(field, calibration)
    real = real_share(int(np.sum(~close)), int(np.sum(close)))
    return CLOSEST if real > ENOUGH else SPACING


def close_peaks(
    field: Field, calibration: Calibration, spacing: float = SPACING
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Cells `(n, 2)` of likely peaks, `CLOSEST` apart; and which have a better one too near."""
    cells, logit = peak_cells(field, LOWEST, CLOSEST)
    y, x = cells.T
    likely = calibration.probability(logit) >= NEARLY * calibration.threshold
    cells = cells[likely & (field.junk[y, x] <= 0)]
    return cells, next_to_better(cells, spacing * DIAMETER_PX / STRIDE)


def peaks(
    field: Field, floor: float, spacing: float = SPACING
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
    """Separate peaks of the heat map.

    Parameters
    ----------
    floor
        Logit.
    spacing
        Diameters between two of them at least.

    Returns
    -------
    yx
        `(n, 2)` centres in pixels, best first.
    logit, size
        `(n,)` each.
    """
    cells, logit = peak_cells(field, floor, spacing)
    y, x = cells.T
    centres = cells + field.offset[:, y, x].T
    yx = np.asarray((centres + 0.5) * STRIDE - 0.5, np.float64)
    return yx, logit, field.size[y, x]


def peak_cells(
    field: Field, floor: float, spacing: float = SPACING
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The cells `(n, 2)` of the separate peaks of the heat map, best first, and its values."""
    distance = spacing * DIAMETER_PX / STRIDE
    at, height = find_peaks(field.heat - np.float32(floor), distance)
    cells = np.clip(np.rint(at).astype(np.intp), 0, np.array(field.heat.shape) - 1)
    return cells, np.asarray(height + np.float32(floor), np.float32)


def look(white: Image, network: PickerNetwork) -> Field:
    """Run the network on an image, in tiles if it is large or memory is short."""
    return Field.of_planes(_run(white, network, lambda features: network.heads(features), PLANES))


def look_closely(white: Image, network: PickerNetwork) -> tuple[Field, NDArray[np.float16]]:
    """`look`, and the features `(c, h, w)` that the heads had to judge by."""

    def both(features: Tensor) -> Tensor:
        return torch.cat([network.heads(features), features], 1)

    planes = _run(white, network, both, PLANES + network.config.fine_dim)
    return Field.of_planes(planes[:PLANES]), planes[PLANES:].astype(np.float16)


def save_picker(path: Path, picker: Picker, facts: dict[str, Any]) -> None:
    """Write the network's weights with what is needed to use them.

    Parameters
    ----------
    facts
        What else is to be known about them: data, seed, figures.
    """
    tensors = {k: v.float().cpu().numpy() for k, v in picker.network.state_dict().items()}
    described: dict[str, Any] = {
        "config": picker.network.config.model_dump(),
        "calibration": picker.calibration._asdict(),
        "spacing": picker.spacing,
    }
    if picker.familiar is not None:
        mean, whitening, limit = picker.familiar
        tensors |= {FAMILIAR + "mean": mean, FAMILIAR + "whitening": whitening}
        described["familiar_to"] = limit
    write_weights(path, tensors, KIND, facts | described)


def load_picker(path: Path, device: torch.device | None = None) -> Picker:
    """Read a picker.

    Raises
    ------
    CryoAIError
        If the file holds none, or one of an architecture that this program does not know.
    """
    weights = read_weights(path, KIND)
    try:
        config = PickerConfig.model_validate(weights.facts["config"])
        told = weights.facts["calibration"]
        calibration = Calibration(**{key: float(value) for key, value in told.items()}).checked()
        network = PickerNetwork(config)
        familiar = _familiar(weights)
        spacing = _spacing(weights)
        own = {k: v for k, v in weights.tensors.items() if not k.startswith(FAMILIAR)}
        network.load_state_dict({k: torch.from_numpy(v) for k, v in own.items()})
    except (
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        ValidationError,
        RuntimeError,
    ) as error:
        raise CryoAIError(
            "holds a picker of another architecture than this version knows",
            path=path,
            remedy="Train it again with 'cryoai train picker', or update napari-cryoai",
        ) from error
    network.eval().requires_grad_(False).to(device or torch.device("cpu"))
    return Picker(network, calibration, weights.digest, familiar, spacing)


def _spacing(weights: Weights) -> float | None:
    told = weights.facts.get("spacing")
    if told is None:
        return None
    spacing = float(told)
    if not 0.2 <= spacing <= 2:
        raise ValueError(f"{spacing} diameters are no spacing")
    return spacing


def _familiar(weights: Weights) -> Familiar | None:
    if "familiar_to" not in weights.facts:
        return None
    mean, whitening = (weights.tensors[FAMILIAR + name] for name in ("mean", "whitening"))
    channels = weights.facts["config"]["fine_dim"]
    limit = float(weights.facts["familiar_to"])
    if mean.shape != (channels,) or whitening.shape != (channels, channels) or not limit > 0:
        raise ValueError("mean, spread and limit do not go together")
    return Familiar(mean, whitening, limit)


def _run(
    white: Image, network: PickerNetwork, answer: Callable[[Tensor], Tensor], count: int
) -> Image:
    """`(count, h, w)`: what `answer` makes of the features."""
    side = LARGEST_TILE
    while True:
        try:
            return _tiled(white, network, answer, count, side)
        except torch.OutOfMemoryError:
            side //= 2
            if side < 4 * MARGIN:
                raise CryoAIError(
                    "the graphics card has not enough free memory to pick on",
                    remedy="End other programs that use it, or choose the device cpu",
                ) from None


@torch.inference_mode()
def _tiled(
    white: Image, network: PickerNetwork, answer: Callable[[Tensor], Tensor], count: int, side: int
) -> Image:
    ny, nx = white.shape
    planes = np.empty((count, -(-ny // STRIDE), -(-nx // STRIDE)), np.float32)
    for tile in tiles((ny, nx), side, MARGIN, network.config.multiple):
        planes[:, *_cells(tile.kept)] = _part(white, network, answer, tile)
    return planes


def _part(
    white: Image, network: PickerNetwork, answer: Callable[[Tensor], Tensor], tile: Tile
) -> Image:
    device = next(network.parameters()).device
    image = torch.from_numpy(np.ascontiguousarray(white[tile.seen]))[None, None].to(device)
    seen = answer(network.features(image))[0].float().cpu().numpy()
    inner = [
        slice(kept.start // STRIDE - whole.start // STRIDE, None)
        for kept, whole in zip(tile.kept, tile.seen, strict=True)
    ]
    height, width = (-(-(s.stop - s.start) // STRIDE) for s in tile.kept)
    return np.asarray(seen[:, *inner][:, :height, :width])


def _cells(kept: Slices) -> tuple[slice, ...]:
    return tuple(slice(s.start // STRIDE, -(-s.stop // STRIDE)) for s in kept)
