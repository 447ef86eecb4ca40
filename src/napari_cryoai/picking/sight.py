"""What a learned picker sees of a micrograph, kept so that its last layer can change its mind."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.picking.detectors import of_network
from napari_cryoai.picking.learned import Field, Picker, detections, look_closely
from napari_cryoai.picking.network import STRIDE, PickerNetwork
from napari_cryoai.picking.pick import Frame, MicrographPicks, described, prepare_micrograph
from napari_cryoai.picking.preprocess import Prepared

Image = NDArray[np.float32]

HEADS = "heads."
"""How the names of those parameters begin that come after the features."""


@dataclass(frozen=True, eq=False)
class View:
    """What a picker sees of one micrograph, computed once.

    Attributes
    ----------
    name, shape
        Of the micrograph.
    zoom
        `(2,)` pixels of the micrograph per pixel of the prepared one, y and x.
    diameter_px
        Of the particle, in pixels of the micrograph; as it was given.
    diameter_A
        The same in Angstrom.
    features
        `(c, h, w)` float16: what the last layers judge by, in cells of `STRIDE` prepared pixels.
    field
        The picker's judgement.
    picker
        Who saw this.
    """

    name: str
    shape: tuple[int, int]
    zoom: NDArray[np.float64]
    diameter_px: float
    diameter_A: float
    features: NDArray[np.float16]
    field: Field
    picker: Picker

    def cells(self, yx_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points of the micrograph in cells; their middles are whole numbers."""
        return (np.asarray(yx_px, float).reshape(-1, 2) + 0.5) / (self.zoom * STRIDE) - 0.5


def see(micrograph: Micrograph, picker: Picker, diameter_A: float) -> View:
    """Prepare a micrograph and run the network on it.

    Raises
    ------
    CryoAIError
        If the micrograph cannot be read, is blank, or its pixel size is not known.
    """
    prepared = prepare_micrograph(micrograph, diameter_A)
    return view_of(micrograph, prepared, picker, diameter_A)


def view_of(micrograph: Micrograph, prepared: Prepared, picker: Picker, diameter_A: float) -> View:
    """`see`, for a micrograph that is prepared already."""
    field, features = look_closely(prepared.white, picker.network)
    return View(
        micrograph.name,
        micrograph.shape,
        prepared.zoom,
        diameter_A / micrograph.require_pixel_size(),
        diameter_A,
        features,
        field,
        picker,
    )


def field_of(view: View, picker: Picker) -> Field:
    """What another picker makes of the same features.

    What differs between the two last layers is added to what the first one said, so that the
    rounding of the features changes nothing where the pickers agree.

    Raises
    ------
    CryoAIError
        If the picker differs in more than its last layers: it would see other features.
    """
    network, before = picker.network, view.picker.network
    if network is before:
        return view.field
    if not same_trunk(network, before):
        raise CryoAIError(
            f"{view.name} was seen by another network than this picker's",
            remedy="Let the picker look at the micrograph again",
        )
    change = _heads(view, network) - _heads(view, before)
    seen = view.field
    return Field(
        seen.heat + change[0],
        seen.offset + change[1:3],
        seen.size * np.exp(change[3]),
        seen.junk + change[4],
    )


def hidden_of(view: View, network: PickerNetwork) -> NDArray[np.float32]:
    """`(c, h, w)`: what the last layer is shown."""
    device = next(network.parameters()).device
    with torch.inference_mode():
        features = torch.from_numpy(view.features).to(device).float()
        return np.asarray(network.heads[:-1](features[None])[0].cpu().numpy())


def same_trunk(one: PickerNetwork, other: PickerNetwork) -> bool:
    """Whether two networks compute the same features."""
    if one.config != other.config:
        return False
    theirs = dict(other.named_parameters())
    return all(
        value is theirs[name] or torch.equal(value.cpu(), theirs[name].cpu())
        for name, value in one.named_parameters()
        if not name.startswith(HEADS)
    )


def with_own_heads(network: PickerNetwork) -> PickerNetwork:
    """A copy whose last layers can be changed; all else is shared.

    A session may hold a hundred pickers that differ in their last layers, for undo.
    """
    trunk = [p for name, p in network.named_parameters() if not name.startswith(HEADS)]
    return deepcopy(network, {id(tensor): tensor for tensor in (*trunk, *network.buffers())})


def heat_map(view: View, picker: Picker) -> Image:
    """`(h, w)` probability that a particle has its centre in a cell of `STRIDE` prepared pixels."""
    return picker.calibration.probability(field_of(view, picker).heat)


def picks_of(view: View, picker: Picker) -> MicrographPicks:
    """What the picker finds, without running its network again."""
    found = detections(field_of(view, picker), picker.calibration, picker.spacing)
    if picker.familiar is not None:
        found = replace(found, strangeness=picker.familiar.strangeness(view.features))
    frame = Frame(view.name, view.shape, view.zoom, view.diameter_px, view.diameter_A)
    return described(of_network(found, picker), frame)


@torch.inference_mode()
def _heads(view: View, network: PickerNetwork) -> Image:
    """`(5, h, w)`: the last layers, at work on features that are known."""
    device = next(network.parameters()).device
    features = torch.from_numpy(view.features).to(device).float()
    return np.asarray(network.heads(features[None])[0].float().cpu().numpy())


def at_peak(image: Image, cells: NDArray[np.intp]) -> Image:
    """The highest value of each cell `(n, 2)` and its eight neighbours."""
    padded = np.pad(image, 1, mode="edge")
    y, x = cells.T
    around = [padded[y + dy, x + dx] for dy in range(3) for dx in range(3)]
    return np.asarray(np.max(around, axis=0), np.float32)
