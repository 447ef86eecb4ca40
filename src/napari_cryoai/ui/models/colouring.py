"""What residues are coloured by, and in which colours. Knows neither Qt nor napari."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.atomic_model import AtomicModel
from napari_cryoai.core.model_of import b_factors_of, rows_of_chains
from napari_cryoai.ui.maps.colouring import SCALES, Scale

Floats = NDArray[np.float64]

CONFIDENCE, Q, CHAIN = "Confidence", "Q-score", "Chain"
SECONDARY, PLACE, B_FACTOR = "Secondary structure", "Place in the sequence", "B-factor"
REFERENCE = "Difference from another model"
UNKNOWN = "#8d9199"
SELECTED = "#ff5ccd"
# Okabe and Ito's, lighter, so that they can be shaded; no two of them differ in hue alone.
CHAIN_COLOURS = (
    "#62b6ea", "#e3a75f", "#5fc7a2", "#d695bb", "#e5d95c", "#9aa5e8", "#e0805a", "#b4b8c0",
    "#a3d977", "#c7a58a",
)  # fmt: skip
KINDS = {"H": ("Helix", "#9a8fe8"), "E": ("Strand", "#eccb4b"), "C": ("Coil", "#c9ccd2")}
MATCHES = {
    "matched": "#62b6ea",
    "another residue type": "#f0e05a",
    "not in the other model": "#e0692a",
}


@dataclass(frozen=True, eq=False)
class Coloured:
    """The colours of all residues, and what they mean.

    Attributes
    ----------
    rgb
        `(n, 3)` uint8.
    scale
        Of numbers; else None.
    keys
        Words and their colours; empty for numbers.
    """

    rgb: NDArray[np.uint8]
    scale: Scale | None = None
    keys: tuple[tuple[str, str], ...] = ()


def properties_of(model: AtomicModel, match: NDArray[np.str_] | None = None) -> list[str]:
    """What is known of a model's residues, the most telling first."""
    residues = model.residues
    known = {
        CONFIDENCE: np.isfinite(residues.confidence).any(),
        Q: np.isfinite(residues.q).any(),
        CHAIN: True,
        SECONDARY: True,
        PLACE: True,
        B_FACTOR: np.ptp(model.structure.b_factors_A2) > 0 if len(model.structure) else False,
        REFERENCE: match is not None,
    }
    return [name for name, there in known.items() if there]


def first_colours(model: AtomicModel) -> str:
    """What a model is coloured by at first: how sure it is; else chains, or the one chain's way."""
    found = properties_of(model)[0]
    one_chain = len(np.unique(model.residues.chains)) == 1
    return PLACE if found == CHAIN and one_chain else found


def coloured(model: AtomicModel, by: str, match: NDArray[np.str_] | None = None) -> Coloured:
    """Colour the residues by one of `properties_of`; what is not known is grey."""
    if by == REFERENCE and match is not None:
        return _by_words(match, MATCHES)
    return _COLOURINGS.get(by, _by_chain)(model)


def rgb_of(colour: str) -> NDArray[np.uint8]:
    """`(3,)` of "#rrggbb"."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.uint8)


def _by_confidence(model: AtomicModel) -> Coloured:
    scale = Scale(CONFIDENCE, (0.0, 1.0), "good is high", meaning=("doubtful", "sure"))
    return _by_numbers(model.residues.confidence, scale)


def _by_q(model: AtomicModel) -> Coloured:
    scale = Scale(Q, (0.0, 0.8), "good is high", meaning=("not in the map", "clear"))
    return _by_numbers(model.residues.q, scale)


def _by_b_factor(model: AtomicModel) -> Coloured:
    values = b_factors_of(model)
    low, high = (float(v) for v in np.quantile(values, (0.02, 0.98))) if len(values) else (0, 1)
    limits = (low, high if high > low else low + 1.0)
    return _by_numbers(values, Scale(B_FACTOR, limits, "good is low", "Å²", ("firm", "mobile")))


def _by_place(model: AtomicModel) -> Coloured:
    place = np.zeros(len(model.residues))
    for rows in rows_of_chains(model.residues.chains):
        place[rows] = np.linspace(0, 1, len(rows)) if len(rows) > 1 else 0.5
    return _by_numbers(place, Scale(PLACE, (0.0, 1.0), "rainbow", "", ("N terminus", "C terminus")))


def _by_chain(model: AtomicModel) -> Coloured:
    names = dict.fromkeys(model.residues.chains.tolist())
    n = len(CHAIN_COLOURS)
    return _by_words(
        model.residues.chains, {name: CHAIN_COLOURS[i % n] for i, name in enumerate(names)}
    )


def _by_secondary(model: AtomicModel) -> Coloured:
    found = _by_words(model.residues.secondary, {kind: hue for kind, (_, hue) in KINDS.items()})
    return Coloured(found.rgb, keys=tuple(KINDS.values()))


_COLOURINGS: dict[str, Callable[[AtomicModel], Coloured]] = {
    CONFIDENCE: _by_confidence,
    Q: _by_q,
    CHAIN: _by_chain,
    SECONDARY: _by_secondary,
    PLACE: _by_place,
    B_FACTOR: _by_b_factor,
}


def _by_numbers(values: Floats, scale: Scale) -> Coloured:
    stops = np.array([rgb_of(colour) for colour in SCALES[scale.scale]], float)
    low, high = scale.limits
    known = np.isfinite(values)
    at = np.clip((np.where(known, values, low) - low) / (high - low), 0, 1) * (len(stops) - 1)
    rgb = np.stack([np.interp(at, np.arange(len(stops)), channel) for channel in stops.T], axis=1)
    rgb[~known] = rgb_of(UNKNOWN)
    return Coloured(np.round(rgb).astype(np.uint8), scale)


def _by_words(words: NDArray[np.str_], hues: Mapping[str, str]) -> Coloured:
    rgb = np.tile(rgb_of(UNKNOWN), (len(words), 1))
    for word, hue in hues.items():
        rgb[words == word] = rgb_of(hue)
    return Coloured(rgb, keys=tuple(hues.items()))
