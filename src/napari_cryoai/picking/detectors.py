"""What finds particles on a prepared micrograph; all detectors answer alike."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from importlib.resources import files
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.picking import blob, template
from napari_cryoai.picking.junk import find_junk
from napari_cryoai.picking.preprocess import Prepared
from napari_cryoai.picking.threshold import choose_threshold, noise_level

if TYPE_CHECKING:
    from napari_cryoai.picking.learned import Detections, Picker


class Found(NamedTuple):
    """What a detector found on a micrograph.

    Attributes
    ----------
    yx
        `(n, 2)` centres on the prepared grid, best first.
    score
        `(n,)` correlation coefficients, or probabilities.
    size
        `(n,)` diameters over the one that was given.
    junk
        bool, over the whole micrograph on a coarse grid: where nothing should be picked.
    level
        The score that separates particles from the rest, if the detector is calibrated; otherwise
        what peaks of noise hardly ever reach.
    calibrated
        Whether the scores are probabilities.
    strangeness
        Of the micrograph to the detector: above 1, it is unlike all that the detector knows.
    """

    yx: NDArray[np.float64]
    score: NDArray[np.float32]
    size: NDArray[np.float32]
    junk: NDArray[np.bool_]
    level: float
    calibrated: bool = False
    strangeness: float = 0.0


_LOADING = Lock()

Detect = Callable[[Prepared], Found]


def by_blobs(prepared: Prepared) -> Found:
    """Search for the radial profile that the micrograph itself provides."""
    yx, score, radial = blob.detect_blobs(prepared)
    level = noise_level(partial(blob.search, template=radial), blob.PEAK_DISTANCE)
    return _correlated(prepared, yx, score, level)


def by_templates(prepared: Prepared, references: NDArray[np.float32]) -> Found:
    """Search for references, `(k, n, n)` on the prepared grid."""
    yx, score, whitened = template.detect_templates(prepared, references)
    search = partial(template.search, references=whitened)
    level = noise_level(search, template.PEAK_DISTANCE, size=256)
    return _correlated(prepared, yx, score, level)


def by_network(prepared: Prepared, weights: Path | None = None, device: str = "auto") -> Found:
    """Ask a trained network; its scores are probabilities.

    Parameters
    ----------
    weights
        Those that come with the program if not given; a worker on another machine finds its own.

    Raises
    ------
    CryoAIError
        If the file holds no weights of a picker, or there is no such device.
    """
    from napari_cryoai.picking.learned import detect_learned

    picker = _picker(weights, device)
    return of_network(detect_learned(prepared, picker), picker)


def of_network(found: Detections, picker: Picker) -> Found:
    """What a network found, as all detectors say it."""
    return Found(
        found.yx,
        found.score,
        found.size,
        found.junk,
        level=picker.calibration.threshold,
        calibrated=True,
        strangeness=found.strangeness,
    )


def shipped_weights() -> Path:
    """The weights of the picker that come with this program."""
    return Path(str(files("napari_cryoai.picking") / "weights" / "picker.safetensors"))


def load_ahead(weights: Path | None = None, device: str = "auto") -> None:
    """Begin to load a network while other work goes on; torch alone takes a second.

    If it cannot be loaded, `by_network` will say so.
    """

    def load() -> None:
        with suppress(CryoAIError):
            _picker(weights, device)

    Thread(target=load, daemon=True).start()


def _picker(weights: Path | None, device: str) -> Picker:
    weights = weights or shipped_weights()
    with _LOADING:
        return _loaded(weights, weights.stat().st_mtime_ns if weights.exists() else 0, device)


@lru_cache(maxsize=4)
def _loaded(weights: Path, time_ns: int, device: str) -> Picker:
    from napari_cryoai.jobs.devices import choose_device
    from napari_cryoai.picking.learned import load_picker

    return load_picker(weights, choose_device(device))


def _correlated(
    prepared: Prepared, yx: NDArray[np.float64], score: NDArray[np.float32], level: float
) -> Found:
    likely = yx[score >= choose_threshold(score, level)]
    return Found(yx, score, np.ones_like(score), find_junk(prepared, likely), level)
