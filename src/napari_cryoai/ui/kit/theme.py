"""Colours: those of napari's theme for the widgets, and colour-blind safe ones for the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.settings import get_settings
from napari.utils.colormaps import ensure_colormap
from napari.utils.theme import get_theme
from numpy.typing import NDArray
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QWidget

from napari_cryoai.ui.kit.settings import setting

# Vermilion, yellow and sky blue of Okabe and Ito (https://jfly.uni-koeln.de/color/): told apart
# with any colour vision, and all of them bright, so that they stand out from grey noise.
SCORE_STOPS = np.array([[0.90, 0.45, 0.12], [0.95, 0.90, 0.25], [0.34, 0.78, 0.98]])
MANUAL = np.array([1.0, 0.55, 0.85, 1.0])
FADED = np.array([0.72, 0.72, 0.72, 0.8])
MATCHED = "#56b4e9"
MISSED = "#f0e442"
FALSE = "#e6731f"
PAINT = (0.90, 0.45, 0.12, 0.45)
JUNK = (0.60, 0.30, 0.75, 0.35)


def themed(widget: Any, dress: Callable[[], object]) -> Any:
    """Dress a widget in the colours of the theme, now and whenever the theme changes."""
    dress()
    widget.dress = dress
    return widget


def dress_again(root: QWidget) -> None:
    """Follow a change of the theme, in all widgets below one."""
    for widget in root.findChildren(QWidget):
        if hasattr(widget, "dress"):
            widget.dress()
        widget.update()


def colour(role: str) -> QColor:
    """A colour of the theme that napari shows now: "background", "text", "error", ..."""
    theme = get_theme(get_settings().appearance.theme)
    return QColor(*getattr(theme, role).as_rgb_tuple())


def score_rgba(score: NDArray[np.floating], span: tuple[float, float]) -> NDArray[np.float64]:
    """`(n, 4)` colours of scores; NaN, which nobody scored, gets the colour of manual picks."""
    low, high = span
    t = np.clip((np.asarray(score, float) - low) / max(high - low, 1e-12), 0, 1)
    name = setting("colours", "vermilion-blue")
    if name in ("viridis", "plasma"):
        rgba = np.array(ensure_colormap(name).map(np.nan_to_num(t)), float)
    else:
        rgba = np.ones((len(t), 4))
        at = np.linspace(0, 1, len(SCORE_STOPS))
        for channel in range(3):
            rgba[:, channel] = np.interp(t, at, SCORE_STOPS[:, channel])
    rgba[np.isnan(t)] = MANUAL
    return rgba


def score_span(score: NDArray[np.floating], *, calibrated: bool = False) -> tuple[float, float]:
    """The scores between which colours and histograms run: all but stray extremes.

    Those of a calibrated detector are probabilities, and run from 0 to 1.
    """
    if calibrated:
        return 0.0, 1.0
    finite = score[np.isfinite(score)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.percentile(finite, (1, 99.5))
    return float(low), float(high if high > low else low + 1)
