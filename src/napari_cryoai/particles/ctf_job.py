"""The CTF job: micrographs to their defocus, and a picture of each fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from napari_cryoai.core.errors import CryoAIError, naming
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.jobs.batch import Store, over_items
from napari_cryoai.jobs.executor import Workers
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.particles.ctf_estimation import CtfFit, CtfParams, estimate_ctf
from napari_cryoai.particles.ctf_picture import ctf_picture


@dataclass(frozen=True, eq=False)
class FoundCtf:
    """What was found on one micrograph; the preview of the job's progress.

    Attributes
    ----------
    ctf
        Its values.
    picture
        Bytes of a PNG file; empty in what an earlier run found, and in the result of the job.
    """

    ctf: MicrographCtf
    picture: bytes = b""


@dataclass(frozen=True, eq=False)
class CtfResult:
    """What the job found.

    Attributes
    ----------
    ctfs
        In the order in which the micrographs were given.
    problems
        Why micrographs are missing.
    """

    ctfs: list[MicrographCtf]
    problems: list[CryoAIError]


def estimate_ctfs(
    params: CtfParams,
    micrographs: Sequence[Micrograph],
    *,
    store: Store[FoundCtf] | None = None,
    workers: Workers = 1,
    scheduler: str | None = None,
) -> Job[CtfResult]:
    """Estimate the CTF of each micrograph.

    Parameters
    ----------
    store
        Keeps the results of single micrographs, and knows those of a run that was cut short.
    workers, scheduler
        See `jobs.executor.map_items`.

    Yields
    ------
    progress
        One step per micrograph, with a `FoundCtf` as its preview or the problem it had.

    Returns
    -------
    result
        A `CtfResult`.

    Raises
    ------
    CryoAIError
        If not one CTF can be estimated.
    """
    if not micrographs:
        raise _nothing_to_do()
    yield Progress(0, len(micrographs), "Preparing")
    batch = yield from over_items(
        partial(ctf_of, params=params),
        micrographs,
        [m.name for m in micrographs],
        store=store,
        workers=workers,
        scheduler=scheduler,
    )
    return CtfResult([one.ctf for one in batch.ordered()], batch.problems)


def ctf_of(micrograph: Micrograph, params: CtfParams) -> FoundCtf:
    """Estimate the CTF of one micrograph, and draw it."""
    pixel_size_A = micrograph.require_pixel_size()
    with naming(micrograph.path):
        fit = estimate_ctf(micrograph.read(), pixel_size_A, params)
    return FoundCtf(row_of(micrograph.name, fit, pixel_size_A), ctf_picture(fit, micrograph.name))


def row_of(name: str, fit: CtfFit, pixel_size_A: float) -> MicrographCtf:
    """A fit as files have it."""
    return MicrographCtf(
        name,
        fit.defocus_u_A,
        fit.defocus_v_A,
        fit.defocus_angle_deg,
        fit.optics.voltage_kV,
        fit.optics.cs_mm,
        fit.optics.amplitude_contrast,
        pixel_size_A,
        fit.phase_shift_deg,
        fit.score,
        fit.fit_resolution_A,
    )


def _nothing_to_do() -> CryoAIError:
    return CryoAIError("there are no micrographs to estimate the CTF of", remedy="Open some first")
