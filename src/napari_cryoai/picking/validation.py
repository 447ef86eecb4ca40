"""How well a picker does on examples whose particles are known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.picking.batches import Examples
from napari_cryoai.picking.calibration import (
    Calibration,
    best_threshold,
    calibration_error,
    fit,
)
from napari_cryoai.picking.evaluate import average_precision, match, precision_recall
from napari_cryoai.picking.familiar import Familiar, summary
from napari_cryoai.picking.familiar import fit as fit_familiar
from napari_cryoai.picking.learned import LOWEST, look_closely, peaks
from napari_cryoai.picking.network import PickerNetwork
from napari_cryoai.picking.preprocess import DIAMETER_PX

RADIUS_PX = 0.3 * DIAMETER_PX
"""A pick farther from the centre than this is no hit."""


@dataclass(frozen=True, eq=False)
class Scored:
    """Peaks of one image with the truth.

    Attributes
    ----------
    logit, hit
        `(n,)` of the peaks.
    truth
        Number of particles.
    summary
        `(c,)` of the features, see `familiar`.
    """

    logit: NDArray[np.float32]
    hit: NDArray[np.bool_]
    truth: int
    summary: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class Validation:
    """What came out.

    Attributes
    ----------
    f1, precision, recall
        Of all examples together, at the threshold where F1 is highest.
    average_precision
        Area under the curve of precision against recall.
    calibration_error
        Of a calibration by the examples of even number, on those of odd number.
    calibration
        By all of them.
    examples, particles
        How many there were.
    familiar
        What their features are like.
    """

    f1: float
    precision: float
    recall: float
    average_precision: float
    calibration_error: float
    calibration: Calibration
    examples: int
    particles: int
    familiar: Familiar | None = None

    def text(self) -> str:
        """In a line."""
        return (
            f"F1 {self.f1:.3f} (precision {self.precision:.3f}, recall {self.recall:.3f}) on "
            f"{self.examples} validation examples"
        )

    def figures(self) -> dict[str, Any]:
        """For records."""
        names = ("f1", "precision", "recall", "average_precision", "calibration_error")
        figures: dict[str, Any] = {name: round(getattr(self, name), 4) for name in names}
        return figures | {"examples": self.examples, "particles": self.particles}


def validate(network: PickerNetwork, examples: Examples, limit: int | None = None) -> Validation:
    """Run a network on examples, the first `limit` of them, and compare.

    The network's mode is left as it is.
    """
    count = min(len(examples), limit or len(examples))
    scored = [_scored(network, examples, i) for i in range(count)]
    familiar = fit_familiar(np.array([one.summary for one in scored]))
    return replace(summarised(scored), familiar=familiar)


def summarised(scored: list[Scored]) -> Validation:
    """Figures of many images together."""
    logit, hit, truth = _together(scored)
    rehearsed = fit(*_together(scored[::2])[:2])
    error = calibration_error(_scores(scored[1::2], rehearsed), _together(scored[1::2])[1])
    curve = fit(logit, hit)
    score = _scores(scored, curve)
    threshold = best_threshold(score, hit, truth - int(hit.sum())) if hit.any() else 0.5
    recall, precision, _ = precision_recall(score, hit, truth)
    f1 = 2 * recall * precision / np.maximum(recall + precision, 1e-12)
    best = int(np.argmax(f1)) if len(f1) else 0
    found = len(f1) > 0
    return Validation(
        f1=float(f1[best]) if found else 0.0,
        precision=float(precision[best]) if found else 0.0,
        recall=float(recall[best]) if found else 0.0,
        average_precision=average_precision(recall, precision),
        calibration_error=error,
        calibration=curve._replace(threshold=threshold),
        examples=len(scored),
        particles=truth,
    )


def hits(yx: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which picks are right."""
    hit = np.zeros(len(yx), np.bool_)
    hit[match(yx, truth, RADIUS_PX)[0]] = True
    return hit


def _scored(network: PickerNetwork, examples: Examples, index: int) -> Scored:
    example = examples[index]
    field, features = look_closely(example.white, network)
    yx, logit, _ = peaks(field, LOWEST)
    return Scored(logit, hits(yx, example.yx), len(example.yx), summary(features))


def _scores(scored: list[Scored], curve: Calibration) -> NDArray[np.float32]:
    """Probabilities, image by image."""
    none = np.empty(0, np.float32)
    return np.concatenate([none, *(curve.scores(one.logit) for one in scored)])


def _together(
    scored: list[Scored],
) -> tuple[NDArray[np.float32], NDArray[np.bool_], int]:
    logit = np.concatenate([np.empty(0, np.float32), *(s.logit for s in scored)])
    hit = np.concatenate([np.empty(0, np.bool_), *(s.hit for s in scored)])
    return logit, hit, sum(s.truth for s in scored)
